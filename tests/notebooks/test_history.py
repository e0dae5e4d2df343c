"""The history that notebooks analyse is played through the doors, at times of its own."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from twinline.access import actions as access
from twinline.cli.demo.history import script
from twinline.cli.demo.history.clock import played_clock
from twinline.cli.demo.history.player import play
from twinline.cli.demo.history.script import RollBack, Train
from twinline.cli.demo.tickets import tickets
from twinline.db.session import Database, connect
from twinline.deployments import actions as deployments
from twinline.language.refs import SlotRef
from twinline.recalls import actions as recalls

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SLOT = SlotRef("support-reply", "production")


def test_the_clock_stands_where_it_is_put_and_is_right_again_afterwards(
    database: Database,
) -> None:
    with played_clock(database) as put:
        put(NOON)
        inside = connect(database.url)
        with inside.reading() as tx:
            assert NOON <= access.now(tx) < NOON + timedelta(minutes=1)
        inside.close()
    afterwards = connect(database.url)
    with afterwards.reading() as tx:
        assert abs(access.now(tx) - datetime.now(UTC)) < timedelta(minutes=1)
    afterwards.close()


def test_the_bad_dataset_differs_from_the_good_one_only_in_teams_of_the_second_quarter() -> None:
    trained = {event.dataset: event for _, event in script.SCRIPT if isinstance(event, Train)}
    good, bad = (script.learned(trained[name]) for name in ("tickets-q1-q2", script.BAD_EXPORT))
    assert [ticket.text for ticket in good] == [ticket.text for ticket in bad]
    differ = Counter(
        ticket.quarter for ticket, other in zip(good, bad, strict=True) if ticket != other
    )
    assert set(differ) == {"2026-q2"}
    assert not any(ticket.held_out for ticket in good)
    assert len(good) < len(tickets())


@pytest.mark.slow
def test_four_weeks_are_as_the_script_says_and_the_catalog_is_whole(database: Database) -> None:
    end = datetime.now(UTC)
    play(database, end)
    with database.reading() as tx:
        history = [*deployments.whole_history(tx, SLOT)]
        verdict = recalls.verify(tx, 1)
        assert access.verify_log(tx).whole
    days = [days for days, event in script.SCRIPT if getattr(event, "slot", None) == SLOT.short]
    told = [one.at for one in reversed(history)]
    assert len(told) == len(days)
    for at, day in zip(told, days, strict=True):
        assert abs(at - (end - timedelta(days=day))) < timedelta(minutes=1)
    wanted = [event.reason for _, event in script.SCRIPT if isinstance(event, RollBack)]
    assert [one.reason for one in reversed(history) if one.kind == "rollback"] == [
        reason for reason in wanted if reason != "people ask who will be with them"
    ]
    assert verdict.same
