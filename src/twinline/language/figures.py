"""Figures, as Prometheus reads them: its text format, version 0.0.4."""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class Sample(NamedTuple):
    """One value, and what distinguishes it from the others of its figure."""

    labels: dict[str, str]
    value: float


class Figure(NamedTuple):
    """One thing that is measured."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    samples: tuple[Sample, ...]


def render(figures: Iterable[Figure]) -> str:
    """The figures as text."""
    lines = [line for figure in figures for line in _lines(figure)]
    return "\n".join(lines) + "\n"


def _lines(figure: Figure) -> Iterator[str]:
    yield f"# HELP {figure.name} {figure.help}"
    yield f"# TYPE {figure.name} {figure.kind}"
    for labels, value in figure.samples:
        said = ",".join(f'{name}="{text.translate(_ESCAPES)}"' for name, text in labels.items())
        yield f"{figure.name}{{{said}}} {value:g}" if said else f"{figure.name} {value:g}"
