"""Folders of prompts, and what nobody should build on any more, at the door."""

import httpx
import pytest
from sqlalchemy import event

from tests.support.catalog import PROMPT, Catalog
from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.language.errors import BundleWithdrawn, Conflict, NotFound, VersionWithdrawn
from twinline.language.records import NewPromptVersion
from twinline.lineage import retirements
from twinline.prompts import actions as prompts

WHY = "replaced by another product"


def _numbers(client: Client, *, retired: bool = False) -> list[int]:
    return [one.number for one in client.prompts.versions(PROMPT, retired=retired)]


def test_prompts_are_listed_by_folder(client: Client, http: httpx.Client) -> None:
    for name in ("support/answer", "support/mail/reply", "supporters/thank", "other"):
        client.prompts.create(name, "x")
    listed = {one.name: one.domain for one in client.prompts.list(domain="support")}
    assert listed == {"support/answer": "support", "support/mail/reply": "support/mail"}
    assert [one.name for one in client.prompts.list("reply", domain="support/mail")] == [
        "support/mail/reply"
    ]
    assert [one.domain for one in client.prompts.list("other")] == [""]
    assert http.get("/prompts", params={"domain": "no/../folder"}).status_code == 422


def test_a_retired_version_is_hidden_and_still_there_by_its_number(client: Client) -> None:
    for text in ("One", "Two"):
        client.prompts.create(PROMPT, text, labels=["production"])
    number = client.lineage.retire(f"prompts:/{PROMPT}/1", reason=WHY).number
    assert (_numbers(client), _numbers(client, retired=True)) == ([2], [2, 1])
    read = client.prompts.get(PROMPT, version=1)
    assert (read.template, read.retired_at is not None) == ("One", True)
    assert client.prompts.get(PROMPT, version=2).retired_at is None
    client.lineage.lift(number, reason="missed")
    assert (_numbers(client), client.prompts.get(PROMPT, version=1).retired_at) == ([2, 1], None)


def test_nothing_new_is_built_on_what_is_retired(client: Client) -> None:
    catalog = Catalog(client)
    old, newer = catalog.bundle(1, 1), catalog.bundle(1, 2)
    ref = f"prompts:/{PROMPT}/1"
    client.lineage.retire(ref, reason=WHY)
    said = f"{ref} is retired since .* by admin: {WHY}"
    with pytest.raises(VersionWithdrawn, match=f"'production' cannot move to {ref}: {said}"):
        client.prompts.move_label(PROMPT, "production", 1, reason="because")
    with pytest.raises(VersionWithdrawn, match=f"other cannot include {ref}: {said}"):
        client.prompts.create("other", f"{{{{> {PROMPT}@1 }}}}")
    with pytest.raises(VersionWithdrawn, match=f"No new bundle is made of {ref}: {said}"):
        client.bundles.pair("models:/churn/1", ref, {"t": 1})
    assert client.bundles.pair("models:/churn/1", ref) == old  # there it was already
    with pytest.raises(BundleWithdrawn, match=said):
        catalog.deploy("answer@production", old)
    catalog.deploy("answer@production", newer)
    assert client.prompts.move_label(PROMPT, "production", 2, reason="because").number == 2


def test_nothing_new_is_built_on_what_is_recalled(client: Client) -> None:
    catalog = Catalog(client)
    old = catalog.bundle(1, 1)
    ref = f"prompts:/{PROMPT}/1"
    client.prompts.move_label(PROMPT, "staging", 1, reason="because")
    recall = client.recalls.create(ref, "it insults people")
    said = f"{ref} is recalled since .* by admin: it insults people. .*or lift that first"
    with pytest.raises(VersionWithdrawn, match=f"'production' cannot move to {ref}: {said}"):
        client.prompts.promote(PROMPT, "staging", "production", reason="because")
    with pytest.raises(VersionWithdrawn, match=f"other cannot include {ref}: {said}"):
        client.prompts.create("other", f"{{{{> {PROMPT}@staging }}}}")
    with pytest.raises(VersionWithdrawn, match=f"No new bundle is made of {ref}: {said}"):
        client.bundles.pair("models:/churn/1", ref, {"t": 1})
    assert client.bundles.pair("models:/churn/1", ref) == old  # there it was already
    read = client.prompts.get(PROMPT, label="staging")
    assert (read.number, read.recalled_at is not None, read.retired_at) == (1, True, None)
    client.recalls.lift(recall.number, reason="it was another")
    assert client.prompts.get(PROMPT, version=1).recalled_at is None
    assert client.prompts.move_label(PROMPT, "production", 1, reason="because").number == 1


