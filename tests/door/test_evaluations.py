"""Results of suites at the door: of either side, case by case, listed and compared."""

import httpx
import pytest

from tests.support.catalog import Catalog
from twinline.client import Client
from twinline.language.errors import Invalid, NotFound
from twinline.language.records import CaseResult, NewEvaluation
from twinline.language.refs import DatasetRef, RunRef

ONE, TWO = "prompts:/support/answer/1", "prompts:/support/answer/2"


@pytest.fixture
def catalog(client: Client) -> Catalog:
    made = Catalog(client)
    made.bundle(1, 2)
    return made


def result(subject: str, suite: str = "golden", **more: object) -> NewEvaluation:
    counts: dict[str, object] = {"passed": 9, "failed": 1, "score": 0.9}
    return NewEvaluation.model_validate({"subject": subject, "suite": suite} | counts | more)


def went(**cases: bool) -> dict[str, object]:
    """Cases and what they come to."""
    kept = [CaseResult(id=id, passed=passed) for id, passed in cases.items()]
    passed = sum(cases.values())
    score = passed / len(cases)
    return {"cases": kept, "passed": passed, "failed": len(cases) - passed, "score": score}


def test_either_side_and_the_pair_can_be_scored(client: Client, catalog: Catalog) -> None:
    bundle = catalog.bundle(1, 1).ref
    for subject in (ONE, "models:/churn/1", str(bundle)):
        made = client.evaluations.record(result(subject))
        assert str(made.subject) == subject
        assert client.evaluations.get(made.ref) == made
        assert list(client.evaluations.newest(subject)) == [made]
    short = client.evaluations.record(result(f"bundles:/{bundle.digest[:12]}"))
    assert short.subject == bundle


def test_a_bundle_may_be_sent_by_the_name_that_the_member_had(
    http: httpx.Client, catalog: Catalog
) -> None:
    ref = str(catalog.bundle(1, 1).ref)
    body = {"suite": "golden", "passed": 1, "failed": 0}
    answer = http.post("/evaluations", json={**body, "bundle": ref})
    assert (answer.status_code, answer.json()["subject"]) == (201, ref)
    both = http.post("/evaluations", json={**body, "bundle": ref, "subject": ref})
    assert both.status_code == 422
    neither = http.post("/evaluations", json=body)
    assert (neither.status_code, "subject" in neither.text) == (422, True)


@pytest.mark.parametrize(
    "subject", ["prompts:/support/answer/9", "models:/churn/9", "bundles:/000000000000"]
)
def test_what_does_not_exist_is_not_scored(client: Client, catalog: Catalog, subject: str) -> None:
    with pytest.raises(NotFound):
        client.evaluations.record(result(subject))
    with pytest.raises(NotFound):
        list(client.evaluations.list(subject))
    with pytest.raises(NotFound):
        client.evaluations.compare(ONE, subject)


def test_all_that_is_known_of_a_result_is_kept(client: Client, catalog: Catalog) -> None:
    facts = {
        "dataset": "datasets:/tickets/1",
        "run": "runs:/run-1",
        "evidence": "https://ci.example.org/41",
        "note": "after the move",
    }
    made = client.evaluations.record(result(ONE, **facts))
    assert (made.dataset, made.run) == (DatasetRef("tickets", "1"), RunRef("run-1"))
    assert (made.evidence, made.note, made.actor) == (facts["evidence"], facts["note"], "admin")
    event = next(client.audit.events())
    assert (event.action, event.subject) == ("evaluation.record", ONE)
    assert event.after == made.model_dump(mode="json")


def test_a_result_stands_in_the_lineage_of_what_it_scored_and_was_scored_on(
    client: Client, catalog: Catalog
) -> None:
    used = {"dataset": "datasets:/tickets/1", "run": "runs:/run-1"}
    made = client.evaluations.record(result(ONE, **used))
    unknown = client.evaluations.record(result(ONE, dataset="datasets:/nowhere/1"))
    found = client.lineage.walk(str(made.ref), direction="upstream", depth=1)
    into = {(edge.source, edge.kind) for edge in found.edges if edge.target == str(made.ref)}
    assert into == {(source, "evaluated") for source in (ONE, *used.values())}
    alone = client.lineage.walk(str(unknown.ref), direction="upstream", depth=1)
    assert {edge.source for edge in alone.edges} == {ONE}


