"""Records that a notebook shows as pictures and tables.

Each equals the record that it shows, and is one. Nothing is drawn, and what draws is not
loaded, before a notebook asks for it by its own protocol (``_repr_svg_`` and
``_repr_html_``): applications never do.
"""

from pydantic import BaseModel

from twinline.language.records import Bundle, Lineage, PromptDiff


class _Shown:
    """Equal to the record of the same values, by whose name it is told."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BaseModel):
            return NotImplemented
        related = isinstance(other, type(self)) or isinstance(self, type(other))
        return related and vars(self) == vars(other)

    def __repr_name__(self) -> str:
        return type(self).__name__.removeprefix("Shown")


class ShownLineage(_Shown, Lineage):
    """A walk, shown as its picture."""

    def _repr_svg_(self) -> str:
        from twinline.pictures import lineage_svg

        return lineage_svg(self)

    def _repr_html_(self) -> str:
        return _scrolled(self._repr_svg_())


class ShownBundle(_Shown, Bundle):
    """A bundle, shown as a picture of its two sides."""

    def _repr_svg_(self) -> str:
        from twinline.pictures import bundle_svg

        return bundle_svg(self)

    def _repr_html_(self) -> str:
        return _scrolled(self._repr_svg_())


class ShownDiff(_Shown, PromptDiff):
    """A difference, shown as a table."""

    def _repr_html_(self) -> str:
        from twinline.pictures import diff_html

        return diff_html(self)


def _scrolled(svg: str) -> str:
    """A picture in its own size, however narrow the notebook is."""
    return f'<div style="overflow-x:auto">{svg}</div>'
