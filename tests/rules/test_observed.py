"""Which of what was observed was not declared, as tables over minutes of one hour."""

from datetime import UTC, datetime, timedelta

import pytest

from twinline.language.refs import BundleRef
from twinline.routing.policy import read_policy
from twinline.timelines import observed
from twinline.timelines.observed import ALWAYS, Found, Piece, Seen, Span, Wrong

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ONE, TWO = BundleRef("1" * 64), BundleRef("2" * 64)
TICK = timedelta(microseconds=1)


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


def seen(first: float, last: float, requests: int = 9, deployment: int = 1) -> Seen:
    return Seen(1, deployment, 7, requests, at(first), at(last))


def span(begin: float, end: float | None = None, *, number: int = 1) -> Span:
    return Span(number, at(begin), ALWAYS[1] if end is None else at(end), frozenset({ONE}))


def said(found: Found | Piece) -> str:
    kind = found.wrong.kind
    if isinstance(found, Found):
        return f"{kind}: all"
    begin, end = ((moment - NOON).total_seconds() / 60 for moment in (found.begin, found.end))
    return f"{kind}: {begin:g} to {end:g}"


@pytest.mark.parametrize(
    ("first", "last", "since", "bundle", "expected"),
    [
        pytest.param(10, 19, 0, ONE, [], id="while-it-was-live"),
        pytest.param(10, 21, 0, ONE, [], id="with-grace-after"),
        pytest.param(9, 19, 0, ONE, [], id="with-grace-before"),
        pytest.param(22, 30, 0, ONE, ["no-longer-live: all"], id="too-late"),
        pytest.param(15, 30, 0, ONE, ["no-longer-live: 22 to 30"], id="some-too-late"),
        pytest.param(1, 7, 0, ONE, ["not-yet-live: all"], id="too-early"),
        pytest.param(1, 15, 0, ONE, ["not-yet-live: 1 to 8"], id="some-too-early"),
        pytest.param(
            1, 30, 0, ONE, ["not-yet-live: 1 to 8", "no-longer-live: 22 to 30"], id="both"
        ),
        pytest.param(1, 30, 5, ONE, ["not-yet-live: 5 to 8", "no-longer-live: 22 to 30"], id="cut"),
        pytest.param(22, 30, 25, ONE, ["no-longer-live: 25 to 30"], id="only-since"),
        pytest.param(22, 30, 31, ONE, [], id="all-before-since"),
        pytest.param(10, 19, 0, TWO, ["bundle-not-permitted: all"], id="another-bundle"),
        pytest.param(10, 19, 15, TWO, ["bundle-not-permitted: 15 to 19"], id="of-it-since"),
        pytest.param(
            22, 30, 0, TWO, ["bundle-not-permitted: all", "no-longer-live: all"], id="twice-wrong"
        ),
    ],
)
def test_requests_that_name_a_deployment(
    first: float, last: float, since: float, bundle: BundleRef, expected: list[str]
) -> None:
    wrongs = observed.wrong_under(span(10, 20), bundle, timedelta(minutes=2))
    found = observed.judge(seen(first, last), wrongs, at(since))
    assert [said(one) for one in found] == expected


def test_the_live_deployment_is_never_too_late() -> None:
    wrongs = observed.wrong_under(span(10), ONE, timedelta(days=1))
    assert list(observed.judge(seen(10, 60), wrongs, NOON)) == []


def test_grace_stays_within_the_years_that_there_are() -> None:
    first = Span(1, ALWAYS[0], ALWAYS[1], frozenset({ONE}))
    wrongs = observed.wrong_under(first, ONE, timedelta(days=1))
    assert list(observed.judge(seen(0, 9), wrongs, NOON)) == []


@pytest.mark.parametrize(
    ("first", "last", "bundle", "expected"),
    [
        pytest.param(10, 30, ONE, [], id="permitted-by-both"),
        pytest.param(1, 9, ONE, ["not-in-the-policy: all"], id="before-anything"),
        pytest.param(1, 15, ONE, ["not-in-the-policy: 1 to 10"], id="some-before-anything"),
        pytest.param(10, 19, TWO, ["not-in-the-policy: all"], id="one-policy"),
        pytest.param(
            15,
            30,
            TWO,
            ["not-in-the-policy: 15 to 20", "not-in-the-policy: 20 to 30"],
            id="over-a-border",
        ),
    ],
)
def test_requests_that_name_no_deployment(
    first: float, last: float, bundle: BundleRef, expected: list[str]
) -> None:
    history = observed.spans([(1, at(10), frozenset({ONE})), (2, at(20), frozenset({ONE}))])
    found = observed.judge(seen(first, last), observed.wrong_within(history, bundle), NOON)
    assert [said(one) for one in found] == expected


def test_where_nothing_was_ever_live_nothing_is_permitted() -> None:
    found = observed.judge(seen(1, 2), observed.wrong_within((), ONE), NOON)
    assert [said(one) for one in found] == ["not-in-the-policy: all"]


def test_a_piece_ends_after_the_last_request() -> None:
    wrongs = [Wrong("no-longer-live", at(5), ALWAYS[1], 1, at(5))]
    (piece,) = observed.judge(seen(1, 9), wrongs, NOON)
    assert isinstance(piece, Piece)
    assert piece.end == at(9) + TICK


def test_counts_are_put_together_by_group_and_kind_the_most_first() -> None:
    late, early = (
        Wrong("no-longer-live", at(5), ALWAYS[1], 1, at(5)),
        Wrong("not-yet-live", ALWAYS[0], at(5), 1, at(5)),
    )
    found = [
        Found(seen(6, 7, 2), late),
        Found(seen(1, 2, 4), early),
        Found(seen(8, 9, 3), late),
        Found(seen(8, 9, 1, deployment=2), late),
    ]
    together = observed.together(found)
    assert [(one.wrong.kind, one.seen.requests) for one in together] == [
        ("no-longer-live", 5),
        ("not-yet-live", 4),
        ("no-longer-live", 1),
    ]
    assert [observed.off_seconds(one) for one in together] == [240, 240, 240]
    assert observed.counts(together) == {"no-longer-live": 6, "not-yet-live": 4}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Wrong("bundle-not-permitted", *ALWAYS, 3), "policy of deployment 3 does not serve"),
        (Wrong("not-yet-live", *ALWAYS, 3, NOON), "more than 60 s before deployment 3"),
        (Wrong("no-longer-live", *ALWAYS, 3, NOON), "more than 60 s after deployment 3"),
        (Wrong("not-in-the-policy", *ALWAYS, None), "nothing was live"),
        (Wrong("not-in-the-policy", *ALWAYS, 3), "deployment 3 was live and does not serve"),
        (Wrong("not-seen", *ALWAYS, 3), "no request came"),
    ],
)
def test_what_is_wrong_is_said(wrong: Wrong, said: str) -> None:
    found = Found(seen(1, 2), wrong)
    assert said in observed.detail(found, 60.0)
    assert (observed.off_seconds(found) is None) == (wrong.border is None)


def test_a_policy_serves_all_that_it_names_but_shadows() -> None:
    document = {
        "schema": "routing-policy/1",
        "unit": {"by": ["u"]},
        "default": {"bundle": str(ONE)},
        "shadow": [{"bundle": str(TWO), "sample": 1}],
    }
    assert observed.serves(read_policy(document)) == {ONE}
    assert observed.serves(read_policy(document | {"fallback": [str(TWO)]})) == {ONE, TWO}
