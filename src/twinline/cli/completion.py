"""What a shell offers when somebody presses Tab: the names that the server knows.

Nobody wants to wait or read an error then: the server has a second, and what goes wrong
offers nothing. A key that a command prints is not asked for, because that may ask back.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import typer
from pydantic import ValidationError

from twinline.cli.profiles import choose, read_config
from twinline.cli.session import key_of, options
from twinline.client import Client
from twinline.language.errors import TwinlineError
from twinline.settings import Settings

SECONDS = 1.0
LOOKED_AT = 500
"""Names that are asked for at most, and one page of the server."""

Names = Callable[[Client], Iterable[str]]
Complete = Callable[[typer.Context, str], list[str]]


def from_server(names: Names) -> Complete:
    """Offers those of these names that begin with what is written already."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        try:
            with _client(context) as api:
                found = dict.fromkeys(islice(names(api), LOOKED_AT))
        except (TwinlineError, ValidationError):
            return []
        return [name for name in found if name.startswith(incomplete)]

    return complete


def profiles(incomplete: str) -> list[str]:
    """Offers the profiles of the config file."""
    try:
        known = read_config(Settings().config).profiles
    except (TwinlineError, ValidationError):
        return []
    return [name for name in known if name.startswith(incomplete)]


def _client(context: typer.Context) -> Client:
    settings = choose(options(context)).settings
    key = key_of(settings.model_copy(update={"api_key_command": None}))
    return Client(settings.server_url, key, timeout_seconds=SECONDS, total_seconds=SECONDS)


def _slots(api: Client) -> Iterator[str]:
    return (slot.ref.short for slot in api.slots.list())


def _environments(api: Client) -> Iterator[str]:
    return (slot.ref.environment for slot in api.slots.list())


def _prompts(api: Client) -> Iterator[str]:
    return (prompt.name for prompt in api.prompts.list())


def _bundles(api: Client) -> Iterator[str]:
    return (bundle.ref.digest[:12] for bundle in api.bundles.list())


slots = from_server(_slots)
environments = from_server(_environments)
prompts = from_server(_prompts)
bundles = from_server(_bundles)
