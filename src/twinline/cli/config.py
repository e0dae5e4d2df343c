"""``twinline config``: profiles of servers in a file, and what is in effect."""

import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

import tomlkit
import typer
from pydantic import BaseModel
from tomlkit.exceptions import ParseError

from twinline.cli.output import AsCsv, AsJson, err, show_list, table_of
from twinline.cli.own_files import read_own
from twinline.cli.profiles import (
    Profile,
    choose,
    config_of,
    parse_config,
)
from twinline.cli.session import options
from twinline.language.errors import Invalid
from twinline.settings import Settings

app = typer.Typer(
    help="The config file: profiles of servers, and which is used.", no_args_is_help=True
)
Member = Literal["url", "api_key", "api_key_file", "api_key_command", "environment"]
KEY_SHOWN = 12
"""Characters by which people know a key; they are no secret."""


class InEffect(BaseModel):
    """A setting, its value, and who said so."""

    setting: str
    value: str | None
    origin: str


class ListedProfile(BaseModel):
    """A profile, with as much of its key as may be shown."""

    profile: str
    used: bool
    url: str | None
    api_key: str | None
    environment: str | None


@app.command("show")
def show_config(context: typer.Context, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Show the server, key and environment that commands use, and where each comes from."""
    chosen = choose(options(context))
    settings, origins = chosen.settings, chosen.origins
    environment = settings.environment
    rows = [
        InEffect(setting="config", value=str(settings.config), origin=_of(settings, "config")),
        InEffect(setting="profile", value=chosen.profile, origin=_chooser(context, settings)),
        InEffect(setting="url", value=settings.server_url, origin=origins.get("url", "default")),
        InEffect(setting="api_key", value=_key(settings), origin=origins.get("api_key", "default")),
        InEffect(
            setting="environment",
            value=environment,
            origin=origins.get("environment", "default"),
        ),
    ]
    show_list(
        rows,
        as_json,
        lambda found: table_of(
            ("setting", "value", "from"), ((one.setting, one.value, one.origin) for one in found)
        ),
        "Nothing is set.",
        as_csv=as_csv,
    )


@app.command("path")
def path() -> None:
    """Print where the config file is, or would be."""
    print(Settings().config)


@app.command("profiles")
def profiles(context: typer.Context, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List the profiles of the config file."""
    around = Settings()
    config = config_of(around)
    used = options(context).profile or around.profile or config.profile
    show_list(
        [
            ListedProfile(
                profile=name,
                used=name == used,
                url=one.url,
                api_key=_key(one),
                environment=one.environment,
            )
            for name, one in config.profiles.items()
        ],
        as_json,
        lambda found: table_of(
            ("profile", "used", "url", "key", "environment"),
            ((one.profile, one.used, one.url, one.api_key, one.environment) for one in found),
        ),
        "No profiles. `twinline config set NAME url http://...` makes one.",
        as_csv=as_csv,
    )


@app.command("set")
def set_member(
    profile: Annotated[str, typer.Argument(help="The profile; made when it is new.")],
    member: Annotated[Member, typer.Argument(help="What of it.")],
    value: Annotated[
        str,
        typer.Argument(
            help="The value; - reads it from standard input, so that no key stands in the "
            "shell's history; '' takes it away. A command is split into words as a shell does."
        ),
    ],
) -> None:
    """Set a member of a profile, or take it away; comments in the file are kept."""
    file = Settings().config
    document = _document(file)
    profiles = document.setdefault("profiles", tomlkit.table(is_super_table=True))
    own = profiles.setdefault(profile, tomlkit.table())
    given = sys.stdin.readline().strip() if value == "-" else value
    if given:
        own[member] = _value(member, given)
    else:
        own.pop(member, None)
    _write(file, document)
    err.print(f"{member} of {profile} is {'set' if given else 'gone'} in {file}.", highlight=False)


@app.command("use")
def use(
    profile: Annotated[str, typer.Argument(help="The profile that commands use from now on.")],
) -> None:
    """Choose the profile that commands use when none is named."""
    around = Settings()
    config_of(around).named(profile)
    file = around.config
    document = _document(file)
    document["profile"] = profile
    _write(file, document)
    err.print(f"Commands use {profile}, unless --profile or TWINLINE_PROFILE says otherwise.")


def _document(file: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(read_own(file)[0])
    except FileNotFoundError:
        return tomlkit.document()
    except (OSError, UnicodeDecodeError, ParseError) as error:
        raise Invalid(f"The config file {file} cannot be read: {error}") from error


def _value(member: Member, given: str) -> Any:
    if member != "api_key_command":
        return given
    try:
        return shlex.split(given)
    except ValueError as error:
        raise Invalid(f"The command {given!r} cannot be read: {error}.") from error


def _write(file: Path, document: tomlkit.TOMLDocument) -> None:
    """Replace the file at once, readable by its owner alone; what is wrong is not written."""
    text = tomlkit.dumps(document)  # pyright: ignore[reportUnknownMemberType] -- untyped there
    parse_config(text, file)
    target = file.resolve()  # a link stays one
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name)  # for us alone
        with os.fdopen(handle, "w", encoding="utf-8") as written:
            written.write(text)
        Path(name).replace(target)
    except OSError as error:
        raise Invalid(f"The config file {file} cannot be written: {error}") from error


def _of(settings: Settings, name: str) -> str:
    return f"TWINLINE_{name.upper()}" if name in settings.model_fields_set else "default"


def _chooser(context: typer.Context, settings: Settings) -> str:
    if options(context).profile:
        return "--profile"
    if settings.profile:
        return "TWINLINE_PROFILE"
    return "config" if config_of(settings).profile else "default"


def _key(of: Settings | Profile) -> str | None:
    """As much of a key as may be shown, or where it is to be had."""
    if of.api_key:
        text = of.api_key.get_secret_value()
        return f"{text[:KEY_SHOWN] if len(text) > 2 * KEY_SHOWN else ''}…"
    if of.api_key_file:
        return f"in {of.api_key_file}"
    return f"from `{shlex.join(of.api_key_command)}`" if of.api_key_command else None
