"""What a form says when the database is away: nothing typed is lost, and nothing is done twice."""

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.support.browsing import Browser, alert
from tests.support.catalog import SLOT, Catalog
from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.db.session import Reading, Writing
from twinline.language.errors import DatabaseUnavailable
from twinline.web.deeds import ONCE

HERE = f"/slots/{SLOT}/rollback?side=prompt"
BUTTON, WHY = "Roll the prompt back", "wrong language since Tuesday"
AWAY = "The database does not answer: it is being moved"


@pytest.fixture(autouse=True)
def _catalog(client: Client) -> None:
    """Production went through three prompts, so that it could go back twice."""
    catalog = Catalog(client)
    for prompt in (1, 2, 3):
        catalog.deploy(SLOT, catalog.bundle(1, prompt))
    for prompt in (1, 2):
        catalog.serve(SLOT, catalog.bundle(1, prompt), 100)


def _live(client: Client) -> tuple[int, str]:
    found = client.slots.get(SLOT).live
    assert found is not None
    return found.number, str(found.prompt)[-1]


def test_what_was_carried_out_though_the_answer_was_lost_is_not_done_twice(
    browser: Browser, client: Client, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = rehearsal.writing

    @contextmanager
    def losing(actor: str) -> Generator[Writing]:
        with writing(actor) as tx:
            yield tx
        raise DatabaseUnavailable(AWAY)

    asked = browser.get(HERE)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(rehearsal, "writing", losing)
        lost = browser.submit(asked, BUTTON, reason=WHY)
    assert (lost.status, lost.answer.headers["retry-after"]) == (503, "1")
    assert AWAY in alert(lost)
    assert _live(client) == (4, "2")
    assert lost.form(BUTTON).fields[ONCE] == asked.form(BUTTON).fields[ONCE]
    again = browser.submit(lost, BUTTON)
    assert again.status == 409
    assert "carried out already" in alert(again)
    assert _live(client) == (4, "2")
    assert again.form(BUTTON).fields[ONCE] != asked.form(BUTTON).fields[ONCE]


def test_what_was_not_carried_out_is_by_the_same_form(
    browser: Browser, client: Client, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(actor: str) -> AbstractContextManager[Writing]:
        raise DatabaseUnavailable(AWAY)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(rehearsal, "writing", away)
        lost = browser.submit(browser.get(HERE), BUTTON, reason=WHY)
    assert lost.status == 503
    assert WHY in lost.main
    done = browser.submit(lost, BUTTON)
    assert "It was rolled back" in done.main
    assert _live(client) == (4, "2")


def test_a_form_that_nobody_could_read_is_kept_to_be_sent_again(
    browser: Browser, client: Client, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> AbstractContextManager[Reading]:
        raise DatabaseUnavailable(AWAY)

    asked = browser.get(HERE)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(rehearsal, "reading", away)
        lost = browser.submit(asked, BUTTON, reason=WHY)
    assert (lost.status, lost.answer.headers["retry-after"]) == (503, "1")
    assert AWAY in alert(lost)
    done = browser.submit(lost, "Send it again")
    assert "It was rolled back" in done.main
    found = client.slots.get(SLOT).live
    assert found is not None
    assert found.reason == WHY
    twice = browser.submit(lost, "Send it again")
    assert "carried out before" in twice.main
    assert _live(client) == (4, "2")
