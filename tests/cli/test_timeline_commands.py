"""The commands that look back."""

import json
from itertools import count

import pytest

from tests.cli.conftest import Ran, Run
from twinline.cli.timelines import lasting

_numbers = count(1)


@pytest.fixture
def slot(run: Run) -> str:
    """A slot of the test's own: a deployment, one that changed the prompt, requests of both."""
    name = f"past-{next(_numbers)}.x"
    _done(run("models", "register", f"m-{name}", f"openai:/{name}"))
    for text in ("Say {{ it }}", "Shout {{ it }}"):
        _done(run("prompts", "create", f"p-{name}", "-t", text))
        sides = ("--model", f"models:/m-{name}/1", "--prompt", f"prompts:/p-{name}@latest")
        _done(run("deploy", f"{name}@past", "-r", f"because of {text[:5].strip()}", *sides))
    return f"{name}@past"


def test_a_timeline_is_drawn_and_told(run: Run, slot: str) -> None:
    drawn = _done(run("timeline", slot, COLUMNS="200")).out
    assert "/1 -> 2" in drawn
    assert "is live" in drawn
    told = json.loads(_done(run("timeline", slot, "--json")).out)
    assert [one["deployment"]["number"] for one in told] == [2, 1]


def test_what_changed_is_drawn_with_the_difference_of_the_prompt(run: Run, slot: str) -> None:
    first = json.loads(_done(run("timeline", slot, "--json")).out)[1]["deployment"]["at"]
    drawn = _done(run("changes", slot, "--from", first, COLUMNS="200")).out
    assert "-Say {{ it }}" in drawn
    assert "+Shout {{ it }}" in drawn
    assert "deployment 2: prompt" in drawn
    told = json.loads(_done(run("changes", slot, "--from", "1h", "--to", "now", "--json")).out)
    assert told["before"] is None
    quiet = run("changes", slot, "--from", "0s")
    assert quiet.code == 0 or "not before" in quiet.err
    assert run("changes", slot, "--from", "1h", "--to", "2h").code == 1


def test_blame_is_drawn_and_told(run: Run, slot: str) -> None:
    drawn = _done(run("blame", slot, COLUMNS="250")).out
    assert "was at deployment 2" in drawn
    assert "because of Shout" in drawn
    told = json.loads(_done(run("blame", slot, "--at", "now", "--json")).out)
    assert told["live"]["number"] == 2
    assert run("blame", slot, "--at", "2h").code == 4
    assert "--at 'noon' is no time" in " ".join(run("blame", slot, "--at", "noon").err.split())


def test_what_was_live_in_an_environment_is_told(run: Run, slot: str) -> None:
    assert slot in _done(run("live", "past")).out
    assert "Nothing was live in past then" in _done(run("live", "past", "--at", "2d")).out
    told = json.loads(_done(run("live", "--environment", "past", "--at", "1s", "--json")).out)
    assert told["environment"] == "past"
    assert run("live", "nowhere").code == 3
    assert json.loads(_done(run("live", slot, "--at", "now", "--json")).out)["live"]["number"] == 2


def test_divergences_are_drawn_and_told(run: Run, slot: str) -> None:
    words = ("divergences", "--environment", "past")
    assert "All as declared" in _done(run(*words)).out
    drawn = _done(run(*words, "--hours", "0.0000001", COLUMNS="250")).out
    assert "not-seen" in drawn
    shorter = _done(run(*words, "--hours", "0.0000001", "--limit", "1", "--since", "2h"))
    told = json.loads(_done(run(*words, "--hours", "0.0000001", "--json")).out)
    assert ("see --limit" in shorter.out) == (len(told["items"]) > 1)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0s"), (0.4, "0s"), (59.6, "1m"), (61, "1m 1s"), (3_600, "1h"), (3_661, "1h 1m"),
        (3_605, "1h"), (90_000, "1d 1h"), (86_400 * 400, "400d"),
    ],
)  # fmt: skip
def test_how_long_something_lasted_is_said_in_two_units(seconds: float, said: str) -> None:
    assert lasting(seconds) == said


def _done(ran: Ran) -> Ran:
    assert ran.code == 0, ran.err
    return ran
