"""Pictures: lineage and bundles as SVG, differences as HTML, for pages and for notebooks.

Drawn here, not by a library: what is on a card, which of many siblings are left to a
number, and how a withdrawn version is told without colours are questions of this
catalog. It needs the standard library and the records only, so the client has it too.

`cards` says what is shown, `layout` and `ordering` where it stands, `scene` in which
pixels, and `draw` how it is written. What always holds: the same walk is the same bytes;
no card lies on another, no line runs through one, no text leaves its card; everything
that people wrote is escaped.

`charts` draws measures over days and intervals side by side, by the same rules.
"""

from collections.abc import Collection

from twinline.language.records import Bundle, Lineage
from twinline.pictures import cards, pairs
from twinline.pictures.diffs import diff_html
from twinline.pictures.draw import Address, svg
from twinline.pictures.scene import scene
from twinline.pictures.style import style_sheet
from twinline.pictures.timelines import timelines_svg

__all__ = ["Address", "bundle_svg", "diff_html", "lineage_svg", "style_sheet", "timelines_svg"]


def lineage_svg(
    lineage: Lineage,
    *,
    address: Address | None = None,
    styled: bool = True,
    opened: Collection[str] = (),
    unfold: Address | None = None,
) -> str:
    """A walk as SVG.

    Args:
        lineage: the walk.
        address: where the row of a reference leads.
        styled: whether the style sheet is within.
        opened: cards that are open however many things there are, by `Card.family`.
        unfold: where a card that does not show everything leads, by `Card.family`.
    """
    board = cards.board(lineage, opened)
    return svg(scene(board), address=address, styled=styled, unfold=unfold)


def bundle_svg(bundle: Bundle, *, address: Address | None = None, styled: bool = True) -> str:
    """A bundle as SVG: its two sides, and what they make."""
    return svg(scene(pairs.board(bundle)), address=address, styled=styled)
