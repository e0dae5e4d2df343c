r"""The messages of a chat as a text that people read, and back to the byte.

::

    >>> system
    Be calm.
    >>> placeholder history
    >>> user
    {{ question }}

A message is the line ``>>> ROLE``, its text and a line break that is not part of it. A line of
the text that begins like that, whatever backslashes stand before it, gets one backslash more.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from twinline.language.errors import Invalid
from twinline.language.records import Message, Placeholder

_heads = re.compile(r'>>> (placeholder )?([\w.-]+|"(?:[^"\\]|\\.)*")\r?')
_like_a_head = re.compile(r"^(\\*>>>)", re.MULTILINE)
_escaped = re.compile(r"^\\(\\*>>>)", re.MULTILINE)
_plain = re.compile(r"[\w.-]+")


class _Head(NamedTuple):
    """The line above a message, or that names a placeholder."""

    name: str
    is_placeholder: bool
    end: str  # of the line, before its line feed; that of its message is the same


def written(template: Sequence[Message | Placeholder]) -> str:
    """The messages of a chat as a text."""
    return "".join(_written(part) for part in template)


def read(text: str) -> list[dict[str, Any]]:
    """The messages that a text says, as JSON.

    Raises:
        Invalid: it does not begin with a message, or a line that begins with ``>>>`` is none.
    """
    found: list[tuple[_Head, list[str]]] = []
    for number, line in enumerate(_lines(text), start=1):
        if line.startswith(">>>"):
            found.append((_head(line, number), []))
        elif found:
            found[-1][1].append(line)
        else:
            raise Invalid(f"The chat begins with {line[:60]!r}; begin it with `>>> ROLE`.")
    return [_read(head, lines) for head, lines in found]


def _lines(text: str) -> Iterator[str]:
    """The lines of a text, by line feeds alone: whatever else breaks lines is text."""
    return iter(text.removesuffix("\n").split("\n")) if text else iter(())


def _written(part: Message | Placeholder) -> str:
    match part:
        case Message():
            text = _like_a_head.sub(r"\\\1", part.content)
            return f">>> {_word(part.role)}\n{text}\n"
        case Placeholder():
            return f">>> placeholder {part.name}\n"


def _word(role: str) -> str:
    return role if _plain.fullmatch(role) and role.isascii() else json.dumps(role)


def _head(line: str, number: int) -> _Head:
    said = _heads.fullmatch(line)
    try:
        if said is not None:
            name = json.loads(said[2]) if said[2].startswith('"') else said[2]
            return _Head(name, said[1] is not None, "\r" if line.endswith("\r") else "")
    except ValueError:
        pass  # what is in quotes is no JSON
    raise Invalid(
        f"Line {number} of the chat is {line[:60]!r}; say `>>> ROLE`, a role with other characters "
        "as a JSON string, or write a backslash before it where it is text."
    )


def _read(head: _Head, lines: Sequence[str]) -> dict[str, Any]:
    text = "\n".join(_escaped.sub(r"\1", line) for line in lines).removesuffix(head.end)
    if not head.is_placeholder:
        return {"role": head.name, "content": text}
    if text.strip():
        raise Invalid(f"The placeholder {head.name!r} has a text; it only names a place.")
    return {"type": "placeholder", "name": head.name}
