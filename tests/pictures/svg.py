"""A picture read back: what stands where, as a browser would have it."""

import re
from dataclasses import dataclass
from typing import NamedTuple
from xml.etree import ElementTree

from twinline.pictures.text import is_sure, width

_NAMESPACE = "{http://www.w3.org/2000/svg}"
_STEP = re.compile(r"([A-Za-z])([^A-Za-z]*)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


class Rect(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def holds(self, other: "Rect", by: float = 0) -> bool:
        return (
            self.left - by <= other.left
            and self.top - by <= other.top
            and other.right <= self.right + by
            and other.bottom <= self.bottom + by
        )

    def meets(self, other: "Rect") -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


@dataclass(frozen=True)
class Picture:
    root: ElementTree.Element

    @classmethod
    def read(cls, text: str) -> "Picture":
        return cls(ElementTree.fromstring(text))

    def find(self, style: str, tag: str = "*") -> list[ElementTree.Element]:
        """The elements that have a class."""
        return [one for one in self.root.iter() if has(one, style, tag)]

    @property
    def bounds(self) -> Rect:
        left, top, wide, high = map(float, self.root.attrib["viewBox"].split())
        return Rect(left, top, left + wide, top + high)

    @property
    def cards(self) -> list[Rect]:
        return [rect(one) for one in self.find("card")]

    @property
    def tags(self) -> set[str]:
        return {one.tag.removeprefix(_NAMESPACE) for one in self.root.iter()}


def has(element: ElementTree.Element, style: str, tag: str = "*") -> bool:
    named = tag in ("*", element.tag.removeprefix(_NAMESPACE))
    return named and style in element.get("class", "").split()


def within(element: ElementTree.Element, tag: str) -> list[ElementTree.Element]:
    return list(element.iter(_NAMESPACE + tag))


def title(element: ElementTree.Element) -> str:
    return element.findtext(f"{_NAMESPACE}title") or ""


def words(element: ElementTree.Element) -> list[str]:
    return [one.text or "" for one in within(element, "text")]


def rect(element: ElementTree.Element) -> Rect:
    left, top, wide, high = (float(element.attrib[key]) for key in ("x", "y", "width", "height"))
    return Rect(left, top, left + wide, top + high)


def texts(element: ElementTree.Element) -> list[tuple[str, Rect]]:
    """Each text with the room that it takes, or is cut off at."""
    found = [(one.text or "", _room(one)) for one in element.findall(f"{_NAMESPACE}text")]
    for child in element:
        if child.tag == f"{_NAMESPACE}svg":
            found += [(text.text or "", rect(child)) for text in within(child, "text")]
        else:
            found += texts(child)
    return found


def _room(text: ElementTree.Element) -> Rect:
    said, size = text.text or "", float(text.attrib["font-size"])
    assert is_sure(said), said
    styles = set(text.attrib["class"].split())
    wide = width(said, size, bold=bool(styles & {"strong", "letter"}))
    x, y = float(text.attrib["x"]), float(text.attrib["y"])
    left = x - {"start": 0, "middle": wide / 2, "end": wide}[text.get("text-anchor", "start")]
    return Rect(left, y - size, left + wide, y + size * 0.25)


def points(path: str) -> list[tuple[float, float]]:
    """The points of a path of absolute ``M``, ``C`` and ``H``."""
    found: list[tuple[float, float]] = []
    for step, said in _STEP.findall(path):
        values = [float(one) for one in _NUMBER.findall(said)]
        assert step in "MCH", path
        if step == "H":
            found.append((values[0], found[-1][1]))
        else:
            found += zip(values[::2], values[1::2], strict=True)
    return found
