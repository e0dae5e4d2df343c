"""Makes the stub of the nouns for asyncio: ``python -m tests.support.async_nouns``."""

import ast
import builtins
import inspect
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twinline.client import Client, aio_nouns
from twinline.client.tables import Table

STUB = Path(aio_nouns.__file__).with_suffix(".pyi")
_HEAD = (
    '"""The nouns of the client for asyncio; made by ``python -m tests.support.async_nouns``."""'
)
_CLIENT = "twinline.client"


def made() -> str:
    """The stub as it should be."""
    client = Client("http://127.0.0.1:1")
    kinds = {name: type(noun) for name, noun in aio_nouns.nouns(client).items()}
    client.close()
    imports = {
        f"from {_CLIENT}.client import Client",
        f"from {_CLIENT}.waiting import Waiting",
        "from collections.abc import AsyncIterator",
    }
    classes = [_class(kind, imports) for kind in kinds.values()]
    members = [f"    {name}: Async{kind.__name__}" for name, kind in kinds.items()]
    nouns = [
        "class AsyncNouns:",
        f'    """{inspect.getdoc(aio_nouns.AsyncNouns)}"""',
        *members,
        "    def __init__(self, client: Client, waiting: Waiting) -> None: ...",
    ]
    return _formatted("\n".join([_HEAD, *sorted(imports), *classes, *nouns]))


def _class(kind: type, imports: set[str]) -> str:
    source = ast.parse(inspect.getsource(sys.modules[kind.__module__]))
    parsed = next(
        one for one in source.body if isinstance(one, ast.ClassDef) and one.name == kind.__name__
    )
    named = _Named(kind.__module__, source)
    lines = [f"class Async{kind.__name__}:", _said(parsed, "    ")]
    lines += [
        _method(kind, method, named)
        for method in parsed.body
        if isinstance(method, ast.FunctionDef) and method.name in aio_nouns.methods(kind)
    ]
    imports |= named.imports
    return "\n".join(lines)


def _method(kind: type, method: ast.FunctionDef, named: "_Named") -> str:
    given, returns = named.visit(method.args), named.visit(method.returns)
    answer = aio_nouns.answer_of(getattr(kind, method.name))
    listed = "Async" if answer is Iterator else ""
    awaited = "" if answer in (Iterator, Table) else "async "
    signature = f"{awaited}def {method.name}({ast.unparse(given)}) -> {listed}"
    return f"    {signature}{ast.unparse(returns)}:\n{_said(method, '        ')}"


class _Named(ast.NodeTransformer):
    """Names everything so that it can be imported into one file, and notes the imports."""

    def __init__(self, module: str, source: ast.Module) -> None:
        self._module = module
        self._from = {
            one.asname or one.name: line.module if isinstance(line, ast.ImportFrom) else None
            for line in ast.walk(source)
            if isinstance(line, ast.Import | ast.ImportFrom)
            for one in line.names
        }
        self.imports: set[str] = set()

    def visit_Name(self, node: ast.Name) -> ast.expr:
        module = self._from.get(node.id, self._module)
        if node.id not in self._from and hasattr(builtins, node.id):
            return node
        if module is None:
            self.imports.add(f"import {node.id}")
        elif module.startswith(f"{_CLIENT}."):  # two of them may have the same word
            short = module.removeprefix(f"{_CLIENT}.")
            self.imports.add(f"from {_CLIENT} import {short}")
            return ast.Attribute(ast.Name(short), node.id)
        elif node.id != "Iterator":
            self.imports.add(f"from {module} import {node.id}")
        return node


def _said(part: Any, indent: str) -> str:
    first = (ast.get_docstring(part) or "").split("\n\n")[0].strip().removesuffix("::")
    lines = textwrap.wrap(" ".join(first.split()), 96 - len(indent) - 3)
    closing = f"\n{indent}" if len(lines) > 1 else ""
    return indent + '"""' + f"\n{indent}".join(lines) + closing + '"""'


def _formatted(text: str) -> str:
    for words in (["check", "--select", "I", "--fix"], ["format"]):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "--quiet", "--stdin-filename", str(STUB), "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        )
        text = ran.stdout
    return text


if __name__ == "__main__":
    STUB.write_text(made())
