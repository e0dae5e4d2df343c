"""What arrives is told once, whatever commits meanwhile, however late it was made."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app
from twinline.client import Client
from twinline.db.session import Database
from twinline.inferences import arrivals, partitions
from twinline.language import cursors
from twinline.language.errors import Invalid, NotFound
from twinline.language.ids import new_id
from twinline.language.records import Inference, NewInference, NewKey, NewModelVersion, Role
from twinline.language.refs import BundleRef, SlotRef


@pytest.fixture
def real(database: Database) -> Iterator[Client]:
    """A client of a server whose commits are real: what arrives is told by them."""
    with database.writing("test") as tx:
        key = access.issue_key(tx, NewKey(owner="test", role=Role.ADMIN)).key
    with served(make_app(database)) as url, Client(url, key) as client:
        yield client


@pytest.fixture
def bundle(real: Client) -> BundleRef:
    real.models.register(NewModelVersion(name="m", source_uri="openai:/m"))
    real.prompts.create("p", "Say {{ it }}")
    return real.bundles.pair("models:/m/1", "prompts:/p/1").ref


def recorded(client: Client, bundle: BundleRef, count: int, **more: object) -> list[str]:
    """Records so many, made ``ago`` from now."""
    ago = more.pop("ago", timedelta())
    assert isinstance(ago, timedelta)
    ids = [new_id(datetime.now(UTC) - ago) for _ in range(count)]
    made = [NewInference.model_validate({"id": id, "bundle": str(bundle), **more}) for id in ids]
    assert client.inferences.record(made).recorded == count
    return [str(id) for id in ids]


def ids_of(items: tuple[Inference, ...]) -> list[str]:
    return [str(one.id) for one in items]


def test_it_begins_with_the_last_and_goes_on_with_what_is_new(
    real: Client, bundle: BundleRef
) -> None:
    old = recorded(real, bundle, 5)
    begun = real.inferences.arrivals(last=2)
    assert (sorted(ids_of(begun.items)), begun.more) == (sorted(old)[-2:], False)
    assert real.inferences.arrivals(begun.next).items == ()
    new = recorded(real, bundle, 3)
    found = real.inferences.arrivals(begun.next)
    assert ids_of(found.items) == sorted(new)
    assert real.inferences.arrivals(found.next).items == ()
    assert real.inferences.arrivals(begun.next).items == found.items, "asked again, the same"


def test_what_was_made_long_ago_is_told_when_it_arrives(real: Client, bundle: BundleRef) -> None:
    begun = real.inferences.arrivals()
    late = recorded(real, bundle, 2, ago=timedelta(minutes=50))
    recorded(real, bundle, 2, ago=timedelta(minutes=90))
    assert ids_of(real.inferences.arrivals(begun.next).items) == sorted(late)
    assert len(real.inferences.arrivals(begun.next, late_seconds=7200).items) == 4


def test_more_than_a_page_is_told_page_by_page_whatever_arrives_between(
    real: Client, bundle: BundleRef
) -> None:
    begun = real.inferences.arrivals()
    first = recorded(real, bundle, 700)
    page = real.inferences.arrivals(begun.next)
    assert (len(page.items), page.more) == (500, True)
    between = recorded(real, bundle, 3, ago=timedelta(minutes=5))
    rest = real.inferences.arrivals(page.next)
    assert ids_of(page.items) + ids_of(rest.items) == sorted(first)
    assert ids_of(real.inferences.arrivals(rest.next).items) == sorted(between)


def test_what_a_slower_transaction_brings_is_told_after_it_commits(
    real: Client, bundle: BundleRef, database: Database
) -> None:
    slow, quick = (recorded(real, bundle, 1)[0] for _ in range(2))
    begun = real.inferences.arrivals()
    copy = text("""
        insert into inference (id, at, bundle_id)
        select :new, at, bundle_id from inference where id = :id
    """)
    with database.engine.connect() as connection:
        before = str(new_id())
        connection.execute(copy, {"new": before, "id": slow})
        with database.engine.begin() as other:
            after = str(new_id())
            other.execute(copy, {"new": after, "id": quick})
        seen = real.inferences.arrivals(begun.next)
        assert ids_of(seen.items) == [after], "the younger is here, the older not yet"
        connection.commit()
    assert ids_of(real.inferences.arrivals(seen.next).items) == [before]


def test_nothing_is_lost_or_told_twice_under_way(real: Client, bundle: BundleRef) -> None:
    cursor, told = real.inferences.arrivals().next, list[str]()
    with ThreadPoolExecutor(4) as pool:
        writes = [pool.submit(recorded, real, bundle, 7) for _ in range(24)]
        over = False
        while not over:
            over = all(one.done() for one in writes)  # before what is asked for last
            found = real.inferences.arrivals(cursor)
            told, cursor = told + ids_of(found.items), found.next
    assert sorted(told) == sorted(id for one in writes for id in one.result())


def test_filters_leave_what_is_meant(real: Client, bundle: BundleRef) -> None:
    real.prompts.create("q", "Say {{ it }} again")
    other = real.bundles.pair("models:/m/1", "prompts:/q/1").ref
    real.slots.deploy("r@dev", str(bundle), reason="first", expected=0)
    cursor = real.inferences.arrivals().next
    (failed,) = recorded(real, bundle, 1, status="error")
    (placed,) = recorded(real, other, 1, slot=SlotRef.parse("r@dev"))

    def told(**wanted: Any) -> list[str]:
        return ids_of(real.inferences.arrivals(cursor, **wanted).items)

    assert sorted(told()) == sorted([failed, placed])
    assert told(status="error") == [failed]
    assert told(slot="r@dev") == told(environment="dev") == [placed]
    assert told(nodes=["prompts:/p/1"]) == [failed]
    assert len(told(nodes=["models:/m/1"])) == 2
    assert told(nodes=["models:/m/1", "prompts:/q/1"]) == [placed]
    assert told(nodes=["prompts:/p/1", "prompts:/q/1"]) == []


def test_what_few_meet_is_looked_for_on_from_where_looking_ended(
    real: Client, bundle: BundleRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "LOOK", 3)
    cursor, more = real.inferences.arrivals().next, True
    recorded(real, bundle, 7)
    wanted = recorded(real, bundle, 1, status="error")
    recorded(real, bundle, 7)
    answers = list[list[str]]()
    while more:
        found = real.inferences.arrivals(cursor, status="error")
        answers.append(ids_of(found.items))
        cursor, more = found.next, found.more
    assert len(answers) == 6, "three at a time, and none once all fifteen were looked at"
    assert [id for ids in answers for id in ids] == wanted


def test_a_cursor_that_cannot_be_gone_on_from_is_refused(real: Client) -> None:
    begun = real.inferences.arrivals()
    since = json.loads(cursors.decode(arrivals.LISTING, begun.next, str) or "")["since"]

    def asked(**other: object) -> None:
        place = json.dumps({"since": since | other})
        real.inferences.arrivals(cursors.encode(arrivals.LISTING, place))

    asked()
    now = datetime.now(UTC)
    asked(at=str(now - timedelta(days=6, hours=23)))
    with pytest.raises(Invalid, match="holds for 7 days; begin without a cursor"):
        asked(at=str(now - timedelta(days=7, hours=1)))
    with pytest.raises(Invalid, match="before it was restored; begin without a cursor"):
        asked(none_from=since["none_from"] + 1_000_000)


def test_what_leads_to_slots_is_refused_with_the_remedy(real: Client, bundle: BundleRef) -> None:
    real.slots.deploy("r@dev", str(bundle), reason="first", expected=0)
    for node in ("routes:/r@dev", "deployments:/r@dev/1"):
        with pytest.raises(Invalid, match=r"slot=ROUTE@ENVIRONMENT") as refused:
            real.inferences.arrivals(nodes=["models:/m/1", node])
        assert refused.value.fields["value"] == node


def test_every_day_knows_which_transactions_wrote_where(database: Database) -> None:
    """Also one that is made later."""
    today = datetime.now(UTC).date()
    with database.writing("test") as tx:
        partitions.open_since(tx, today - timedelta(days=20), today, most=31)
        days = len(partitions.days(tx))
        indexes = tx.value(
            text("""
            select count(*) from pg_inherits join pg_index on indexrelid = inhrelid
            where inhparent = 'inference_arrived_idx'::regclass and indisvalid
        """)
        )
        valid = tx.value(
            text("""
            select indisvalid from pg_index
            where indexrelid = 'inference_arrived_idx'::regclass
        """)
        )
    assert (indexes, valid) == (days, True)


def test_what_is_wrong_is_named(real: Client) -> None:
    for cursor in ("x", "WyJhcnJpdmFscyIsIjEiXQ"):
        with pytest.raises(Invalid, match="is no cursor of this list"):
            real.inferences.arrivals(cursor)
    with pytest.raises(NotFound, match="no slot 'r@dev'"):
        real.inferences.arrivals(slot="r@dev")
