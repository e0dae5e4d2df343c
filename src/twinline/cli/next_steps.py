"""What a refusal ends with: the commands that lead on from it.

Messages say what is wrong and what to do, for every client; this is the one place that says
it as commands. A table has an entry for each problem type, or `NO_STEPS` says that the
message alone has the remedy. A command that the message names already is not said twice.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from rich.markup import escape
from rich.text import Text
from typer.core import TyperGroup

from twinline.access.rules import GRANTED
from twinline.cli.output import err
from twinline.language.errors import NotAuthenticated, TwinlineError
from twinline.language.refs import BundleRef, SlotRef

_KEY_OPTION = "--api-key"
_ROOT_OPTIONS = ("--url", "--profile")
_UNASKED = ("--yes", "-y")
_EXPECTING = ("--expect", "--plan")
_TYPO = 0.85
"""From which likeness on (difflib's ratio) another name is what was meant, and not only near:
``support@production`` is no mistyped ``support@staging``."""


@dataclass(frozen=True)
class Typed:
    """The command that was refused: ``words`` after ``twinline``, without a key, and its
    ``name``, as ``recall execute``."""

    words: tuple[str, ...] = ()
    name: str = ""

    @classmethod
    def read(cls, words: Sequence[str], commands: TyperGroup) -> "Typed":
        """What was typed, where these are all ``commands``."""
        kept, left = list[str](), iter(words)
        for word in left:
            if word == _KEY_OPTION:
                next(left, None)
            elif not word.startswith(f"{_KEY_OPTION}="):
                kept.append(word)
        return cls(tuple(kept), _name(kept, commands))

    def again(self, *more: str, anew: bool = False) -> str:
        """The command once more, with more options; it shows what it would do, and asks.

        ``anew`` leaves out what it was told to find there.
        """
        kept, left = list[str](), iter(self.words)
        for word in left:
            if anew and word in _EXPECTING:
                next(left, None)
            elif word not in _UNASKED:
                kept.append(word)
        return shlex.join((*kept, *more))

    def with_other(self, name: str, other: str) -> str | None:
        """The same with another name in the place of one; None when that was not typed."""
        named = re.compile(rf"(\w+:/)?{re.escape(name)}([/@].*)?")
        words = [_renamed(word, named, other) for word in self.words]
        changed = replace(self, words=tuple(words))
        return None if changed == self else changed.again()


def tell(error: TwinlineError, typed: Typed) -> None:
    """Print an error as one clear line, and what to type next."""
    err.print(f"[bold red]{escape(error.title)}:[/] {escape(error.detail)}")
    if error.code == NotAuthenticated.code:
        err.print("The command line sends TWINLINE_API_KEY, or what --api-key or the profile says.")
    for number, command in enumerate(next_steps(error, typed)):
        lead = "Next:" if number == 0 else "  or:"
        err.print(Text.assemble((lead, "dim"), f" twinline {command}"), soft_wrap=True)


def next_steps(error: TwinlineError, typed: Typed) -> tuple[str, ...]:
    """The commands that lead on from an error, without the program's name, the best first."""
    steps = _STEPS.get(error.code, lambda _error, _typed: ())
    found = dict.fromkeys(step for step in steps(error, typed) if step)
    return tuple(step for step in found if f"twinline {step}" not in error.detail)


def _renamed(word: str, named: re.Pattern[str], other: str) -> str:
    found = named.fullmatch(word)
    return f"{found[1] or ''}{other}{found[2] or ''}" if found else word


def _name(words: Sequence[str], commands: TyperGroup) -> str:
    """The words that name the command, past the options for all."""
    name, left = list[str](), iter(words)
    for word in left:
        if word in _ROOT_OPTIONS:
            next(left, None)
        elif word in commands.commands:
            name.append(word)
            below = commands.commands[word]
            if not isinstance(below, TyperGroup):
                break
            commands = below
    return " ".join(name)


Steps = Callable[[TwinlineError, Typed], Iterable[str | None]]

_LISTS: Mapping[str, str] = {
    "MLflow alias": "mlflow status",
    "MLflow experiment": "mlflow status",
    "MLflow model": "mlflow status",
    "MLflow model version": "mlflow status",
    "MLflow server": "mlflow status",
    "bundle": "bundles list",
    "dataset": "models list",
    "deployment": "live",
    "edge": "nodes list",
    "environment": "live",
    "evaluation": "evaluate list",
    "inference": "tail",
    "key": "keys list",
    "kill": "kills --all",
    "linked slot": "mlflow links",
    "manifest": "live",
    "mirrored model": "models list",
    "mirrored prompt": "prompts list",
    "model": "models list",
    "model name": "models names list",
    "model version": "models list",
    "node": "nodes list",
    "pending evaluation": "evaluate pending",
    "place": "mlflow status",
    "profile": "config profiles",
    "prompt": "prompts list",
    "prompt version": "prompts list",
    "proposal": "mlflow proposals --all",
    "protected label": "prompts protected",
    "recall": "recall list --all",
    "retirement": "nodes retired --all",
    "run": "models list",
    "scene": "demo --list",
    "slot": "live",
    "slot or route": "live",
    "suite": "suites list",
    "version of the MLflow model": "mlflow status",
}
"""By the kind of what is not there: the command that lists what is."""
_OF_ONE = {"label of prompt ": "prompts versions", "alias of model ": "models versions"}
"""Likewise of what belongs to one thing, whose name follows."""
_VERSIONS = {"prompt version": "prompts versions", "model version": "models versions"}
"""Likewise of what has a reference with the name of the thing in it."""


def _not_found(error: TwinlineError, typed: Typed) -> Iterable[str | None]:
    kind, name = str(error.fields.get("kind", "")), str(error.fields.get("name", ""))
    for like in error.fields.get("nearest", ())[:1]:
        if kind != "key" and SequenceMatcher(None, name, str(like)).ratio() >= _TYPO:
            yield typed.with_other(name, str(like))
    for prefix, command in _OF_ONE.items():
        if kind.startswith(prefix):
            yield f"{command} {shlex.quote(kind.removeprefix(prefix).strip(chr(39)))}"
    if kind in _VERSIONS and ":/" in name:
        yield f"{_VERSIONS[kind]} {shlex.quote(name.partition(':/')[2].rpartition('/')[0])}"
        return
    yield _LISTS.get(kind)


def _invalid(_error: TwinlineError, typed: Typed) -> Iterable[str]:
    return [f"{typed.name} --help".strip()]


def _again(_error: TwinlineError, typed: Typed) -> Iterable[str]:
    return [typed.again()]


def _moved(_error: TwinlineError, typed: Typed) -> Iterable[str]:
    """Somebody was faster: look, then decide again."""
    if slot := next((word for word in typed.words if "@" in word), None):
        yield f"history {shlex.quote(slot)}"
    yield typed.again(anew=True)


def _untested(error: TwinlineError, typed: Typed) -> Iterable[str | None]:
    return [_of_bundle("evaluate newest", error), typed.again("--accept-untested")]


def _not_evaluated(error: TwinlineError, _typed: Typed) -> Iterable[str | None]:
    slot, bundle = error.fields.get("slot"), error.fields.get("bundle")
    if slot and bundle:
        digest = BundleRef.parse(bundle).digest[:12]
        yield f"evaluate missing {SlotRef.parse(slot).short} {digest}"
    yield "evaluate pending"


def _of_bundle(command: str, error: TwinlineError) -> str | None:
    bundle = error.fields.get("bundle")
    return f"{command} {BundleRef.parse(bundle).digest[:12]}" if bundle else None


def _of_slot(command: str) -> Steps:
    def steps(error: TwinlineError, _typed: Typed) -> Iterable[str | None]:
        slot = error.fields.get("slot")
        return [f"{command} {SlotRef.parse(slot).short}" if slot else "live"]

    return steps


def _just(*commands: str) -> Steps:
    return lambda _error, _typed: commands


def _not_allowed(error: TwinlineError, _typed: Typed) -> Iterable[str]:
    """A key with the role that may least of those that may this."""
    wanted = error.fields.get("permission")
    holders = [role for role, granted in GRANTED.items() if wanted in granted]
    if not holders:
        return []
    role = min(holders, key=lambda holder: len(GRANTED[holder]))
    return [f"keys issue NAME --role {role.value}", "config show"]


def _conflict(error: TwinlineError, typed: Typed) -> Iterable[str]:
    """Of conflicts only a recall's has a choice of commands: what to do without a way back."""
    if typed.name != "recall execute" or "slots" not in error.fields:
        return []
    return [typed.again("--unsafe", how) for how in ("fallback", "kill", "leave")]


def _blocked(error: TwinlineError, _typed: Typed) -> Iterable[str | None]:
    return [_of_bundle("bundles show", error)]


_STEPS: Mapping[str, Steps] = {
    "already-running": _just("config show"),
    "blocked-pair": _blocked,
    "bundle-withdrawn": _just("kills", "recall list", "nodes retired"),
    "conflict": _conflict,
    "cut-short": _again,
    "database-unavailable": _just("db check"),
    "invalid": _invalid,
    "invalid-reference": _invalid,
    "killed": _just("kills"),
    "lease-lost": _just("evaluate pending"),
    "malformed-json": _invalid,
    "missing-variable": _invalid,
    "mlflow-answer-too-large": _just("mlflow status"),
    "mlflow-unavailable": _just("mlflow status"),
    "no-active-bundle": _of_slot("policies show"),
    "not-allowed": _not_allowed,
    "not-authenticated": _just("config show", "config set PROFILE api_key -"),
    "not-evaluated": _not_evaluated,
    "not-found": _not_found,
    "nothing-live": _of_slot("history"),
    "nothing-to-roll-back": _of_slot("history"),
    "overloaded": _again,
    "port-in-use": _just("up --port 0"),
    "precondition-required": _moved,
    "stale": _moved,
    "unavailable": _just("config show", "config profiles", "up"),
    "unexpected-variable": _invalid,
    "untested-pair": _untested,
    "version-changed": _just("mlflow drift"),
    "version-withdrawn": _just("recall list", "nodes retired"),
    "wrong-variable": _invalid,
}

NO_STEPS = frozenset(
    {
        "data-folder-refused",  # asks for another folder, or another program
        "internal",  # is for whoever runs the server, who finds it in the log
        "idempotency-key-reused",  # the command line makes a new key each time
        "malformed-otlp",  # is sent by exporters
        "manifest-refused",  # somebody has to find out who sent it
        "no-postgres",  # asks for an installation
        "not-installed",  # likewise
        "not-rendered",  # the message points into the prompt
        "start-refused",  # likewise for the server's surroundings
        "too-large",  # asks for less
        "unsupported-media-type",  # the command line sends what is supported
    }
)
"""Problem types whose message alone has the remedy, which is no command."""


def types_with_steps() -> frozenset[str]:
    """The problem types that lead to commands."""
    return frozenset(_STEPS)


def kinds_listed() -> frozenset[str]:
    """The kinds of things of which a command lists those that there are."""
    return frozenset(_LISTS)
