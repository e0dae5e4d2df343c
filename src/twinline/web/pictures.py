"""Pictures and differences as part of a page: the one place whose HTML no template escapes.

What people wrote in them is escaped where they are drawn (`twinline.pictures`).
"""

from markupsafe import Markup

from twinline import pictures
from twinline.language.records import Bundle, Lineage, PromptDiff
from twinline.pictures.timelines import Times
from twinline.web import addresses


def lineage(walk: Lineage) -> Markup:
    """A walk; each row leads to its page."""
    return Markup(pictures.lineage_svg(walk, address=addresses.of, styled=False))  # noqa: S704 -- escaped where drawn


def bundle(pair: Bundle) -> Markup:
    """A bundle with its two sides."""
    return Markup(pictures.bundle_svg(pair, address=addresses.of, styled=False))  # noqa: S704 -- escaped where drawn


def timelines(times: Times) -> Markup:
    """What was live when; each span leads to its deployment."""
    return Markup(pictures.timelines_svg(times, address=addresses.of, styled=False))  # noqa: S704 -- escaped where drawn


def diff(difference: PromptDiff) -> Markup:
    """What differs between two prompt versions."""
    return Markup(pictures.diff_html(difference, styled=False))  # noqa: S704 -- escaped where drawn
