"""The page of an evaluation."""

from tests.support.browsing import HOSTILE, Browser
from tests.support.catalog import PROMPT, Catalog
from twinline.client import Client
from twinline.language.records import CaseResult


def _cases(*failed: int) -> list[CaseResult]:
    return [CaseResult(id=f"case-{n:03}", passed=n not in failed, score=0.5) for n in range(120)]


def test_scores_and_cases_are_told_a_page_at_a_time(browser: Browser, client: Client) -> None:
    bundle = Catalog(client).bundle(1, 1)
    made = Catalog(client).score(
        bundle.ref, "golden", cases=_cases(7), threshold=0.9, note=HOSTILE,
        evidence="https://evidence.example/1",
    )  # fmt: skip
    shown = browser.get(f"/evaluations/{made.ref.number}")
    assert "0.992, had to reach 0.900" in shown.main
    assert "119 passed, 1 failed" in shown.main
    assert len(shown.rows()) == 100
    assert len(browser.follow(shown, "More cases").rows()) == 20
    (link,) = shown.all("//a[@href='https://evidence.example/1']")
    assert link.get("rel") == "noreferrer"
    assert "<script>alert" not in shown.source
    assert "\u202e" not in shown.source
    only = browser.submit(shown, "Show", failed="1")
    assert only.rows() == [["case-007", "failed", "0.500"]]
    assert len(browser.follow(only, "Clear").rows()) == 100


def test_it_is_compared_with_the_version_before(browser: Browser, client: Client) -> None:
    Catalog(client).bundle(1, 2)
    client.prompts.create("other/prompt", "Other: {{ question }}")
    first, second = f"prompts:/{PROMPT}/1", f"prompts:/{PROMPT}/2"
    old = Catalog(client).score(first, "golden", cases=_cases(1, 2))
    other = Catalog(client).score("prompts:/other/prompt/1", "golden", cases=_cases())
    new = Catalog(client).score(second, "golden", cases=_cases(2, 3))
    shown = browser.get(f"/evaluations/{new.ref.number}")
    assert [row[0] for row in shown.rows()] == [
        f"Evaluation {old.ref.number}",
        f"Evaluation {new.ref.number}",
    ]
    assert "1 fixed, 1 broken" in shown.main
    assert "Brokencase-003" in shown.main
    assert "Fixedcase-001" in shown.main
    against = browser.submit(shown, "Compare", against=str(other.ref.number))
    assert "0 fixed, 2 broken" in against.main
    assert "The verdict turned to failed" in against.main


def test_the_first_of_a_suite_and_one_without_cases_say_so(
    browser: Browser, client: Client
) -> None:
    Catalog(client).bundle(1, 1)
    made = Catalog(client).score(f"prompts:/{PROMPT}/1", "golden", passed=3, failed=0)
    shown = browser.get(f"/evaluations/{made.ref.number}")
    assert "the first result of this suite" in shown.main
    assert "--suite golden --cases cases.json" in shown.main
    Catalog(client).score(f"prompts:/{PROMPT}/1", "golden", cases=_cases())
    third = Catalog(client).score(f"prompts:/{PROMPT}/1", "golden", passed=3, failed=0)
    assert (
        "Not both results kept their cases" in browser.get(f"/evaluations/{third.ref.number}").main
    )


def test_two_suites_are_not_compared(browser: Browser, client: Client) -> None:
    Catalog(client).bundle(1, 1)
    one = Catalog(client).score(f"prompts:/{PROMPT}/1", "golden", passed=3, failed=0)
    two = Catalog(client).score(f"prompts:/{PROMPT}/1", "tone", passed=3, failed=0)
    shown = browser.get(f"/evaluations/{two.ref.number}?against={one.ref.number}")
    assert shown.status == 422
    assert "Take two results of one suite" in shown.main


def test_one_that_is_not_there_is_told(browser: Browser) -> None:
    shown = browser.get("/evaluations/99")
    assert shown.status == 404
    assert "There is no evaluation" in shown.main
