"""The commands for policies, splits, kill switches and the fleet."""

import json
import time
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ran, Run
from tests.process.conftest import Up
from twinline import Client

_numbers = count(1)
GOOD = '{"dq": {"score": 0.9}, "user": {"id": "u-42"}}'


@pytest.fixture
def bundles(run: Run) -> tuple[str, str]:
    """Two bundles that differ in the prompt."""
    run("models", "register", "routed", "openai:/routed")
    for text in ("Say {{ it }}", "Shout {{ it }}"):
        run("prompts", "create", "routed", "-t", text)
    return _bundle(run, 1), _bundle(run, 2)


@pytest.fixture
def policy(bundles: tuple[str, str], tmp_path: Path) -> Path:
    """A policy in a file, with a rule, a canary, and an attribute that nobody declared."""
    first, second = bundles
    arms = [
        {"name": "control", "bundle": first, "ranges": [[0, 95_000]]},
        {"name": "canary", "bundle": second, "ranges": [[95_000, 100_000]]},
    ]
    poor = {"attr": "dq.score", "op": "lt", "value": 0.6}
    file = tmp_path / "policy.json"
    document = {
        "schema": "routing-policy/1",
        "unit": {"by": ["user.id"]},
        "rules": [
            {"id": "poor-data", "when": poor, "serve": {"bundle": first}},
            {"id": "canary", "serve": {"split": {"arms": arms}}},
        ],
        "default": {"bundle": first},
        "fallback": [first],
    }
    file.write_text(json.dumps(document))
    return file


@pytest.fixture
def slot(run: Run, policy: Path) -> str:
    """A slot of the test's own in which the policy is live."""
    name = f"routed-{next(_numbers)}.x@production"
    _done(run("deploy", name, "--policy", str(policy), "-r", "canary at 5 %"))
    return name


def test_a_policy_with_nothing_to_remark_ends_well(run: Run, policy: Path) -> None:
    assert "Good: 2 bundles" in _done(run("policies", "check", str(policy))).out


def test_what_is_probably_not_meant_ends_with_1_and_names_the_place(run: Run, policy: Path) -> None:
    document = json.loads(policy.read_text())
    policy.write_text(json.dumps({**document, "attributes": {"user.id": "string"}}))
    checked = run("policies", "check", str(policy), "--json")
    assert checked.code == 1
    (found,) = json.loads(checked.out)["findings"]
    assert (found["kind"], found["path"]) == ("unknown-attribute", "rules.0.when")
    assert "unknown-attribute" in run("policies", "check", str(policy)).out


def test_a_policy_that_is_shown_can_be_deployed_again(run: Run, slot: str, tmp_path: Path) -> None:
    shown = _done(run("policies", "show", slot)).out
    again = tmp_path / "again.json"
    again.write_text(shown)
    made = _done(run("deploy", slot, "--policy", str(again), "-r", "as it was", "--json"))
    assert json.loads(made.out)["policy"] == json.loads(shown)
    assert run("policies", "show", "nothing@production").code == 3


def test_the_schema_is_json_schema(run: Run) -> None:
    schema = json.loads(_done(run("policies", "schema")).out)
    assert schema["title"] == "Policy"
    assert "default" in schema["required"]


def test_a_context_is_explained(run: Run, slot: str) -> None:
    said = _done(run("policies", "explain", slot, "-c", GOOD)).out
    assert "canary" in said
    assert "split" in said
    vague = json.loads(_done(run("policies", "explain", slot, "--json")).out)
    assert vague["reason"] == "unit-missing"
    assert vague["unknown"] == ["dq.score", "user.id"]


def test_another_policy_is_tried_on_a_context(run: Run, slot: str, policy: Path) -> None:
    document = json.loads(policy.read_text())
    policy.write_text(json.dumps({**document, "rules": []}))
    tried = run("policies", "explain", slot, "-c", GOOD, "--policy", str(policy), "--json")
    assert json.loads(_done(tried).out)["reason"] == "default"


def test_a_ramp_shows_what_moves_asks_and_moves_that(run: Run, slot: str) -> None:
    moved = "15,000 of 100,000 buckets: control -> canary"
    foreseen = run("ramp", slot, "canary", "20%", "--donor", "control", "--preview")
    assert moved in _done(foreseen).out
    assert run("ramp", slot, "canary", "20%").code == 1  # no reason
    made = _done(run("ramp", slot, "canary", "0.2", "-r", "errors are level", "--yes"))
    assert moved in made.out
    assert "Nothing moves." in _done(run("ramp", slot, "canary", "20%", "--preview")).out


