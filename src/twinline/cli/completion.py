"""What a shell offers when somebody presses Tab: the names that the server knows.

Nobody wants to wait or read an error then: there is a second for all of it, what has come by
then is offered, and what goes wrong offers nothing. A key that a command prints is not asked
for, because that may ask back.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from threading import Thread

import httpx
import typer
from pydantic import ValidationError

from twinline.cli.profiles import choose, read_config
from twinline.cli.session import key_of, options
from twinline.client.http import Http
from twinline.language.errors import TwinlineError
from twinline.language.records import Bundle, Prompt, Slot
from twinline.settings import Settings

SECONDS = 1.0
_PAGE = 500
"""The most that the server gives at once."""

Names = Callable[[Http, str], Iterable[str]]
"""Names that the server knows, among them all that begin with what is written already."""
Complete = Callable[[typer.Context, str], list[str]]


def from_server(names: Names) -> Complete:
    """Offers those of these names that begin with what is written already."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        found: list[str] = []

        def ask() -> None:
            with suppress(TwinlineError, ValidationError, httpx.InvalidURL):
                for name in names(_server(context), incomplete):
                    found.append(name)  # noqa: PERF402 -- one by one: the last may be too late

        # A thread, because no timeout of a request holds for looking up an address or for an
        # answer that trickles; it ends with the process.
        asking = Thread(target=ask, daemon=True)
        asking.start()
        asking.join(SECONDS)
        return [name for name in dict.fromkeys(found) if name.startswith(incomplete)]

    return complete


def profiles(incomplete: str) -> list[str]:
    """Offers the profiles of the config file."""
    try:
        known = read_config(Settings().config).profiles
    except (TwinlineError, ValidationError):
        return []
    return [name for name in known if name.startswith(incomplete)]


def _server(context: typer.Context) -> Http:
    settings = choose(options(context)).settings
    key = key_of(settings.model_copy(update={"api_key_command": None}))
    return Http(settings.server_url, key, timeout_seconds=SECONDS, total_seconds=SECONDS)


def _slots(server: Http, incomplete: str) -> Iterator[str]:
    del incomplete  # slots are not looked for by a part of their name
    return (slot.ref.short for slot in server.pages(Slot, "/slots", {"limit": _PAGE}))


def _environments(server: Http, incomplete: str) -> Iterator[str]:
    del incomplete
    return (slot.environment for slot in server.pages(Slot, "/slots", {"limit": _PAGE}))


def _prompts(server: Http, incomplete: str) -> Iterator[str]:
    """Those of the folder that is written already; a search would also find other names."""
    domain = incomplete.rpartition("/")[0] or None
    asked = {"domain": domain, "limit": _PAGE}
    return (prompt.name for prompt in server.pages(Prompt, "/prompts", asked))


def _bundles(server: Http, incomplete: str) -> Iterator[str]:
    del incomplete
    return (one.ref.digest[:12] for one in server.pages(Bundle, "/bundles", {"limit": _PAGE}))


slots = from_server(_slots)
environments = from_server(_environments)
prompts = from_server(_prompts)
bundles = from_server(_bundles)
