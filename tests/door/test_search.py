"""Prompts are found by name, text, label, tag, folder and author, the best first."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.support.plans import Explaining
from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.language.records import Role
from twinline.prompts.rules import Wanted
from twinline.prompts.search_store import ids_by_name, ids_by_rank


@pytest.fixture
def catalog(client: Client, url: str, issue: Callable[[Role], str]) -> Client:
    create = client.prompts.create
    create(
        "support/answer",
        "Greet the customer, then explain the refund policy.",
        description="first line",
        tags={"team": "care", "risk": "low"},
        labels=["production"],
    )
    create("support/answer", "Greet nobody. Explain the warranty.")
    create("support/billing", "Explain the invoice.", tags={"team": "money"}, labels=["staging"])
    create("supporting", [{"role": "system", "content": "You talk about refunds."}])
    create("sales/refund", "Sell more.", description="100% of it")
    create("sales/no-refund", "We do not.")
    with Client(url, issue(Role.AUTHOR)) as author:
        author.prompts.create("sales/offer", "Offer a discount.")
    return client


SEARCHES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a-name-before-texts": (
        {"search": "refund"},
        ["sales/no-refund", "sales/refund", "support/answer", "supporting"],
    ),
    "a-whole-name-first": (
        {"search": "supporting"},
        ["supporting", "support/answer", "support/billing"],
    ),
    "a-labelled-text": ({"search": "refund policy"}, ["support/answer"]),
    "the-newest-text": ({"search": "warranty"}, ["support/answer"]),
    "words-in-any-order": ({"search": "customer greet"}, ["support/answer"]),
    "words-side-by-side": ({"search": '"customer greet"'}, []),
    "without-a-word": ({"search": "explain -invoice"}, ["support/answer"]),
    "without-a-word-of-a-name": ({"search": "refund -no"}, ["sales/refund", "support/answer"]),
    "without-words-side-by-side": (
        {"search": 'refund -"refund policy"'},
        ["sales/no-refund", "sales/refund"],
    ),
    "words-side-by-side-are-not-misspelt": ({"search": '"suport/answer"'}, []),
    "a-hyphen-leaves-nothing-out": ({"search": "no-refund"}, ["sales/no-refund", "sales/refund"]),
    "two-letters-are-a-word": ({"search": "do"}, ["sales/no-refund"]),
    "a-part-of-a-word": ({"search": "arrant"}, ["support/answer"]),
    "a-misspelt-name": ({"search": "suport/answer"}, ["support/answer"]),
    "a-description": ({"search": "first line"}, ["support/answer"]),
    "a-tag": ({"search": "money"}, ["support/billing"]),
    "no-pattern": ({"search": "00%"}, ["sales/refund"]),
    "nothing": ({"search": "zebra"}, []),
    "a-label": ({"label": "production"}, ["support/answer"]),
    "a-tag-s-name": ({"tags": ["team"]}, ["support/answer", "support/billing"]),
    "a-tag-s-value": ({"tags": ["team=care"]}, ["support/answer"]),
    "all-tags": ({"tags": ["team", "risk"]}, ["support/answer"]),
    "a-folder-is-no-beginning": ({"domain": "support"}, ["support/answer", "support/billing"]),
    "an-author": ({"author": "author"}, ["sales/offer"]),
    "all-at-once": (
        {"search": "explain", "domain": "support", "label": "staging", "tags": ["team=money"]},
        ["support/billing"],
    ),
}


def test_prompts_are_found(catalog: Client) -> None:
    """One catalog for all cases: they only read."""
    found = {
        case: [one.name for one in catalog.prompts.list(**asked)]
        for case, (asked, _) in SEARCHES.items()
    }
    assert found == {case: expected for case, (_, expected) in SEARCHES.items()}


@pytest.mark.parametrize("search", ["-policy", '-"two words"', ' -a -"b'])
def test_a_search_that_only_leaves_out_is_refused(http: httpx.Client, search: str) -> None:
    refused = http.get("/prompts", params={"search": search})
    assert (refused.status_code, "put before it a word" in refused.json()["detail"]) == (422, True)


def test_what_is_found_follows_labels_and_descriptions(catalog: Client) -> None:
    prompts = catalog.prompts
    prompts.remove_label("support/answer", "production", reason="old policy")
    assert [one.name for one in prompts.list("policy")] == []
    prompts.move_label("support/answer", "beta", 1, reason="look again")
    assert [one.name for one in prompts.list("policy")] == ["support/answer"]
    prompts.create("support/answer", "Now all about zebras.", description="striped")
    assert [one.name for one in prompts.list("zebras")] == ["support/answer"]
    assert [one.name for one in prompts.list("striped")] == ["support/answer"]


def test_prompts_are_found_by_what_stands_in_them(client: Client) -> None:
    create = client.prompts.create
    create("parts/tone", "Be calm.", labels=["live"])
    create("parts/frame", "{{> parts/tone@live }} Always.")
    create("desk/whole", "{{> parts/frame@1 }} Answer.")
    create("desk/was", "{{> parts/tone@1 }} Once.")
    create("desk/was", "Nothing.")

    def found(search: str | None = None, **asked: Any) -> list[str]:
        return sorted(one.name for one in client.prompts.list(search, **asked))

    assert found(includes="parts/tone") == ["desk/whole", "parts/frame"]
    assert found(includes="parts/frame") == found("answer", includes="parts/tone") == ["desk/whole"]
    assert found(includes="desk/whole") == found(includes="unknown") == []
    assert found("calm") == ["desk/whole", "parts/frame", "parts/tone"]
    client.prompts.move_label("desk/was", "old", 1, reason="because")
    assert found(includes="parts/tone", domain="desk") == ["desk/was", "desk/whole"]
    client.prompts.retire("desk/whole", reason="nobody asks")
    assert found("calm", domain="desk") == ["desk/was"]
    assert found("calm", domain="desk", retired=True) == ["desk/was", "desk/whole"]


def test_pages_of_what_is_found_make_up_the_whole(catalog: Client, http: httpx.Client) -> None:
    for number in range(7):
        catalog.prompts.create(f"more/n{number}", "Explain yourself.")
    whole = [one.name for one in catalog.prompts.list("explain")]
    assert len(whole) == 9
    seen: list[str] = []
    asked: dict[str, Any] = {"search": "explain", "limit": 2}
    while True:
        page = http.get("/prompts", params=asked).json()
        seen += [one["name"] for one in page["items"]]
        if page["next"] is None:
            break
        asked["cursor"] = page["next"]
    assert seen == whole
    other = http.get("/prompts", params=asked | {"search": "other"})
    assert (other.status_code, "no cursor of this list" in other.text) == (422, True)


def test_a_text_of_a_megabyte_is_kept_and_found(client: Client) -> None:
    client.prompts.create("long", "beginning " + "many different words 12 " * 40_000)
    assert [one.name for one in client.prompts.list("beginning")] == ["long"]


MANY = """
alter table prompt disable trigger keep_searched;
insert into prompt (name, description, tags, created_at)
    select format('folder-%s/prompt-%s', n % 100, n), '', '{}', now()
    from generate_series(1, 20000) n;
