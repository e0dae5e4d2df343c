"""The README's snippets: what stands in a fence, found by the comment above it."""

import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from twinline.client import Client

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")

_fence = re.compile(
    r"(?:^<!-- (?P<kind>example|command): (?P<name>[\w-]+) -->\n)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Snippet(NamedTuple):
    """What stands in one fence.

    Attributes:
        name: of the comment above it, None where there is none.
        line: where its fence begins, from 1.
    """

    name: str | None
    language: str
    text: str
    line: int


def snippets() -> list[Snippet]:
    """All of them, in order."""
    return [
        Snippet(
            found["name"],
            found["language"],
            found["text"],
            README.count("\n", 0, found.start("language")) + 1,
        )
        for found in _fence.finditer(README)
    ]


def snippet(name: str, **instead: str) -> str:
    """The text of the one with this name.

    ``instead`` is for what differs from reader to reader, by the names in `STAND_INS`; each has
    to be there, so that nothing is replaced that the README no longer says.
    """
    (text,) = (one.text for one in snippets() if one.name == name)
    for what, value in instead.items():
        said = STAND_INS[what]
        assert said in text, f"the README's {name!r} does not say {said}"
        text = text.replace(said, value)
    return text


def executed(name: str, /, client: Client | None = None, **instead: str) -> dict[str, Any]:
    """Run a snippet of Python where there is a ``client`` already; the names that it leaves."""
    program: dict[str, Any] = {"client": client}
    exec(compile(snippet(name, **instead), f"README.md: {name}", "exec"), program)
    return program


STAND_INS = {
    "url": "http://127.0.0.1:8420",
    "key": "twl_...",
    "mlflow": "http://127.0.0.1:5000",
    "public": "twl_2g3cAFHU",
    "python": "python ",
    "notebook": "notebooks",
}
"""What the README writes where each reader has something else."""


def exported(text: str) -> dict[str, str]:
    """What a shell has in its environment after it was told this, and had not before."""
    program = f"{text}\nenv -0"
    done = subprocess.run(["sh", "-euc", program], env={}, capture_output=True, check=True)
    told = done.stdout.decode().rstrip("\0").split("\0")
    return {name: value for name, _, value in (one.partition("=") for one in told) if name != "PWD"}
