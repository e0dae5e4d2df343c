"""Pictures and differences as part of a page: the one place whose HTML no template escapes.

What people wrote in them is escaped where they are drawn (`twinline.pictures`).
"""

from collections.abc import Callable, Collection

from markupsafe import Markup

from twinline import pictures
from twinline.language.records import Bundle, Lineage, PromptDiff
from twinline.web import addresses


def lineage(
    walk: Lineage,
    *,
    opened: Collection[str] = (),
    unfold: Callable[[str], str] | None = None,
) -> Markup:
    """A walk; each row leads to its page, and a card that holds more to where it is opened."""
    return Markup(  # noqa: S704 -- escaped where drawn
        pictures.lineage_svg(walk, address=addresses.of, styled=False, opened=opened, unfold=unfold)
    )


def bundle(pair: Bundle) -> Markup:
    """A bundle with its two sides."""
    return Markup(pictures.bundle_svg(pair, address=addresses.of, styled=False))  # noqa: S704 -- escaped where drawn


def diff(difference: PromptDiff) -> Markup:
    """What differs between two prompt versions."""
    return Markup(pictures.diff_html(difference, styled=False))  # noqa: S704 -- escaped where drawn
