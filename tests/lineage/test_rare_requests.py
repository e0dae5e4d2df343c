"""A status or a score that is rare is found where the rollups say that there is one, and not
looked for where there is none."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.catalog import Catalog
from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.inferences import affected, store
from twinline.inferences.affected import LookedFor
from twinline.language.ids import new_id
from twinline.language.records import NewInference, RequestFilter
from twinline.lineage import impacts

MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
RARE_AT = MIDNIGHT - timedelta(days=3) + timedelta(hours=5, minutes=31)
BEFORE, AFTER = 40, 300
RARE = [{"status": "error"}, {"score_min": 0.9}, {"score_max": 0.95}]


@pytest.fixture(autouse=True, params=[affected.MANY, -1])
def _few_at_a_time(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty of each bundle, or of all, though hundreds were served before and after."""
    monkeypatch.setattr(affected, "MANY", request.param)
    monkeypatch.setattr(affected, "LOOKED_THROUGH", 20)
    monkeypatch.setattr(store, "RECENT_MEASURED", 20)


@pytest.fixture(autouse=True)
def _served(client: Client) -> None:
    """One request that failed and has a score, among those that did neither."""
    bundle = str(Catalog(client).bundle(1, 1).ref)
    usual = [
        {"id": new_id(RARE_AT + place * timedelta(minutes=10)), "bundle": bundle, "status": "ok"}
        for place in range(-BEFORE, AFTER)
    ]
    rare = usual[BEFORE] | {"status": "error", "score": 0.92}
    sent = [*usual[:BEFORE], rare, *usual[BEFORE + 1 :]]
    told = client.inferences.record([NewInference.model_validate(one) for one in sent])
    assert told.recorded == len(sent), told


def _look(rehearsal: Rehearsal, **wanted: object) -> LookedFor:
    with rehearsal.reading() as tx:
        asked = RequestFilter.model_validate(wanted)
        return impacts.requests_of_all(tx, [], asked, cursor=None, limit=7)


@pytest.mark.parametrize("wanted", RARE)
def test_it_is_found_at_once_and_nothing_more_is_promised(
    rehearsal: Rehearsal, wanted: dict[str, object]
) -> None:
    found = _look(rehearsal, **wanted)
    assert [one.at for one in found.page.items] == [RARE_AT]
    assert (found.page.next, found.looked_to) == (None, None)


@pytest.mark.parametrize("wanted", RARE)
@pytest.mark.parametrize("begin", [RARE_AT + timedelta(hours=1), MIDNIGHT - timedelta(days=2)])
def test_nothing_is_promised_before_the_time_begins(
    rehearsal: Rehearsal,
    monkeypatch: pytest.MonkeyPatch,
    wanted: dict[str, object],
    begin: datetime,
) -> None:
    monkeypatch.setattr(affected, "LOOKS", 1)
    found = _look(rehearsal, begin=begin, **wanted)
    assert found.page.items == ()
    assert (found.page.next, found.looked_to) == (None, None)


def test_what_the_counts_do_not_tell_apart_is_looked_for_from_hour_to_hour(
    rehearsal: Rehearsal,
) -> None:
    """That something has a score is counted, which score is not."""
    found = _look(rehearsal, score_max=0.1)
    assert (found.page.items, found.page.next, found.looked_to) == ((), None, None)
