"""Refusals end with what to type next: for every kind of them, and never what is no command."""

import ast
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import twinline
from tests.cli.conftest import Run
from tests.cli.test_help import COMMANDS
from twinline.cli.next_steps import NO_STEPS, Typed, kinds_listed, next_steps, types_with_steps
from twinline.cli.root import command_line
from twinline.language import errors
from twinline.language.errors import (
    BlockedPair,
    Conflict,
    Invalid,
    MlflowUnavailable,
    NotAllowed,
    NotEvaluated,
    NotFound,
    NothingToRollBack,
    Overloaded,
    Stale,
    TwinlineError,
    UntestedPair,
)

SOURCE = Path(twinline.__file__).parent
KINDS = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, TwinlineError)
}
BUNDLE = "bundles:/" + "3f" * 32
SLOT = "routes:/support@production"
FIELDS: dict[str, Any] = {
    "bundle": BUNDLE,
    "slot": SLOT,
    "slots": ["support@production"],
    "permission": "deployments:write",
    "kind": "slot",
    "name": "suport@production",
}


def typed(text: str) -> Typed:
    return Typed.read(shlex.split(text), command_line())


ROLLBACK = typed("rollback support@production --side prompt -r 'too long' --yes")
RECALL = typed("recall execute 1 -r 'as agreed' --yes")


def test_every_problem_type_has_steps_or_needs_none() -> None:
    assert types_with_steps() | NO_STEPS == set(KINDS)
    assert not types_with_steps() & NO_STEPS


@pytest.mark.parametrize("code", sorted(types_with_steps()))
def test_each_step_is_a_call_that_a_command_takes(code: str) -> None:
    said = RECALL if code == "conflict" else ROLLBACK
    found = next_steps(KINDS[code]("no", **FIELDS), said)
    assert found
    for step in found:
        taken(step)


@pytest.mark.parametrize("kind", sorted(kinds_listed()))
def test_each_list_of_what_there_is_is_a_command(kind: str) -> None:
    (step,) = next_steps(NotFound("no", kind=kind, name="x"), typed("live"))
    taken(step)


def test_a_step_that_no_command_takes_would_be_noticed() -> None:
    with pytest.raises(Exception, match="--nothing"):
        taken("live --nothing")


def test_every_kind_of_thing_that_is_not_found_has_a_list() -> None:
    assert {
        kind for kind in kinds_raised() if not next_steps(_missing(kind), typed("live"))
    } == set()


