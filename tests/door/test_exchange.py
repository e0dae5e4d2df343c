"""Import and export of prompts at the door: what is made, what stays, what is refused."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import text

from tests.support.serving import served
from twinline.access import actions as access
from twinline.access.rules import GRANTED, Permission
from twinline.app import make_app
from twinline.client import Client, sending
from twinline.db.session import Database
from twinline.language.errors import DatabaseUnavailable, Invalid, NotAllowed, NotFound, TooLarge
from twinline.language.records import (
    ImportedItem,
    ImportReport,
    NewKey,
    NewPromptVersion,
    Origin,
    PromptImport,
    PromptItem,
    Role,
)
from twinline.prompts import exchange, store

_WAITING = text("select exists(select from pg_locks where not granted)")
Issue = Callable[[Role], str]


def item(name: str, template: str, place: str = "", **more: object) -> PromptItem:
    content = {key: more.pop(key) for key in ("labels", "tags", "description") if key in more}
    members = {
        "origin": {"place": place or f"{name}: {template}"},
        "version": {"name": name, "template": template, **content},
    }
    return PromptItem.model_validate({**members, **more})


def outcomes(report: ImportReport) -> list[tuple[str, str]]:
    return [(one.name, one.outcome) for one in report.items]


def stock(client: Client) -> None:
    """Prompts with all that a version can hold; an include of an include, one by a label."""
    prompts = client.prompts
    declared = {"name": "mood", "type": "string", "default": "calm"}
    prompts.create("parts/tone", "Be {{ mood }}.", variables=[declared], message="begun")
    prompts.create("parts/tone", "Be very {{ mood }}.\r\n---\n", labels=["live"])
    prompts.create("parts/both", "{{> parts/tone@live }} And brief.", tags={"team": "care"})
    chat = [
        {"role": "system", "content": "{{> parts/both@1 }} {{ question }} "},
        {"type": "placeholder", "name": "history"},
    ]
    example = {"variables": {"question": "?"}, "messages": [{"role": "user", "content": "x"}]}
    prompts.create(
        "support/answer",
        chat,
        parameters={"temperature": 0.2, "tools": [{"b": 1, "a": 2}]},
        examples=[example],
        description="Answers.",
        labels=["production"],
    )
    prompts.create("support/jinja", "{% if a %}{{> no/include@1 }}{% endif %}", syntax="jinja2")


@pytest.fixture
def elsewhere(database: Database) -> Client:
    """A client of another, empty catalog."""
    with database.writing("test") as tx:
        key = access.issue_key(tx, NewKey(owner="importer", role=Role.ADMIN)).key
    with served(make_app(database)) as url, Client(url, key) as client:
        yield client


def test_what_goes_to_an_empty_catalog_comes_out_of_it_the_same(
    client: Client, elsewhere: Client
) -> None:
    stock(client)
    out = list(client.prompts.export())
    assert [f"{one.version.name}/{one.number}" for one in out] == [
        "parts/both/1",
        "parts/tone/1",
        "parts/tone/2",
        "support/answer/1",
        "support/jinja/1",
    ]
    report = elsewhere.prompts.import_(reversed(out), labels=True)
    assert {one.outcome for one in report.items} == {"created"}
    again = list(elsewhere.prompts.export())
    assert [one.model_copy(update={"origin": None}) for one in again] == [
        one.model_copy(update={"origin": None}) for one in out
    ]
    assert [one.origin for one in again] == [one.origin for one in out]
    made = elsewhere.prompts.get("parts/tone", version=1)
    assert (made.author, made.origin.author if made.origin else "") == ("importer", "admin")


def test_an_import_can_be_repeated_and_changes_nothing(client: Client, elsewhere: Client) -> None:
    stock(client)
    out = list(client.prompts.export())
    elsewhere.prompts.import_(out, labels=True)
    before = list(elsewhere.audit.events())
    second = elsewhere.prompts.import_(out, labels=True)
    assert {one.outcome for one in second.items} == {"same"}
    assert not any(one.labels for one in second.items)
    assert list(elsewhere.audit.events()) == before


def test_labels_move_only_when_that_is_asked(client: Client) -> None:
    client.prompts.create("a", "old", labels=["production"])
    new = item("a", "new", labels=["production"])
    assert client.prompts.import_([new]).items[0].labels == ()
    assert client.prompts.get("a", label="production").number == 1
    moved = client.prompts.import_([new], labels=True).items[0]
    assert (moved.outcome, moved.labels) == ("same", ("production",))
    assert client.prompts.get("a", label="production").number == 2


def test_a_protected_label_binds_an_import(client: Client, url: str, issue: Issue) -> None:
    client.prompts.protect("production", reason="because")
    with Client(url, issue(Role.AUTHOR)) as author:
        report = author.prompts.import_([item("a", "x", labels=["production"])], labels=True)
    assert report.items[0].outcome == "refused"
    assert "protected" in report.items[0].reason
    with pytest.raises(NotFound):
        client.prompts.get("a")


def test_labels_of_an_import_need_the_permission_to_move_labels(
    client: Client, url: str, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = frozenset({Permission.READ, Permission.PROMPTS})
    monkeypatch.setitem(GRANTED, Role.AUTHOR, only)
    new = item("a", "x", labels=["live"])
    with Client(url, issue(Role.AUTHOR)) as author:
        with pytest.raises(NotAllowed, match="labels:write"):
            author.prompts.import_([new], labels=True)
        assert author.prompts.import_([new]).items[0].outcome == "created"
    assert client.prompts.get("a").labels == ("latest",)


def test_an_import_takes_what_is_there_by_name_and_so_into_no_deadlock(
    database: Database,
) -> None:
    def take(said: str) -> ImportReport:  # not by the client, which would ask again
        with database.writing("test") as tx:
            items = tuple(item(name, said) for name in ("b", "a"))
            return exchange.take_over(tx, PromptImport(items=items))

    take("old")
    with ThreadPoolExecutor() as pool:
        with database.writing("test") as tx:
            store.lock_series(tx, "a")
            done = pool.submit(take, "new")
            while not (tx.value(_WAITING) or done.done()):
                time.sleep(0.01)
            store.lock_series(tx, "b")
        assert len(done.result().those("created")) == 2


def _lock_at_once(database: Database, name: str) -> None:
    with database.writing("test") as tx:
        tx.run(text("set local lock_timeout = '50ms'"))
        store.lock_series(tx, name)


def test_a_lock_that_others_hold_is_told_as_such(database: Database) -> None:
    with database.writing("test") as tx:
        store.lock_series(tx, "a")
    with database.writing("test") as first:
        store.lock_series(first, "a")
        with pytest.raises(DatabaseUnavailable, match="Somebody else is changing the same"):
            _lock_at_once(database, "a")


def test_what_is_refused_leaves_nothing_and_holds_nobody_up(client: Client) -> None:
    items = [item("a", "x"), item("b", "{{> nowhere@3 }}"), item("c", "y")]
    report = client.prompts.import_(items)
    assert sorted(outcomes(report)) == [("a", "created"), ("b", "refused"), ("c", "created")]
    assert "nowhere" in report.those("refused")[0].reason
    assert [one.name for one in client.prompts.list()] == ["a", "c"]


def test_all_or_nothing_keeps_nothing_when_one_is_refused(client: Client) -> None:
    items = [item("a", "x", labels=["live"]), item("b", "{{> nowhere@3 }}")]
    before = list(client.audit.events())
    report = client.prompts.import_(items, atomic=True, labels=True)
    assert (report.kept, sorted(outcomes(report))) == (
        False,
        [("a", "created"), ("b", "refused")],
    )
    assert not list(client.prompts.list())
    assert list(client.audit.events()) == before
    assert client.prompts.import_(items[:1], atomic=True).kept


def test_what_could_not_be_read_counts_for_all_or_nothing(client: Client) -> None:
    unread = [ImportedItem(place="b.md", name="", outcome="refused", reason="no text")]
    report = client.prompts.import_([item("a", "x")], refused=unread, atomic=True)
    assert (report.kept, len(report.those("refused"))) == (False, 1)
    assert not list(client.prompts.list())
    assert client.prompts.import_([item("a", "x")], refused=unread).kept


def test_a_check_says_what_would_become_of_it_and_keeps_nothing(client: Client) -> None:
    items = [item("b", "{{> a@1 }}"), item("a", "x", number=1), item("c", "{{> a@2 }}")]
    report = client.prompts.import_(items, check=True)
    assert not report.kept
    assert dict(outcomes(report)) == {"a": "created", "b": "created", "c": "refused"}
    assert not list(client.prompts.list())


def test_what_is_included_is_found_by_its_content_under_another_number(
    client: Client, elsewhere: Client
) -> None:
    stock(client)
    elsewhere.prompts.create("parts/tone", "Something else.")
    elsewhere.prompts.create("parts/both", "Something else.")
    report = elsewhere.prompts.import_(list(client.prompts.export()))
    assert {one.outcome for one in report.items} == {"created"}
    answer = elsewhere.prompts.get("support/answer")
    assert answer.composed == client.prompts.get("support/answer").composed
    assert [str(pin.version) for pin in answer.includes] == ["prompts:/parts/both/2"]
    assert {one.outcome for one in elsewhere.prompts.import_(client.prompts.export()).items} == {
        "same"
    }


def test_parts_of_an_import_know_what_earlier_ones_renumbered(
    client: Client, elsewhere: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TOGETHER", 1)
    stock(client)
    elsewhere.prompts.create("parts/tone", "Something else.")
    elsewhere.prompts.create("parts/both", "Something else.")
    done: list[int] = []
    report = elsewhere.prompts.import_(client.prompts.export(), progress=done.append)
    assert {one.outcome for one in report.items} == {"created"}, report
    assert done == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("together", [1, 100])
def test_two_prompts_that_say_the_same_are_two(
    client: Client, elsewhere: Client, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    monkeypatch.setattr(sending, "TOGETHER", together)
    for name in ("parts/tone", "sales/tone"):
        client.prompts.create(name, "Be calm.")
        elsewhere.prompts.create(name, "Something else.")
    client.prompts.create("support/answer", "{{> parts/tone@1 }}")
    client.prompts.create("support/offer", "{{> sales/tone@1 }}")
    report = elsewhere.prompts.import_(client.prompts.export())
    assert {one.outcome for one in report.items} == {"created"}, report
    pinned = [elsewhere.prompts.get(f"support/{name}").includes for name in ("answer", "offer")]
    assert [str(one.version) for (one,) in pinned] == [
        "prompts:/parts/tone/2",
        "prompts:/sales/tone/2",
    ]


@pytest.mark.parametrize("together", [1, 100])
def test_a_digest_is_true_of_what_inherits_from_a_version_that_was_here_before(
    client: Client, elsewhere: Client, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    monkeypatch.setattr(sending, "TOGETHER", together)
    declared = {"name": "mood", "type": "string", "default": "calm"}
    client.prompts.create("parts/tone", "Be {{ mood }}.", variables=[declared])
    client.prompts.create("parts/both", "{{> parts/tone@1 }} And brief.")
    client.prompts.create("support/answer", "{{> parts/both@1 }}")
    elsewhere.prompts.create("parts/tone", "Something else.")
    tone, *rest = sorted(client.prompts.export(), key=lambda one: len(one.pins))
    elsewhere.prompts.import_([tone])
    report = elsewhere.prompts.import_(rest)
    assert [one.outcome for one in report.items] == ["created", "created"], report


class _Overheard(httpx.HTTPTransport):
    """Keeps the imports that go through it."""

    def __init__(self) -> None:
        super().__init__()
        self.imports: list[PromptImport] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/prompts/import"):
            self.imports.append(PromptImport.model_validate_json(request.read()))
        return super().handle_request(request)


def test_a_request_says_what_was_renumbered_of_what_its_own_items_hold(
    elsewhere: Client, url: str, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TOGETHER", 1)
    overheard = _Overheard()
    with Client(url, issue(Role.ADMIN), transport=overheard) as here:
        for name in ("a", "b", "c"):
            here.prompts.create(name, "Something else.")
            elsewhere.prompts.create(name, f"This is {name}.")
        elsewhere.prompts.create("d", "{{> b@1 }}")
        elsewhere.prompts.create("e", "{{> d@1 }}")
        report = here.prompts.import_(elsewhere.prompts.export())
    assert {one.outcome for one in report.items} == {"created"}
    said = {
        one.items[0].version.name: [renumbered.there.name for renumbered in one.renumbered]
        for one in overheard.imports
    }
    assert said == {"a": [], "b": [], "c": [], "d": ["b"], "e": ["d", "b"]}


def test_content_that_was_changed_is_refused_by_its_digest(client: Client) -> None:
    made = client.prompts.create("a", "x")
    (out,) = client.prompts.export(name="a")
    changed = out.version.model_copy(update={"template": "y"})
    (refused,) = client.prompts.import_([out.model_copy(update={"version": changed})]).items
    assert refused.outcome == "refused"
    assert made.digest in refused.reason
    assert client.prompts.check("a", "y").digest in refused.reason
    assert client.prompts.get("a").number == 1


def test_versions_that_include_one_another_are_refused_with_the_way_round(
    client: Client, http: httpx.Client
) -> None:
    items = [
        item("a", "{{> b@1 }}", number=1),
        item("b", "{{> a@1 }}", number=1),
        item("c", "fine"),
    ]
    report = client.prompts.import_(items)
    assert sorted(outcomes(report)) == [("a", "refused"), ("b", "refused"), ("c", "created")]
    assert all("a@1" in one.reason and "b@1" in one.reason for one in report.those("refused"))
    sent = {"items": [one.model_dump(mode="json") for one in items]}
    direct = ImportReport.model_validate(http.post("/prompts/import", json=sent).json())
    assert outcomes(direct) == [("a", "refused"), ("b", "refused"), ("c", "same")]


def test_a_pin_must_be_of_the_prompt_that_is_written(client: Client) -> None:
    other = client.prompts.create("other", "x")
    pin = {"written": "part@1", "version": str(other.ref), "digest": other.digest}
    (refused,) = client.prompts.import_([item("a", "{{> part@1 }}", pins=[pin])]).items
    assert "another prompt" in refused.reason
    pin["version"] = "prompts:/part/1"
    (refused,) = client.prompts.import_([item("a", "{{> part@1 }}", pins=[pin])]).items
    assert "no version of 'part' has here" in refused.reason


def test_older_versions_are_made_first_and_what_is_said_of_the_prompt_stays(
    client: Client,
) -> None:
    items = [
        item("a", "three", number=3, tags={"team": "new"}, description="New."),
        item("a", "one", number=1),
    ]
    client.prompts.import_(items)
    assert [one.template for one in client.prompts.versions("a")] == ["three", "one"]
    (found,) = client.prompts.list()
    assert (found.tags, found.description) == ({"team": "new"}, "New.")
    older = item("a", "one", tags={"team": "old"}, description="Old.")
    assert client.prompts.import_([older]).items[0].outcome == "same"
    assert next(client.prompts.list()).tags == {"team": "new"}


def test_an_export_is_narrowed(client: Client) -> None:
    stock(client)
    names = lambda **narrowed: [one.version.name for one in client.prompts.export(**narrowed)]  # noqa: E731 -- said thrice
    assert names(name="parts/tone") == ["parts/tone"] * 2
    assert names(domain="support") == ["support/answer", "support/jinja"]
    assert names(label="live") == ["parts/tone"]
    assert names(label="latest", domain="parts") == ["parts/both", "parts/tone"]
    with pytest.raises(NotFound):
        names(name="nowhere")


def test_one_label_on_two_versions_is_refused_before_anything_is_done(
    http: httpx.Client, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TOGETHER", 1)
    two = [item("a", text, labels=["live"]) for text in ("x", "y")]
    body = {"items": [one.model_dump(mode="json") for one in two], "labels": True}
    answer = http.post("/prompts/import", json=body)
    assert (answer.status_code, "a: x" in answer.text, "a: y" in answer.text) == (422, True, True)
    with pytest.raises(Invalid, match="leave it on one"):
        client.prompts.import_(two, labels=True)
    assert not list(client.prompts.list())
    assert http.post("/prompts/import", json={**body, "labels": False}).status_code == 200


def test_more_than_fits_in_one_request_is_not_all_or_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "BYTES_MAX", 300)
    items = [item("a", "x" * 200), item("b", "x" * 200)]
    with pytest.raises(TooLarge, match="folder by folder"):
        client.prompts.import_(items, atomic=True)
    assert not list(client.prompts.list())
    assert len(client.prompts.import_(items).those("created")) == 2


def test_versions_of_the_size_that_prompts_may_have_go_together(client: Client) -> None:
    items = [item(name, f"{name}{'x' * 900_000}", place=name) for name in "abc"]
    assert len(client.prompts.import_(items, atomic=True).those("created")) == 3
    (refused,) = client.prompts.import_([item("d", "x" * 1_000_001, place="d")]).items
    assert "1,000,001 bytes" in refused.reason


def test_an_origin_is_kept_as_it_is_said(client: Client) -> None:
    origin = Origin.model_validate(
        {"place": "x.md", "author": "Ada <ada@example.com>", "tags": {"v": "1.2.0"}}
    )
    new = PromptItem(origin=origin, version=NewPromptVersion(name="a", template="x"))
    client.prompts.import_([new])
    assert client.prompts.get("a").origin == origin
    assert client.prompts.get("a").author == "admin"
    assert next(client.prompts.export()).origin == origin
