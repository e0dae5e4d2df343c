"""Labels at the door: removed, promoted, protected, and every step kept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.support.rehearsal import Rehearsal
from twinline.client import Client
from twinline.language.errors import Conflict, Invalid, NotAllowed, NotFound, Stale
from twinline.language.records import NewPromptVersion, Role
from twinline.prompts import actions as prompts

As = Callable[[Role], Client]


@pytest.fixture
def acting(url: str, issue: Callable[[Role], str]) -> Iterator[As]:
    """Our client with a key of a role."""
    made: list[Client] = []

    def client_as(role: Role) -> Client:
        made.append(Client(url, issue(role)))
        return made[-1]

    yield client_as
    for one in made:
        one.close()


@pytest.fixture
def two(client: Client) -> Client:
    """A catalog with two versions of ``support/answer``."""
    for said in ("One", "Two"):
        client.prompts.create("support/answer", said)
    return client


def test_a_label_that_is_removed_names_nothing_and_its_history_stays(two: Client) -> None:
    two.prompts.move_label("support/answer", "production", 1, reason="first")
    gone = two.prompts.remove_label("support/answer", "production", reason="too early")
    assert (gone.label, gone.previous, gone.number, gone.actor) == ("production", 1, None, "admin")
    with pytest.raises(NotFound, match="no label"):
        two.prompts.get("support/answer", label="production")
    two.prompts.move_label("support/answer", "production", 2, reason="now", expected=0)
    moves = [(one.previous, one.number) for one in two.prompts.history("support/answer")]
    assert moves == [(None, 2), (1, None), (None, 1)]
    events = [one for one in two.audit.events() if one.action == "label.remove"]
    assert [(one.before, one.after, one.why) for one in events] == [
        ({"number": 1}, {"number": None}, "too early")
    ]


def test_a_label_is_removed_only_from_where_it_is_expected(two: Client) -> None:
    two.prompts.move_label("support/answer", "staging", 1, reason="try it")
    remove = two.prompts.remove_label
    with pytest.raises(Stale, match="points to 1, not to 2"):
        remove("support/answer", "staging", reason="because", expected=2)
    with pytest.raises(NotFound, match="did you mean staging"):
        remove("support/answer", "stagin", reason="because")
    with pytest.raises(NotFound, match="no prompt 'support/other'"):
        remove("support/other", "staging", reason="because")
    with pytest.raises(Invalid, match="kept by the system"):
        remove("support/answer", "latest", reason="because")
    remove("support/answer", "staging", reason="because", expected=1)


def test_a_version_is_promoted_from_label_to_label(two: Client) -> None:
    promote = two.prompts.promote
    assert promote("support/answer", "latest", "staging", reason="looks good").number == 2
    assert promote("support/answer", "staging", "production", reason="a week").number == 2
    two.prompts.create("support/answer", "Three", labels=["staging"])
    with pytest.raises(Stale, match="points to 2, not to 1"):
        promote("support/answer", "staging", "production", reason="again", expected=1)
    moved = promote("support/answer", "staging", "production", reason="again", expected=2)
    assert moved.labels == ("latest", "production", "staging")
    last = next(two.prompts.history("support/answer"))
    assert (last.label, last.previous, last.number, last.reason) == ("production", 2, 3, "again")
    with pytest.raises(NotFound, match="did you mean staging"):
        promote("support/answer", "stage", "production", reason="again")
    with pytest.raises(Invalid, match="kept by the system"):
        promote("support/answer", "staging", "latest", reason="again")


@pytest.mark.parametrize("label", ["42", "0", "007"])
def test_a_number_is_no_label_and_the_answer_says_what_to_do(
    two: Client, http: httpx.Client, label: str
) -> None:
    body = {"number": 1, "reason": "because"}
    answer = http.put(f"/prompts/support/answer/labels/{label}", json=body)
    assert answer.status_code == 422
    assert f"would read as a version; say v{label}" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/prompts/support/answer?version=1&label=beta",
        "/api/v1/prompts/support/answer/versions/includes?version=1&label=beta",
        "/api/public/v2/prompts/support/answer?version=1&label=beta",
        "/api/prompts/support/answer?version=1&environment=beta",
    ],
)
def test_a_version_is_meant_in_one_way_at_every_door(
    two: Client, http: httpx.Client, path: str
) -> None:
    refused = http.get(str(http.base_url.join(path)))
    assert refused.status_code in (400, 422)
    said = refused.json().get("detail") or refused.json()["message"]
    assert all(word in said for word in ("ersion", "1", "'beta'", "one of them")), said


def test_a_protected_label_is_moved_by_releasers_alone_through_every_door(
    two: Client, acting: As
) -> None:
    two.prompts.move_label("support/answer", "production", 1, reason="before")
    two.prompts.protect("production", reason="customers see it")
    author, releaser = acting(Role.AUTHOR), acting(Role.RELEASER)
    doors: list[Callable[[Client], object]] = [
        lambda who: who.prompts.move_label("support/answer", "production", 2, reason="because"),
        lambda who: who.prompts.promote("support/answer", "latest", "production", reason="because"),
        lambda who: who.prompts.remove_label("support/answer", "production", reason="because"),
    ]
    for through in (
        *doors,
        lambda who: who.prompts.create("support/answer", "Three", labels=["production"]),
        lambda who: who.prompts.create("new", "One", labels=["production"]),
    ):
        with pytest.raises(NotAllowed, match=r"customers see it.*releaser or admin"):
            through(author)
    assert [one.number for one in two.prompts.versions("support/answer")] == [2, 1]
    assert two.prompts.get("support/answer", label="production").number == 1
    author.prompts.move_label("support/answer", "staging", 2, reason="free for all")
    for through in doors[:1] + doors[2:]:
        through(releaser)
    assert [one.actor for one in two.prompts.history("support/answer")][:3] == [
        "releaser",
        "releaser",
        "author",
    ]


def test_a_semantic_version_stays_where_it_was_put_through_every_door(two: Client) -> None:
    two.prompts.move_label("support/answer", "1.2.0", 1, reason="released")
    two.prompts.move_label("support/answer", "1.2.0", 1, reason="once more")
    doors: list[Callable[[], object]] = [
        lambda: two.prompts.move_label("support/answer", "1.2.0", 2, reason="because"),
        lambda: two.prompts.promote("support/answer", "latest", "1.2.0", reason="because"),
        lambda: two.prompts.remove_label("support/answer", "1.2.0", reason="because"),
        lambda: two.prompts.create("support/answer", "Three", labels=["1.2.0"]),
    ]
    for through in doors:
        with pytest.raises(Conflict, match=r"'1\.2\.0'.*stays on version 1"):
            through()
    assert [one.number for one in two.prompts.history("support/answer")] == [1]


def test_what_no_key_opened_moves_no_protected_label(two: Client, rehearsal: Rehearsal) -> None:
    two.prompts.protect("production", reason="customers see it")
    new = NewPromptVersion(name="support/answer", template="X", labels=("production",))
    with (
        pytest.raises(NotAllowed, match="which 'importer' lacks"),
        rehearsal.writing("importer") as tx,
    ):
        prompts.create_version(tx, new)


def test_a_label_may_be_protected_in_one_folder(two: Client, acting: As) -> None:
    two.prompts.create("sales/answer", "One")
    two.prompts.create("supporting", "One")
    two.prompts.protect("production", reason="customers see it", domain="support")
    author = acting(Role.AUTHOR)
    for free in ("sales/answer", "supporting"):
        author.prompts.move_label(free, "production", 1, reason="because")
    with pytest.raises(NotAllowed, match=r"protected in support \(customers see it\)"):
        author.prompts.move_label("support/answer", "production", 1, reason="because")
    with pytest.raises(NotFound, match="did you mean production in support"):
        two.prompts.unprotect("production", reason="over")
    two.prompts.unprotect("production", reason="over", domain="support")
    author.prompts.move_label("support/answer", "production", 1, reason="because")


def test_protections_are_listed_and_kept_in_the_log(two: Client, acting: As) -> None:
    two.prompts.protect("production", reason="first words")
    two.prompts.protect("production", reason="better words")
    two.prompts.protect("beta", reason="for friends", domain="support/eu")
    found = [(one.label, one.domain, one.reason) for one in two.prompts.protected()]
    assert found == [("beta", "support/eu", "for friends"), ("production", "", "better words")]
    for refused in (
        lambda: acting(Role.AUTHOR).prompts.protect("x", reason="because"),
        lambda: acting(Role.AUTHOR).prompts.unprotect("production", reason="because"),
    ):
        with pytest.raises(NotAllowed):
            refused()
    with pytest.raises(Invalid, match="kept by the system"):
        two.prompts.protect("latest", reason="because")
    two.prompts.unprotect("production", reason="over")
    events = [one for one in two.audit.events() if "protect" in one.action]
    assert [(one.action, one.subject, one.why) for one in events] == [
        ("label.unprotect", "production", "over"),
        ("label.protect", "beta", "for friends"),
        ("label.protect", "production", "better words"),
        ("label.protect", "production", "first words"),
    ]


def test_the_database_itself_keeps_one_place_for_each_label(
    two: Client, rehearsal: Rehearsal
) -> None:
    two.prompts.move_label("support/answer", "production", 1, reason="first")
    move = "insert into label_move (prompt_id, label, number, previous, reason, actor, at)"
    of_it = "from prompt where name = 'support/answer'"
    for previous, number in (("null", 2), ("2", 1), ("1", 1)):
        with _refused(rehearsal) as run:
            run(f"{move} select id, 'production', {number}, {previous}, 'x', 'x', now() {of_it}")
    with _refused(rehearsal) as run:
        run(f"insert into prompt_label select id, 'production', 2, now() {of_it}")
    with _refused(rehearsal) as run:
        run(f"{move} select id, '42', 1, null, 'x', 'x', now() {of_it}")
    assert two.prompts.get("support/answer", label="production").number == 1


@contextmanager
def _refused(rehearsal: Rehearsal) -> Iterator[Callable[[str], None]]:
    with pytest.raises(IntegrityError), rehearsal.writing("thief") as tx:
        yield lambda statement: tx.run(text(statement))


def test_an_environment_is_the_label_of_its_name(client: Client, http: httpx.Client) -> None:
    client.prompts.create("of/environments", "One", labels=["production"])
    client.prompts.create("of/environments", "Two")
    assert client.prompts.get("of/environments", environment="production").number == 1
    with pytest.raises(NotFound, match="staging"):
        client.prompts.get("of/environments", environment="staging")
    both = http.get("/prompts/of/environments?environment=production&label=latest")
    assert (both.status_code, "Label 'latest' and environment 'production'" in both.text) == (
        422,
        True,
    )