def test_results_are_listed_by_subject_and_by_suite_the_newest_first_page_by_page(
    client: Client, http: httpx.Client, catalog: Catalog
) -> None:
    made = [
        client.evaluations.record(result(subject, suite))
        for suite in ("golden", "toxic")
        for subject in (ONE, TWO, ONE)
    ][::-1]
    assert list(client.evaluations.list()) == made
    assert list(client.evaluations.list(ONE)) == [one for one in made if str(one.subject) == ONE]
    assert [one.suite for one in client.evaluations.list(suite="toxic")] == ["toxic"] * 3
    assert len(list(client.evaluations.list(TWO, suite="golden"))) == 1
    seen, cursor = [], {}
    while True:
        page = http.get("/evaluations", params={"suite": "golden", "limit": 2, **cursor}).json()
        seen += [one["ref"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == [str(one.ref) for one in made if one.suite == "golden"]
    other = http.get("/evaluations", params={"suite": "toxic", **cursor})
    assert other.status_code == 422
    newest = next(client.evaluations.list("prompts:/support/answer@latest"))
    assert newest == next(one for one in made if str(one.subject) == TWO)


def test_cases_are_kept_one_by_one(client: Client, catalog: Catalog) -> None:
    made = client.evaluations.record(result(ONE, **went(b=True, a=False, c=True)))
    assert (made.cases, made.verdict) == (3, "failed")
    kept = list(client.evaluations.cases(made.ref))
    assert [(one.id, one.passed) for one in kept] == [("a", False), ("b", True), ("c", True)]
    assert [one.id for one in client.evaluations.cases(made.ref.number, failed=True)] == ["a"]
    with pytest.raises(NotFound):
        list(client.evaluations.cases(made.ref.number + 1))


def test_ten_thousand_cases_are_kept_and_one_more_is_refused(
    client: Client, http: httpx.Client, catalog: Catalog
) -> None:
    cases = [{"id": f"case {n} " + "x" * 150, "passed": True} for n in range(10_000)]
    body = {"subject": ONE, "suite": "golden", "passed": 10_000, "failed": 0, "cases": cases}
    answer = http.post("/evaluations", json=body)
    assert (answer.status_code, answer.json()["cases"]) == (201, 10_000)
    number = int(answer.json()["ref"].rpartition("/")[2])
    assert sum(1 for _ in client.evaluations.cases(number)) == 10_000
    over = {**body, "passed": 10_001, "cases": [*cases, {"id": "more", "passed": True}]}
    assert http.post("/evaluations", json=over).status_code == 422


@pytest.mark.parametrize(
    ("cases", "counts", "said"),
    [
        pytest.param(["a", "a"], (2, 0), "the case 'a' is there 2 times", id="twice"),
        pytest.param(["a", "b"], (1, 1), "2 passed and 0 failed, not 1 and 1", id="other-counts"),
    ],
)
def test_cases_that_do_not_add_up_are_refused(
    http: httpx.Client, catalog: Catalog, cases: list[str], counts: tuple[int, int], said: str
) -> None:
    body = {
        "subject": ONE, "suite": "golden", "passed": counts[0], "failed": counts[1],
        "cases": [{"id": id, "passed": True} for id in cases],
    }  # fmt: skip
    answer = http.post("/evaluations", json=body)
    assert (answer.status_code, said in answer.text) == (422, True), answer.text


def test_two_versions_are_compared_suite_by_suite_and_case_by_case(
    client: Client, catalog: Catalog
) -> None:
    record = client.evaluations.record
    record(result(ONE, **went(a=False, b=False, c=True, d=True)))  # replaced by the next
    before = record(result(ONE, threshold=0.7, **went(a=True, b=True, c=False, d=True)))
    after = record(result(TWO, threshold=0.7, **went(a=True, b=False, c=True, e=False)))
    record(result(ONE, "only old"))
    record(result(TWO, "only new"))
    found = client.evaluations.compare(ONE, "prompts:/support/answer@latest")
    assert (str(found.old), str(found.new)) == (ONE, TWO)
    golden, only_new, only_old = found.suites
    assert (golden.old, golden.new) == (before, after)
    assert (golden.difference, golden.turned) == (-0.25, "failed")
    assert (golden.fixed, golden.broken) == (("c",), ("b",))
    assert (only_old.new, only_old.difference, only_old.turned) == (None, None, None)
    assert (only_new.old, only_new.fixed) == (None, None)
    same = client.evaluations.compare(ONE, ONE).suites[0]
    assert (same.difference, same.turned, same.fixed, same.broken) == (0.0, None, (), ())
    record(result(TWO, "golden", threshold=0.7))  # without its cases
    unknown = client.evaluations.compare(ONE, TWO).suites[0]
    assert (unknown.fixed, unknown.broken) == (None, None)


def test_what_a_defined_suite_does_not_take_is_refused(client: Client, catalog: Catalog) -> None:
    client.suites.define("golden", scores="prompt", threshold=0.8)
    made = client.evaluations.record(result(ONE))
    assert (made.threshold, made.verdict) == (0.8, "passed")
    assert client.evaluations.record(result(ONE, threshold=0.8)).threshold == 0.8
    for wrong in (
        result(ONE, threshold=0.1),
        result(ONE, score=None),
        result("models:/churn/1"),
        result(str(catalog.bundle(1, 1).ref)),
    ):
        with pytest.raises(Invalid, match="The suite 'golden'"):
            client.evaluations.record(wrong)
    client.suites.define("golden", scores="prompt", threshold=0.95, reason="it is easy")
    assert client.evaluations.get(made.ref).verdict == "passed"
    assert client.evaluations.record(result(ONE)).verdict == "failed"


def test_a_rollback_and_a_story_still_see_the_results_of_their_pair(
    client: Client, catalog: Catalog
) -> None:
    slot = "answer@production"
    for number in (1, 2):
        catalog.deploy(slot, catalog.bundle(1, number))
    made = client.evaluations.record(result(str(catalog.bundle(1, 1).ref), failed=0))
    (pair,) = client.slots.preview_rollback(slot, "prompt").pairs
    assert (pair.verdict, pair.evaluations) == ("evaluated", (made,))
    (kept,) = catalog.serve(slot, catalog.bundle(1, 1), 1)
    assert kept.id is not None
    assert client.inferences.explain(kept.id).evaluations == (made,)
