"""Where the command line prints for people: text of others is shown there, never obeyed.

Reasons, decisions, names and messages are whatever somebody wrote. A terminal would take an
escape sequence among them as an order: to clear the screen, to fill the clipboard, to write
another verdict over ours. So whatever is printed here has characters that nobody sees, and
those that terminals obey, as codes (``⟨U+001B⟩``). JSON and CSV do not pass here: they stay
exact.
"""

from collections.abc import Iterable
from itertools import accumulate

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Span, Text

from twinline.language.invisible import SPACE_AT_END, invisible, shown


class Terminal(Console):
    """A console that shows invisible characters in all text that it is given."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as a console does, texts with their invisible characters shown."""
        return super().render(
            seen(renderable) if isinstance(renderable, Text) else renderable, options
        )


def seen(text: Text) -> Text:
    """The text in the same styles, with its invisible characters shown; spaces at the end of a
    line, which layouts are made of, stay spaces."""
    hidden = {place for place, _, name in invisible(text.plain) if name != SPACE_AT_END}
    if not hidden:
        return text
    parts = [shown(one) if place in hidden else one for place, one in enumerate(text.plain)]
    places = [0, *accumulate(map(len, parts))]
    made = text.blank_copy("".join(parts))
    made.spans = [Span(places[one.start], places[one.end], one.style) for one in text.spans]
    return made
