"""What a page is: a value that its template prints and nothing else."""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict


class Help(NamedTuple):
    """What a part of a page means."""

    name: str
    said: str


class Page(BaseModel):
    """A page. Each field has a description, which the page's own help shows to its reader."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    template: ClassVar[str]
    heading: ClassVar[str] = ""
    """What the page is about, for the window's title; `title` says more."""

    def __init_subclass__(cls, *, template: str, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.template = template

    @property
    def title(self) -> str:
        """The window's title."""
        return self.heading

    @classmethod
    def help(cls) -> Iterator[Help]:
        """What each part of the page means, in the order of the page."""
        for name, field in cls.model_fields.items():
            assert field.description, f"{cls.__name__}.{name} has no help"
            yield Help((field.title or name.replace("_", " ")).capitalize(), field.description)