def test_a_ramp_shows_what_holds_it_up(run: Run, slot: str) -> None:
    _done(run("suites", "define", "ramped"))
    _done(run("suites", "require", "ramped", slot, "-r", "because"))
    foreseen = _done(run("ramp", slot, "canary", "90%", "--preview")).out
    refused = run("ramp", slot, "canary", "90%", "-r", "errors are level", "--yes")
    _done(run("suites", "release", "ramped", slot, "-r", "because"))
    assert "not passed: the suite 'ramped'" in foreseen
    assert (refused.code, "Not evaluated" in refused.err) == (4, True)


@pytest.mark.parametrize("share", ["much", "120%", "-1", "2"])
def test_what_is_no_share_is_refused(run: Run, slot: str, share: str) -> None:
    refused = run("ramp", slot, "canary", "--preview", "--", share)
    assert refused.code == 1
    assert "is no share" in refused.err


def test_arms_are_compared(run: Run, slot: str) -> None:
    for number in range(5):
        context = json.dumps({"dq": {"score": 1.0}, "user": {"id": f"u-{number}"}})
        _done(run("resolve", slot, "-c", context))
    said = _done(run("experiment", slot)).out
    assert "canary against control" in said
    assert "too few units to say" in said
    found = json.loads(_done(run("experiment", slot, "--json")).out)
    assert sum(arm["units"] for arm in found["arms"]) == 5


def test_a_killed_slot_serves_nothing_until_it_is_lifted(run: Run, slot: str) -> None:
    thrown = json.loads(_done(run("kill", slot, "-r", "leaks names", "--json")).out)
    refused = run("resolve", slot)
    assert refused.code == 4
    assert "leaks names" in refused.err
    assert slot in _done(run("kills")).out
    _done(run("lift", str(thrown["number"]), "-r", "fixed"))
    assert slot not in run("kills").out
    assert "fixed" in _done(run("kills", "--all")).out
    _done(run("resolve", slot))


def test_a_killed_bundle_gives_way(run: Run, slot: str, bundles: tuple[str, str]) -> None:
    _done(run("ramp", slot, "canary", "100%", "-r", "all of it", "--yes"))
    thrown = json.loads(_done(run("kill", bundles[1], "-r", "worse", "--json")).out)
    resolved = _done(run("resolve", slot, "-c", GOOD)).out
    assert "instead of" in resolved
    assert run("deploy", slot, "--bundle", bundles[1], "-r", "again").code == 4
    _done(run("lift", str(thrown["number"]), "-r", "better"))


def test_everything_can_be_killed(run: Run, slot: str) -> None:
    thrown = json.loads(_done(run("kill", "everything", "-r", "incident", "--json")).out)
    assert run("resolve", slot).code == 4
    _done(run("lift", str(thrown["number"]), "-r", "over"))
    _done(run("resolve", slot))


def test_the_fleet_is_shown_with_how_far_it_is(
    run: Run, slot: str, server: Up, tmp_path: Path
) -> None:
    def fleet() -> dict[str, Any]:
        return json.loads(_done(run("clients", "--json")).out)

    with Client(server.url, server.key, folder=tmp_path / "kept") as application:
        application.resolve(slot.partition("@")[0])
        deadline = time.monotonic() + 20
        while fleet()["current"] < 1:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert "client at version" in _done(run("clients")).out
    assert run("clients", "nowhere").code == 3


def test_a_saved_manifest_is_resolved_from_without_a_server(
    run: Run, slot: str, tmp_path: Path
) -> None:
    file = tmp_path / "production.signed"
    _done(run("manifest", "production", str(file)))
    with Client("http://127.0.0.1:1", folder=tmp_path / "kept", bootstrap=file) as application:
        found = application.resolve(slot.partition("@")[0], json.loads(GOOD))
    assert found.served_from == "bootstrap"
    assert found.spooled


def _bundle(run: Run, prompt: int) -> str:
    words = ("--model", "models:/routed/1", "--prompt", f"prompts:/routed/{prompt}")
    return json.loads(_done(run("bundles", "pair", *words, "--json")).out)["ref"]


def _done(ran: Ran) -> Ran:
    assert ran.code == 0, ran.err
    return ran
