"""Which server the command line talks to, with which key: options, environment, profile.

The config file is TOML: ``[profiles.NAME]`` holds what a server needs, ``profile`` names
the one to use. An option wins over the environment, that over the profile, and that over
the default; a profile that ``--profile`` names is an option. A key goes with the address
that it stands beside, and is sent to no other. Unless it is typed as an option, a key without
an address gives way to the key of whoever gave the address.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails

from twinline.cli.own_files import read_own, refuse_if_open
from twinline.language.errors import Invalid
from twinline.language.nearest import nearest, not_found
from twinline.settings import Settings

KEYS = ("api_key", "api_key_file", "api_key_command")
"""The ways to say a key; of one profile, one."""

ProfileName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$")]


class Profile(BaseModel):
    """A server as somebody uses it; the members are the settings of the same name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str | None, Field(pattern=r"^https?://[^\s/]")] = None
    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    api_key_command: Annotated[tuple[str, ...] | None, Field(min_length=1)] = None
    environment: str | None = None

    @model_validator(mode="after")
    def _has_one_key(self) -> "Profile":
        given = [name for name in KEYS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are given; keep one of them")
        return self

    @property
    def given(self) -> dict[str, Any]:
        """The members that it has."""
        return {name: value for name in Profile.model_fields if (value := getattr(self, name))}

    def beside(self, config: Path) -> "Profile":
        """The same, with its key's file looked for from the folder of the config file."""
        path = self.api_key_file
        if path is None or str(path).startswith("~"):
            return self
        return self.model_copy(update={"api_key_file": config.parent / path})


class Config(BaseModel):
    """What the config file says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: str | None = None
    profiles: dict[ProfileName, Profile] = {}

    def named(self, name: str) -> Profile:
        """The profile of that name.

        Raises:
            NotFound: there is none; the message names the nearest.
        """
        if name not in self.profiles:
            raise not_found("profile", name, self.profiles)
        return self.profiles[name]


@dataclass(frozen=True)
class Chosen:
    """The settings in effect, the profile that was used, and who said what."""

    settings: Settings
    profile: str | None
    origins: Mapping[str, str]


@dataclass(frozen=True)
class Options:
    """What stands before the command."""

    url: str | None = None
    api_key: str | None = None
    profile: str | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The options that are settings."""
        values = {"url": self.url, "api_key": SecretStr(self.api_key) if self.api_key else None}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class _Layer:
    """What one place says; ``origin`` names the place, with the name of a setting in it."""

    origin: str
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def key(self) -> str:
        """The way in which it says a key; empty when it says none."""
        return next((name for name in KEYS if name in self.values), "")

    @property
    def is_typed(self) -> bool:
        """Whether somebody says it with the command."""
        return self.origin.startswith("--")

    @property
    def is_addressed(self) -> bool:
        """Whether its key is meant for the address in use, and not for any."""
        return self.is_typed or "url" in self.values

    def fits(self, url: str | None) -> bool:
        """Whether its key may be sent to this address."""
        own: str | None = self.values.get("url")
        return own is None or (url or "").rstrip("/") == own.rstrip("/")


def choose(options: Options) -> Chosen:
    """The settings in effect, from options, environment and config file.

    Raises:
        Invalid: the config file is none, others may have written it, or may read the key in it.
        NotFound: there is no such profile.
    """
    around = Settings()
    config = config_of(around)
    name = options.profile or around.profile or config.profile
    own = config.named(name).beside(around.config).given if name else {}
    profile = _Layer(f"profile {name}", own)
    said = around.model_dump(include=around.model_fields_set & Profile.model_fields.keys())
    environment = _Layer("TWINLINE_{}", said)
    below = [profile, environment] if options.profile else [environment, profile]
    values, origins = _merge([_Layer("--{}", options.given), *below])
    keyless = around.model_copy(update=dict.fromkeys(Profile.model_fields))
    return Chosen(keyless.model_copy(update=values), name, origins)


def _merge(layers: Sequence[_Layer]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values that count, the first layer's first, and where each came from."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        for name in ("url", "environment"):
            if name in layer.values and name not in values:
                values[name], origins[name] = layer.values[name], _place(layer, name)
    able = [layer for layer in layers if layer.key and layer.fits(values.get("url"))]
    for layer in sorted(able, key=lambda one: not one.is_addressed)[:1]:  # the first of them
        values[layer.key] = layer.values[layer.key]
        passed = (f"{_place(one, one.key)} has no address" for one in able[: able.index(layer)])
        origins["api_key"] = "; ".join((_place(layer, layer.key), *passed))
    return values, origins


def _place(layer: _Layer, name: str) -> str:
    return layer.origin.format(name.replace("_", "-") if layer.is_typed else name.upper())


def config_of(around: Settings) -> Config:
    """What the config file says that the environment names, or the usual one.

    Raises:
        Invalid: as `read_config`; also when the environment names one that is not there.
    """
    return read_config(around.config, must_exist="config" in around.model_fields_set)


def read_config(path: Path, *, must_exist: bool = False) -> Config:
    """What a config file says; nothing when there is none.

    Raises:
        Invalid: it is not TOML, has unknown members, may have been written by others, or holds
            a key that they may read.
    """
    try:
        text, mode = read_own(path)
    except FileNotFoundError as error:
        if must_exist:
            raise Invalid(
                f"There is no config file {path}, which TWINLINE_CONFIG names; `twinline config "
                "set PROFILE url http://...` makes it.",
                field="TWINLINE_CONFIG",
                value=str(path),
            ) from error
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"The config file {path} cannot be read: {error}") from error
    config = parse_config(text, path)
    if any(one.api_key for one in config.profiles.values()):
        refuse_if_open(path, mode)
    return config


def parse_config(text: str, path: Path) -> Config:
    """What the text of a config file says.

    Raises:
        Invalid: it is not TOML, or has unknown members; the message names the nearest.
    """
    try:
        return Config.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"The config file {path} is not TOML: {error}") from error
    except ValidationError as error:
        found = "; ".join(_complaint(one) for one in error.errors())
        raise Invalid(f"The config file {path} is wrong: {found}.") from error


def _complaint(found: ErrorDetails) -> str:
    *_, last = path = list(map(str, found["loc"]))
    place = ".".join(path)
    if found["type"] != "extra_forbidden":
        return f"{place}: {found['msg'].removeprefix('Value error, ')}"
    known = Profile.model_fields if len(path) > 1 else Config.model_fields
    like = nearest(last, known)
    hint = f"did you mean {' or '.join(like)}?" if like else f"there are {', '.join(known)}"
    return f"{place} is no member; {hint}"
