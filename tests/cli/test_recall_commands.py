"""The commands for recalls."""

import json
from io import StringIO
from itertools import count

import pytest

from tests.cli.conftest import Ran, Run

_numbers = count(1)


@pytest.fixture
def bad(run: Run) -> tuple[str, str]:
    """A prompt version that is live in a slot of the test's own, after a good one."""
    name = f"recalled-{next(_numbers)}"
    slot = f"{name}@production"
    _done(run("models", "register", name, "openai:/it"))
    for text in ("Say {{ it }}", "Shout {{ it }}"):
        _done(run("prompts", "create", name, "-t", text))
    for number in ("1", "2"):
        prompt = f"prompts:/{name}/{number}"
        model = f"models:/{name}/1"
        _done(run("deploy", slot, "--model", model, "--prompt", prompt, "-r", "because"))
    return slot, f"prompts:/{name}/2"


def test_a_recall_from_its_creation_to_its_end(run: Run, bad: tuple[str, str]) -> None:
    slot, prompt = bad
    said = _done(run("recall", "create", prompt, "-r", "it shouts")).out
    assert f"Still live in {slot}" in said
    number = _number(run, prompt)
    planned = _done(run("recall", "plan", number)).out
    assert f"{prompt} -> {prompt[:-1]}1" in planned
    assert "untested" in planned
    refused = run("recall", "execute", number, "-r", "as agreed", "--yes")
    assert (refused.code, "--accept-untested" in refused.err) == (4, True)
    done = _done(run("recall", "execute", number, "-r", "as agreed", "-y", "--accept-untested"))
    assert "changed" in done.out
    shown = _done(run("recall", "show", number)).out
    assert "Nothing live is built on it" in shown
    assert "Executed by admin" in shown
    assert "counts the same. 0 requests arrived later" in _done(run("recall", "verify", number)).out
    assert "nothing live is built on it" in _done(run("recall", "plan", number)).out
    assert run("recall", "execute", number, "-r", "once more", "-y").code == 4
    assert "lifted" in _done(run("recall", "lift", number, "-r", "it was the model")).out
    assert prompt not in run("recall", "list").out
    assert number in _done(run("recall", "list", "--all")).out


def test_json_is_what_the_api_answers(run: Run, bad: tuple[str, str]) -> None:
    _, prompt = bad
    made = json.loads(_done(run("recall", "create", prompt, "-r", "it shouts", "--json")).out)
    number = str(made["number"])
    assert json.loads(run("recall", "show", number, "--json").out) == made
    plan = json.loads(_done(run("recall", "plan", number, "--json")).out)
    words = ("-r", "as agreed", "--yes", "--accept-untested", "--plan", plan["digest"], "--json")
    done = json.loads(_done(run("recall", "execute", number, *words)).out)
    assert done["execution"][0]["plan"] == plan["digest"]
    assert json.loads(run("recall", "verify", number, "--json").out)["same"] is True


def test_another_plan_than_the_one_that_was_looked_at_is_refused(
    run: Run, bad: tuple[str, str]
) -> None:
    _, prompt = bad
    _done(run("recall", "create", prompt, "-r", "it shouts"))
    words = ("-r", "as agreed", "--yes", "--accept-untested", "--plan", "0" * 64)
    assert run("recall", "execute", _number(run, prompt), *words).code == 4


def test_a_slot_without_a_safe_way_back_is_shown_and_killed(run: Run, bad: tuple[str, str]) -> None:
    slot, _ = bad
    model = f"models:/{slot.partition('@')[0]}/1"
    _done(run("recall", "create", model, "-r", "it leaks"))
    number = _number(run, model)
    planned = _done(run("recall", "plan", number)).out
    assert "unsafe" in planned
    assert "none that is safe" in planned
    assert run("recall", "execute", number, "-r", "as agreed", "--yes").code == 4
    done = _done(run("recall", "execute", number, "-r", "stop it", "--yes", "--unsafe", "kill"))
    assert "killed" in done.out
    assert "stopped already" in _done(run("recall", "plan", number)).out


def test_nothing_happens_without_a_yes(
    run: Run, bad: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, prompt = bad
    _done(run("recall", "create", prompt, "-r", "it shouts"))
    number = _number(run, prompt)
    monkeypatch.setattr("sys.stdin", StringIO("n\n"))
    assert run("recall", "execute", number, "-r", "as agreed").code == 1
    assert json.loads(run("recall", "show", number, "--json").out)["execution"] == []


def test_what_is_unknown_is_not_found(run: Run) -> None:
    assert run("recall", "show", "999").code == 3
    assert run("recall", "create", "prompts:/nothing/1", "-r", "because").code == 3


def _number(run: Run, node: str) -> str:
    found = json.loads(_done(run("recall", "list", "--json")).out)
    return str(next(one["number"] for one in found if one["node"] == node))


def _done(ran: Ran) -> Ran:
    assert ran.code == 0, ran.err
    return ran
