"""``twinline up``: start everything and serve."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from twinline.cli.output import err, out
from twinline.language.records import IssuedKey
from twinline.settings import Settings


def up(
    host: Annotated[str | None, typer.Option(help="The address; default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; default 8420, 0: a free one.")] = None,
    home: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
) -> None:
    """Start PostgreSQL (unless TWINLINE_DATABASE_URL names one), migrate, and serve.

    The very first start prints an admin key, once.
    """
    from twinline.cli import serving  # other commands need no server library

    given = {"host": host, "port": port, "home": home}
    settings: Settings = Settings().model_copy(
        update={name: value for name, value in given.items() if value is not None}
    )
    serving.end_on_sigterm()
    try:
        with (
            serving.listen(settings.host, settings.port) as bound,
            _alone(settings, serving.address(bound)),
            serving.open_database(settings) as database,
        ):
            url, key = serving.address(bound), serving.first_key(database)
            server = serving.make_server(database, settings, lambda: _say_ready(url, key))
            server.run(sockets=[bound])
    except KeyboardInterrupt:
        err.print("Stopped.")


@contextmanager
def _alone(settings: Settings, url: str) -> Generator[None]:
    from twinline.cli import serving  # as above

    if settings.database_url is not None:
        yield  # many servers may share a database of its own
        return
    with serving.only_server(settings.home, url):
        yield


def _say_ready(url: str, key: IssuedKey | None) -> None:
    """Say where the server is and, the very first time, the key."""
    out.print(f"Twinline serves at [bold]{url}[/]  (API: {url}/docs)", highlight=False)
    if key is not None:
        out.print("Your admin key, shown this once:", highlight=False)
        out.print(f"  export TWINLINE_URL={url}", highlight=False, soft_wrap=True)
        out.print(f"  export TWINLINE_API_KEY={key.key}", highlight=False, soft_wrap=True)
    out.print("Ctrl-C stops it.", style="dim")