insert into prompt_search (prompt_id, name, words, document)
    select id, name, 'Number ' || id, to_tsvector('simple', name || ' Number ' || id) from prompt;
alter table prompt enable trigger keep_searched;
set local session_replication_role = replica;
insert into prompt_label (prompt_id, label, number, since)
    select id, 'label-' || id % 1000, 1, now() from prompt;
set local session_replication_role = origin;
analyze prompt, prompt_search, prompt_label
"""


def test_among_20_000_prompts_what_is_wanted_is_found_by_index(rehearsal: Rehearsal) -> None:
    with rehearsal.writing("test") as tx:
        for statement in MANY.split(";\n"):
            tx.run(text(statement))
        explaining = Explaining(tx)
        for wanted in (Wanted("1234"), Wanted("number 777")):
            ids_by_rank(explaining, wanted, after=None, limit=100)
        for wanted in (Wanted(domain="folder-7"), Wanted(label="production")):
            ids_by_name(explaining, wanted, after=None, limit=100)
    *searched, domain, label = explaining.plans
    for plan in searched:
        for index in ("document", "words", "name"):
            assert f"prompt_search_{index}_idx" in plan
        assert "Seq Scan on prompt_search" not in plan
    assert re.search("Index Scan (on|using) prompt_name_(idx|key)", domain)
    assert "prompt_label_label_prompt_id_idx" in label
