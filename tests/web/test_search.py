"""Finding: an exact hit leads to its page, the rest is listed, and nothing says what is near."""

import httpx
import pytest

from tests.support.browsing import HOSTILE, Browser, alert
from tests.support.catalog import SLOT, Catalog
from twinline.client import Client

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def catalog(client: Client) -> Catalog:
    made = Catalog(client)
    made.deploy(SLOT, made.bundle(1, 1))
    return made


def leads_to(browser: Browser, q: str) -> str:
    answer = browser.http.get("/search", params={"q": q}, follow_redirects=False)
    assert answer.status_code == 303, f"{q}: {answer.status_code}"
    return answer.headers["location"]


def test_without_a_question_it_says_how_to_look(browser: Browser) -> None:
    for empty in ("/search", "/search?q=", "/search?q=%20"):
        shown = browser.get(empty)
        assert "How to look" in shown.main
        assert "refund policy" in shown.main


def test_what_is_called_exactly_so_is_shown_at_once(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    digest = catalog.bundle(1, 1).digest
    client.prompts.move_label("support/answer", "stable", 1, reason="begin")
    (one,) = catalog.serve(SLOT, catalog.bundle(1, 1), 1, decision="loan-4711", trace_id=TRACE)
    exact = {
        "prompts:/support/answer/1": "/prompts/support/answer/versions/1",
        "prompts:/support/answer@stable": "/prompts/support/answer/versions/1",
        "support/answer/1": "/prompts/support/answer/versions/1",
        "support/answer@stable": "/prompts/support/answer/versions/1",
        "support/answer": "/prompts/support/answer",
        " support/answer ": "/prompts/support/answer",
        "churn": "/models/churn",
        "churn/1": "/models/churn/versions/1",
        SLOT: f"/slots/{SLOT}",
        f"{SLOT}/1": f"/slots/{SLOT}/deployments/1",
        "production": "/environments/production",
        digest[:12]: f"/bundles/{digest}",
        digest[:14].upper(): f"/bundles/{digest}",
        f"bundles:/{digest[:12]}": f"/bundles/{digest}",
        "run-1": "/lineage?node=runs%3A%2Frun-1",
        "tickets/1": "/lineage?node=datasets%3A%2Ftickets%2F1",
        str(one.id): f"/inferences/{one.id}",
        f"inferences:/{one.id}": f"/inferences/{one.id}",
        "loan-4711": "/inferences?decision=loan-4711",
        "decisions:/loan-4711": "/inferences?decision=loan-4711",
        TRACE: f"/inferences?trace={TRACE}",
    }
    assert {q: leads_to(browser, q) for q in exact} == exact


def test_parts_and_words_are_listed_by_kind(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    client.models.register(catalog.another_model("answerer"))
    client.prompts.create("sales/offer", "Explain the answer policy.", description=HOSTILE)
    shown = browser.get("/search?q=answer")
    assert {"support/answer", "sales/offer", "answerer", SLOT} <= shown.links.keys()
    assert shown.links[SLOT] == f"/slots/{SLOT}"
    assert "<script>alert(1)</script>⟨U+202E⟩" in shown.main
    only = browser.get('/search?q="answer+policy"')
    assert "sales/offer" in only.links
    assert "support/answer" not in only.links
    assert "tickets" not in only.main
    assert "datasets:/tickets/1" in browser.get("/search?q=tickets").links


def test_datasets_are_listed_beside_what_else_was_found(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    client.prompts.create("sales/offer", "Sum the tickets up.")
    shown = browser.get("/search?q=tickets")
    assert {"sales/offer", "datasets:/tickets/1"} <= shown.links.keys()


def test_several_that_are_called_so_are_all_listed(
    browser: Browser, client: Client, catalog: Catalog
) -> None:
    client.prompts.create("churn", "Why do they leave?")
    shown = browser.get("/search?q=churn")
    assert {"/prompts/churn", "/models/churn"} <= {
        one.get("href") for one in shown.all("//main//a[@href]")
    }
    assert "Exactly so" in shown.main


def test_nothing_found_says_where_and_what_is_near(browser: Browser, catalog: Catalog) -> None:
    for q, near in (
        ("suport/anwser", "support/answer"),
        ("chrun", "churn"),
        ("answr@prodction", SLOT),
        ("tickts", "tickets"),
    ):
        shown = browser.get(f"/search?q={q}")
        assert "Nothing is called so" in shown.main
        assert near in shown.links, q
    shown = browser.get("/search?q=xyzzyx")
    assert "Almost so" not in shown.main


def test_a_reference_to_nothing_says_why(browser: Browser, catalog: Catalog) -> None:
    shown = browser.get("/search?q=prompts:/support/answer/9")
    assert "no version 9" in alert(shown)
    shown = browser.get("/search?q=decisions:/none")
    assert "'none'" in alert(shown)
    shown = browser.get("/search?q=odd:/thing")
    assert "is no reference" in alert(shown)


def test_hostile_words_are_looked_for_and_shown_as_typed(
    browser: Browser, catalog: Catalog
) -> None:
    for q in (HOSTILE, "-only -not", "%", "a_b\\", "'", '"', "&|!():*", "ü" * 500, "0" * 64):
        answer = browser.http.get("/search", params={"q": q})
        assert answer.status_code == 200, q
        assert "<script>alert" not in answer.text
    shown = browser.get(f"/search?{httpx.QueryParams({'q': HOSTILE})}")
    assert "<script>alert(1)</script>⟨U+202E⟩" in shown.main
    assert shown.one("//main//input[@name='q']").get("value") == HOSTILE
    assert browser.get("/search?q=%00").status == 422
