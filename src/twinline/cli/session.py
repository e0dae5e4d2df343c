"""What every command shares: the settings, the client, and how files are read."""

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import typer

from twinline.cli.own_files import read_own, refuse_if_open
from twinline.cli.profiles import Options, choose
from twinline.client import Client
from twinline.language.errors import Invalid
from twinline.settings import Settings


class Server:
    """The server of one command and the key for it: each looked for when it is first asked for,
    so that what needs no server needs no config file, and once, so that a command that prints
    the key asks its person once."""

    def __init__(self, options: Options) -> None:
        self._options = options

    @cached_property
    def settings(self) -> Settings:
        """The settings in effect, the profile's among them."""
        return choose(self._options).settings

    @cached_property
    def key(self) -> str | None:
        """The key to send."""
        return key_of(self.settings)


def server(context: typer.Context) -> Server:
    """The server that the command line was given; the same one for all of a command."""
    root = context.find_root()
    if not isinstance(root.obj, Server):
        root.obj = Server(options(context))
    return root.obj


def client(context: typer.Context) -> Client:
    """A client for the server and key that the command line was given."""
    given = server(context)
    made = Client(given.settings.server_url, given.key)
    context.call_on_close(made.close)
    return made


def options(context: typer.Context) -> Options:
    """What was said before the command."""
    given = context.find_root().params
    return Options(given.get("url"), given.get("api_key"), given.get("profile"))


def key_of(settings: Settings) -> str | None:
    """The key to send: as it is, out of its file, or as its command prints it.

    Raises:
        Invalid: the file cannot be read, others may read or write it, or the command does not
            give a key.
    """
    if settings.api_key is not None:
        return settings.api_key.get_secret_value() or None
    if settings.api_key_file is not None:
        return _kept(settings.api_key_file)
    return _printed(settings.api_key_command) if settings.api_key_command else None


def _kept(path: Path) -> str:
    """The key that stands in a file."""
    if path.name == "-":
        raise Invalid(
            "The key's file is given as -, but a key is not read from standard input: name a file, "
            "or say the key as TWINLINE_API_KEY."
        )
    try:
        text, mode = read_own(path.expanduser())
    except (OSError, UnicodeDecodeError, RuntimeError) as error:  # the last: ~ of nobody
        raise Invalid(
            f"The key's file {path} cannot be read: {error}; `twinline config show` says where it "
            "is named.",
            path=str(path),
        ) from error
    refuse_if_open(path, mode)
    return text.strip()


def _printed(command: Sequence[str]) -> str:
    """The first line that a command prints; it may ask at the terminal."""
    said = f"The command for the key, `{shlex.join(command)}`,"
    try:
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    except (OSError, subprocess.CalledProcessError, UnicodeDecodeError) as error:
        raise Invalid(
            f"{said} failed: {error}; `twinline config show` says where it comes from."
        ) from error
    if not (lines := ran.stdout.split("\n")) or not lines[0].strip():
        raise Invalid(f"{said} printed nothing; its first line has to be the key.")
    return lines[0].strip()


def read_text(path: Path) -> str:
    """The text of a file, or of standard input for ``-``."""
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(
            f"{path} cannot be read: {error}; name a file in UTF-8, or - for standard input."
        ) from error


def read_json(text: str, name: str) -> dict[str, Any]:
    """A JSON object given on the command line."""
    value = _read(text, name)
    if not isinstance(value, dict):
        raise Invalid(
            f'{name} is not a JSON object, as {{"name": 1}}: {text:.200}', field=name, value=text
        )
    return value  # pyright: ignore[reportUnknownVariableType] -- members are the caller's own


def read_list(text: str, name: str) -> list[dict[str, Any]]:
    """A JSON list of objects given on the command line."""
    value = _read(text, name)
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):  # pyright: ignore[reportUnknownVariableType] -- any JSON
        raise Invalid(
            f'{name} is not a JSON list of objects, as [{{"name": 1}}]: {text:.200}',
            field=name,
            value=text,
        )
    return value  # pyright: ignore[reportUnknownVariableType] -- members are the caller's own


def _read(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Invalid(
            f"{name} is not JSON: {error}: {text:.200}", field=name, value=text
        ) from error