@pytest.mark.parametrize(
    ("error", "said", "steps"),
    [
        pytest.param(
            NotFound("no", kind="slot", name="suport@x", nearest=("support@x", "sport@x")),
            "history suport@x",
            ("history support@x", "live"),
            id="the nearest name, and all names",
        ),
        pytest.param(
            NotFound("no", kind="prompt", name="suport/answer", nearest=("support/answer",)),
            "recall create prompts:/suport/answer/2 -r 'wrong'",
            ("recall create prompts:/support/answer/2 -r wrong", "prompts list"),
            id="the nearest name in a reference",
        ),
        pytest.param(
            NotFound("no", kind="slot", name="support@staging", nearest=("support@production",)),
            "rollback support@staging --side both --yes",
            ("live",),
            id="no other place than was meant",
        ),
        pytest.param(
            NotFound("no", kind="key", name="twl_01234567", nearest=("twl_01234568",)),
            "keys revoke twl_01234567",
            ("keys list",),
            id="no other key",
        ),
        pytest.param(
            NotFound("no", kind="model version", name="models:/eu/churn/9"),
            "models show eu/churn 9",
            ("models versions eu/churn",),
            id="the versions that there are",
        ),
        pytest.param(
            NotFound("no; `twinline bundles list` shows them", kind="bundle", name="3f"),
            "bundles show 3f",
            (),
            id="nothing that was said already",
        ),
        pytest.param(
            NotFound("no", kind="label of prompt 'a/b'", name="staging"),
            "prompts show a/b --label staging",
            ("prompts versions a/b",),
            id="what a prompt has",
        ),
        pytest.param(
            UntestedPair("no", bundle=BUNDLE),
            "--url http://a --api-key twl_s recall execute 1 -r 'as agreed'",
            (
                "evaluate newest 3f3f3f3f3f3f",
                "--url http://a recall execute 1 -r 'as agreed' --accept-untested",
            ),
            id="again without evidence, and without the key",
        ),
        pytest.param(
            Overloaded("no"), "--api-key=twl_s live", ("live",), id="again, without the key, either"
        ),
        pytest.param(
            Stale("no"),
            "ramp support@x canary 20% -r why --yes",
            ("history support@x", "ramp support@x canary 20% -r why"),
            id="look, then again, asked",
        ),
        pytest.param(
            Stale("no"),
            "recall execute 1 --plan 3f -y -r why",
            ("recall execute 1 -r why",),
            id="by the plan of now",
        ),
        pytest.param(
            NotEvaluated("no", slot=SLOT, bundle=BUNDLE),
            "deploy support@production --bundle 3f -r why",
            ("evaluate missing support@production 3f3f3f3f3f3f", "evaluate pending"),
            id="what a bundle lacks",
        ),
        pytest.param(
            NotAllowed("no", permission="deployments:write"),
            "deploy x@y",
            ("keys issue NAME --role releaser", "config show"),
            id="the least role",
        ),
        pytest.param(
            Conflict("no", slots=["support@production"]),
            "recall execute 1 -r why",
            tuple(
                f"recall execute 1 -r why --unsafe {how}" for how in ("fallback", "kill", "leave")
            ),
            id="what a recall does without a way back",
        ),
        pytest.param(Conflict("no"), "recall execute 1 -r why", (), id="another conflict"),
        pytest.param(NotAllowed("no"), "live", (), id="a permission that was not named"),
        pytest.param(
            Invalid("no"), "--profile work recall plan 1", ("recall plan --help",), id="help"
        ),
        pytest.param(
            NothingToRollBack("no", slot=SLOT),
            "rollback support@production --side model",
            ("history support@production",),
            id="the slot's history",
        ),
        pytest.param(BlockedPair("no"), "live", (), id="no bundle named"),
        pytest.param(MlflowUnavailable("no"), "models import x", ("mlflow status",), id="MLflow"),
    ],
)
def test_what_is_said_next(error: TwinlineError, said: str, steps: tuple[str, ...]) -> None:
    assert next_steps(error, typed(said)) == steps


def test_a_refusal_is_printed_with_its_steps(run: Run) -> None:
    refused = run("history", "suport@production")
    assert (refused.code, refused.out) == (3, "")
    assert refused.err.splitlines()[-1] == "Next: twinline live"
    nobody = run("live", TWINLINE_API_KEY="", COLUMNS="200")
    assert nobody.code == 5
    assert "sends TWINLINE_API_KEY" in nobody.err
    assert "Next: twinline config show" in nobody.err
    away = run("live", TWINLINE_URL="http://127.0.0.1:1", COLUMNS="200")
    assert (away.code, "`twinline up` starts one" in away.err) == (6, True)
    assert "or: twinline config profiles" in away.err


def test_a_key_without_the_permission_is_told_which_would_have_it(run: Run) -> None:
    issued = run("keys", "issue", "app", "--role", "viewer", COLUMNS="200").out
    key = next(word for word in issued.split() if word.startswith("twl_"))
    refused = run("kill", "everything", "-r", "it leaks", TWINLINE_API_KEY=key)
    assert refused.code == 5
    assert "Next: twinline keys issue NAME --role " in refused.err


def taken(step: str) -> None:
    """A command takes the step as it is."""
    words = shlex.split(step)
    name = next(name for name in COMMANDS if words[: len(name.split())] == name.split())
    rest = words[len(name.split()) :]
    if "--help" not in rest:
        with COMMANDS[name].make_context(name, rest) as context:
            assert context.params is not None


def _missing(kind: str) -> NotFound:
    return NotFound("no", kind=kind, name="x")


def kinds_raised() -> Iterator[str]:
    """The kinds that the source says, as far as they stand there as text."""
    for path in SOURCE.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                if call.func.id == "not_found" and call.args:
                    yield from _text(call.args[0])
                if call.func.id == "NotFound":
                    for one in call.keywords:
                        if one.arg == "kind":
                            yield from _text(one.value)


def _text(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]) if text != "mirrored ":
            yield f"{text}'x'"