def test_what_stands_in_a_version_is_part_of_it(client: Client) -> None:
    catalog = Catalog(client)
    catalog.bundle(1, 1)
    client.prompts.create("tone", "Be calm.")
    client.prompts.create("format", "{{> tone@1 }} Be brief.")
    whole = client.prompts.create("whole", "{{> format@1 }}")
    bundle = client.bundles.pair("models:/churn/1", whole.ref)
    catalog.deploy("answer@production", bundle)
    with pytest.raises(Conflict, match="prompts:/tone/1 is live in answer@production"):
        client.lineage.retire("prompts:/tone/1", reason=WHY)
    catalog.deploy("answer@production", catalog.bundle(1, 1))
    client.lineage.retire("prompts:/tone/1", reason=WHY)
    with pytest.raises(BundleWithdrawn, match="prompts:/tone/1 is retired"):
        catalog.deploy("answer@production", bundle)
    with pytest.raises(VersionWithdrawn, match="prompts:/tone/1 is retired"):
        client.prompts.move_label("whole", "production", 1, reason="because")


def test_a_whole_prompt_is_retired_and_goes_on(client: Client, http: httpx.Client) -> None:
    for text in ("One", "Two", "Three"):
        client.prompts.create(PROMPT, text, labels=["production"])
    client.lineage.retire(f"prompts:/{PROMPT}/1", reason="worse")
    first = http.post(f"/prompts/{PROMPT}/retire", json={"reason": WHY})
    again = http.post(f"/prompts/{PROMPT}/retire", json={"reason": WHY})
    assert (first.status_code, again.status_code) == (201, 200)
    assert [one["whole"] for one in first.json()["items"]] == [False, True, True]
    assert first.json() == again.json()
    assert (list(client.prompts.list()), _numbers(client)) == ([], [])
    (listed,) = client.prompts.list(retired=True)
    assert (listed.retired, listed.latest) == (True, 3)
    assert client.prompts.get(PROMPT, label="production").number == 3
    with pytest.raises(VersionWithdrawn):
        client.prompts.move_label(PROMPT, "production", 2, reason="because")
    freed = client.prompts.unretire(PROMPT, reason="asked for")
    assert [str(one.node) for one in freed.items] == [f"prompts:/{PROMPT}/{n}" for n in (2, 3)]
    assert (_numbers(client), [one.retired for one in client.prompts.list()]) == ([3, 2], [False])
    with pytest.raises(Conflict, match="is not retired as a whole"):
        client.prompts.unretire(PROMPT, reason="twice")
    for ask in (client.prompts.retire, client.prompts.unretire):
        with pytest.raises(NotFound, match="did you mean support/answer"):
            ask("support/anser", reason=WHY)


def test_many_versions_are_retired_in_as_many_statements_as_two(rehearsal: Rehearsal) -> None:
    def statements(name: str, count: int) -> list[int]:
        made: list[str] = []
        listen = lambda *args: made.append(args[2])  # noqa: E731 -- one line says it
        news = [NewPromptVersion(name=name, template=f"{number}") for number in range(count)]
        with rehearsal.writing("test") as tx:
            prompts.create_all(tx, name, news)
            counted: list[int] = []
            event.listen(rehearsal.engine, "before_cursor_execute", listen)
            for act in (retirements.retire_prompt, retirements.unretire_prompt):
                made.clear()
                act(tx, name, WHY)
                counted.append(len(made))
            event.remove(rehearsal.engine, "before_cursor_execute", listen)
        return counted

    assert statements("many", 25) == statements("two", 2)


def test_a_prompt_that_is_live_is_not_retired_at_all(client: Client) -> None:
    catalog = Catalog(client)
    catalog.deploy("answer@production", catalog.bundle(1, 2))
    for text in ("Three", "Four", "Five"):
        client.prompts.create(PROMPT, text)
    with pytest.raises(Conflict, match=f"prompts:/{PROMPT}/2 is live in answer@production;"):
        client.prompts.retire(PROMPT, reason=WHY)
    assert _numbers(client) == [5, 4, 3, 2, 1]


def test_what_is_retired_is_in_no_use(client: Client) -> None:
    client.prompts.create("tone", "Be calm.")
    client.prompts.create("answer", "{{> tone@1 }}")
    client.prompts.create("tone", "Be brief.")
    assert len(list(client.prompts.outdated("tone"))) == 1
    client.prompts.retire("answer", reason=WHY)
    assert list(client.prompts.outdated("tone")) == []
    assert client.prompts.update_includers("tone", reason="newest").items == ()
