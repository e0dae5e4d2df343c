"""What is done about an alias, as a table and as properties."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from twinline.aliases.rules import (
    BACKOFF_SECONDS_MAX,
    IN_DOUBT,
    REVERTS_MAX,
    Follow,
    Hold,
    InSync,
    Leave,
    Link,
    Move,
    Place,
    Put,
    Revert,
    Show,
    Step,
    Write,
    decide,
    record,
    strays,
    wait_seconds,
    with_certainty,
    with_doubt,
)
from twinline.language.records import ForeignMoves, NewAliasLink
from twinline.language.refs import ModelVersionRef, SlotRef

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HOME = Place("churn", "production")


def put(number: int | None, *, sure: bool = False, age: timedelta = timedelta(0)) -> Put:
    return Put(model=HOME.model, alias=HOME.alias, number=number, at=NOW - age, sure=sure)


def link(**otherwise: Any) -> Link:
    """Version 1 is live by deployment 1, the alias was brought there, and nobody moved it."""
    known: dict[str, Any] = {
        "slot": SlotRef("answer", "production"),
        "alias": HOME.alias,
        "writes": True,
        "foreign": "alert",
        "actor": "ana",
        "at": NOW,
        "model": HOME.model,
        "known": 1,
        "looked_at": NOW,
        "puts": (put(1, sure=True),),
        "written": ModelVersionRef("churn", 1),
        "written_at": NOW,
        "settled": 1,
        "asked_at": NOW,
        "tries": 0,
        "trouble": None,
        "note": None,
        "turn": 1,
        "live_number": 1,
        "live_model": ModelVersionRef("churn", 1),
        "of_mlflow": True,
        "deployed_at": None,
        "proposal": None,
    }
    return Link.model_validate(known | otherwise)


MOVE, GONE = Move(1, 3), Move(1, None)
DUE = {"live_number": 2, "live_model": ModelVersionRef("churn", 2)}

CASES: dict[str, tuple[dict[str, Any], int | None, Step]] = {
    "where-it-should-be": ({}, 1, InSync()),
    "somebody-else-put-it-where-it-should-be": (DUE, 2, InSync()),
    "a-deployment-waits": (DUE, 1, Write(None)),
    "a-deployment-waits-and-somebody-moved-it": (DUE, 3, Write(MOVE)),
    "a-deployment-waits-and-whoever-moves-it-is-to-be-followed": (
        {**DUE, "foreign": "deploy"}, 3, Write(MOVE)),
    "never-looked-and-nothing-there": (
        {**DUE, "looked_at": None, "known": None}, None, Write(None)),
    "never-looked-and-no-right-to-write": (
        {**DUE, "writes": False, "looked_at": None, "known": None}, 3, Leave()),
    "a-deployment-that-is-not-written": ({**DUE, "writes": False}, 1, Leave()),
    "moved-and-only-shown": ({}, 3, Show(MOVE, "the link only shows what others do")),
    "moved-and-seen-already": ({"known": 3}, 3, Leave()),
    "moved-and-moved-back": ({"known": 3}, 1, InSync()),
    "moved-and-put-back": ({"foreign": "revert"}, 3, Revert(MOVE)),
    "taken-away-and-put-back": ({"foreign": "revert"}, None, Revert(GONE)),
    "moved-and-proposed": ({"foreign": "propose"}, 3, Follow(MOVE, 3, at_once=False)),
    "moved-and-deployed": ({"foreign": "deploy"}, 3, Follow(MOVE, 3, at_once=True)),
    "taken-away-and-nothing-to-follow": ({"foreign": "deploy"}, None, Show(
        GONE, "it was removed there, and there is no version to follow it to")),
    "an-older-write-of-ours-lands-late": (
        {"puts": (put(1, sure=True), put(3))}, 3, Write(None)),
    "an-older-removal-of-ours-lands-late": (
        {"puts": (put(1, sure=True), put(None))}, None, Write(None)),
    "too-late-to-be-ours": (
        {"puts": (put(3, age=IN_DOUBT),), "foreign": "revert"}, 3, Revert(MOVE)),
    "a-late-write-of-a-link-that-writes-no-more": (
        {"puts": (put(3),), "writes": False, "foreign": "deploy"}, 3,
        Follow(MOVE, 3, at_once=True)),
}  # fmt: skip


@pytest.mark.parametrize(("known", "found", "step"), CASES.values(), ids=CASES)
def test_what_is_done(known: dict[str, Any], found: int | None, step: Step) -> None:
    it = link(**known)
    assert it.wanted is not None
    assert decide(it, it.wanted.number, found, 0, NOW) == step


def test_nobody_is_fought_for_ever() -> None:
    fighting = link(foreign="revert")
    steps = [decide(fighting, 1, 3, reverts, NOW) for reverts in range(REVERTS_MAX + 2)]
    assert steps == [*[Revert(MOVE)] * REVERTS_MAX, Hold(MOVE), Hold(MOVE)]
    assert decide(link(**DUE, foreign="revert"), 2, 3, REVERTS_MAX, NOW) == Write(MOVE)


VERSIONS = st.none() | st.integers(1, 4)


@given(
    foreign=st.sampled_from(["alert", "propose", "deploy"]),
    found=VERSIONS,
    known=VERSIONS,
    settled=st.integers(0, 3),
)
def test_a_link_that_does_not_write_never_writes(
    foreign: ForeignMoves, found: int | None, known: int | None, settled: int
) -> None:
    quiet = link(writes=False, foreign=foreign, known=known, settled=settled, live_number=3)
    assert not isinstance(decide(quiet, 1, found, 0, NOW), Write | Revert)


@given(
    foreign=st.sampled_from(["alert", "revert", "propose", "deploy"]),
    found=VERSIONS,
    writes=st.booleans(),
    reverts=st.integers(0, 9),
)
def test_what_was_seen_and_settled_is_answered_once(
    foreign: ForeignMoves, found: int | None, writes: bool, reverts: int
) -> None:
    writes = writes or foreign == "revert"
    seen = link(foreign=foreign, known=found, writes=writes, puts=())
    assert isinstance(decide(seen, 1, found, reverts, NOW), InSync | Leave)


def test_what_was_sent_without_an_answer_stays_in_doubt_for_a_while() -> None:
    sent = with_doubt((), HOME, 2, NOW)
    again_at = NOW + timedelta(seconds=5)
    twice = with_doubt(sent, HOME, 2, again_at)
    answered = with_certainty(twice, HOME, 2, again_at, sent_at=again_at)
    assert [(one.number, one.sure) for one in answered] == [(2, False), (2, True)]
    later = with_certainty(answered, HOME, 2, NOW + IN_DOUBT)
    assert [(one.number, one.sure) for one in later] == [(2, True)]


def test_where_we_never_put_it_it_is_not_ours() -> None:
    assert with_certainty((put(1, sure=True),), HOME, 2, NOW) == ()


def test_our_alias_is_a_stray_where_it_should_not_be() -> None:
    elsewhere = Put(model="old", alias=HOME.alias, number=7, at=NOW, sure=True)
    other_name = Put(model=HOME.model, alias="first", number=1, at=NOW, sure=True)
    removed = Put(model="older", alias=HOME.alias, number=None, at=NOW, sure=False)
    found = strays(link(puts=(put(1, sure=True), elsewhere, other_name, removed)))
    assert found == {
        Place("old", "production"): frozenset({7}),
        Place("churn", "first"): frozenset({1}),
    }
    assert strays(link(of_mlflow=False)) == {HOME: frozenset({1})}


@pytest.mark.parametrize(
    ("known", "state", "why"),
    [
        ({}, "in_sync", ""),
        (DUE, "pending", "models:/churn/2 is live and not written yet"),
        ({"looked_at": None, "known": None}, "pending", "MLflow was not asked yet"),
        (
            {"known": 3, "note": "because"},
            "drifted",
            "models:/churn@production is on version 3 in MLflow, but models:/churn/1 is live "
            "here: because",
        ),
        (
            {"known": None},
            "drifted",
            "churn has no alias production in MLflow, but models:/churn/1 is live here",
        ),
        ({"trouble": "MLflow is away", **DUE}, "error", "MLflow is away"),
        (
            {"live_model": None, "of_mlflow": False},
            "no_alias",
            "nothing is live in answer@production",
        ),
        ({"of_mlflow": False}, "no_alias", "models:/churn/1, which is live, is not of MLflow"),
    ],
)  # fmt: skip
def test_how_things_stand(known: dict[str, Any], state: str, why: str) -> None:
    shown = record(link(**known))
    assert (shown.state, shown.why) == (state, why)


def test_a_deployment_waits_since_it_was_made_or_asked_for_again() -> None:
    made = NOW + timedelta(hours=1)
    assert record(link(**DUE, deployed_at=made)).pending_since == made
    assert record(link(**DUE, deployed_at=NOW - timedelta(hours=1))).pending_since == NOW
    assert record(link()).pending_since is None


def test_tries_become_rarer_up_to_a_limit() -> None:
    assert [wait_seconds(tries) for tries in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert wait_seconds(10_000) == BACKOFF_SECONDS_MAX


@pytest.mark.parametrize("alias", ["latest", "LATEST", "v7", "a b", "", "é", "a/b", "x" * 256])
def test_an_alias_that_mlflow_refuses_is_refused_here(alias: str) -> None:
    with pytest.raises(ValidationError):
        NewAliasLink(alias=alias)


@pytest.mark.parametrize("alias", ["production", "v", "v7-eu", "Champion_2", "7"])
def test_an_alias_that_mlflow_takes_is_taken_here(alias: str) -> None:
    assert NewAliasLink(alias=alias).alias == alias
