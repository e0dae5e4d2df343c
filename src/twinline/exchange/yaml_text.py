"""YAML as far as it says what JSON can: what was written by hand or by `dump`, both ways.

Scalars are read as YAML 1.2's core schema has them, so that ``no`` is a word, ``1e-5`` a number
and ``2026-01-01`` no date. Anchors, aliases and tags are refused, for they make a small
file into a large value or into an object of somebody's choice.
"""

import json
import re
import sys
from typing import Any

import yaml

from twinline.language import strict_json
from twinline.language.errors import Invalid, MalformedJson

CHARACTERS_MAX = 1 << 20

_NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_PLAIN = {
    "tag:yaml.org,2002:null": (re.compile(r"null|~|"), ["n", "~", ""]),
    "tag:yaml.org,2002:bool": (re.compile(r"true|false"), ["t", "f"]),
    "tag:yaml.org,2002:int": (re.compile(r"[-+]?(?:0|[1-9][0-9]*)"), [*"-+0123456789"]),
    "tag:yaml.org,2002:float": (_NUMBER, [*"-+.0123456789"]),
}


def load(text: str) -> dict[str, Any]:
    """The JSON object that a YAML text says; an empty text says an empty one.

    Raises:
        Invalid: it says something else, is longer than a million characters, is nested deeper
            than 64, has an anchor, an alias, a tag or a member twice; the place is named.
    """
    if len(text) > CHARACTERS_MAX:
        raise Invalid(f"It has {len(text):,} characters; {CHARACTERS_MAX:,} are the most.")
    try:
        found: object = yaml.load(text, _Loader)  # noqa: S506 -- a safe loader, made narrower
        value = strict_json.loads(json.dumps({} if found is None else found).encode())
    except (yaml.YAMLError, MalformedJson, ValueError, OverflowError) as error:
        raise Invalid(_said(error)) from error
    if not isinstance(value, dict):
        raise Invalid(f"It is a {type(value).__name__}, not names with values.")
    return value  # pyright: ignore[reportUnknownVariableType] -- any JSON object


def _said(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        why = ", ".join(said for said in (error.context, error.problem) if said)
        return f"{why} (its line {mark.line + 1}, column {mark.column + 1})"
    return " ".join(str(error).split())


def dump(value: dict[str, Any]) -> str:
    """A JSON object as YAML, its members in their order, one a line where they are scalars."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=sys.maxsize)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 -- yaml's own way

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        reader: Any = self  # whose events the stubs do not know
        event = reader.peek_event()
        if getattr(event, "anchor", None) is not None:
            raise _refused("anchors and aliases are not read", event)
        if getattr(event, "tag", None) is not None:
            raise _refused(f"tags are not read, and {event.tag!r} is one", event)
        if self._depth > strict_json.DEPTH_MAX:
            raise _refused(f"it is nested deeper than {strict_json.DEPTH_MAX}", event)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Any, Any]:
        seen = set[str]()
        for key, _ in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is None or key.tag != "tag:yaml.org,2002:str":
                raise _refused("a name is no text; put it in quotes", key)
            if name in seen:
                raise _refused(f"{name!r} is there twice", key)
            seen.add(name)
        assert isinstance(node, yaml.MappingNode)
        return super().construct_mapping(node, deep=deep)


class _Dumper(yaml.SafeDumper):
    """Quotes what either version of YAML would read as something else than text."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 -- the interface names it
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)  # pyright: ignore[reportUnknownMemberType] -- its value may be anything


def _refused(why: str, at: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=why, problem_mark=at.start_mark)


for _tag, (_pattern, _first) in _PLAIN.items():
    _whole = re.compile(rf"(?:{_pattern.pattern})\Z")
    yaml.add_implicit_resolver(_tag, _whole, _first, Loader=_Loader, Dumper=_Dumper)  # pyright: ignore[reportArgumentType] -- the stubs know fewer loaders
_Dumper.add_representer(str, _text)
