"""What every command shares: the settings, the client, and how files are read."""

import json
import sys
from pathlib import Path
from typing import Any

import typer

from twinline.client import Client
from twinline.language.errors import Invalid
from twinline.settings import Settings


def client(context: typer.Context) -> Client:
    """A client for the server and key that the command line was given."""
    settings: Settings = context.obj
    key = settings.api_key.get_secret_value() if settings.api_key else None
    made = Client(settings.server_url, key)
    context.call_on_close(made.close)
    return made


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
