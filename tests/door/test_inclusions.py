"""Prompts within prompts at the door: pinned when a version is made, known both ways."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import httpx
import pytest
from sqlalchemy import text

from twinline.client import Client
from twinline.db.session import Database, Writing
from twinline.language.errors import Conflict, Invalid, NotFound, TooLarge, VersionWithdrawn
from twinline.language.identity import digest_of
from twinline.language.records import NewPromptVersion, PromptVersion
from twinline.language.refs import PromptVersionRef
from twinline.prompts import actions, inclusions

Pairs = list[tuple[str, str]]


def _short(ref: PromptVersionRef) -> str:
    return f"{ref.name}@{ref.number}"


def _pins(version: PromptVersion) -> Pairs:
    return [(one.written, _short(one.version)) for one in version.includes]


def test_an_include_is_pinned_to_the_version_that_it_means_now(client: Client) -> None:
    tone = client.prompts.create("parts/tone", "Be {{ mood }}.", labels=["production"])
    written = "{{> parts/tone@production }} And {{>parts/tone@1}} {{ question }}"
    made = client.prompts.create("answer", written)
    client.prompts.create("parts/tone", "Shout.", labels=["production"])
    read = client.prompts.get("answer")
    assert read == made
    assert (read.template, read.composed) == (
        written,
        "Be {{ mood }}. And Be {{ mood }}. {{ question }}",
    )
    assert _pins(read) == [
        ("parts/tone@production", "parts/tone@1"),
        ("parts/tone@1", "parts/tone@1"),
    ]
    assert {one.digest for one in read.includes} == {tone.digest}
    assert [one.name for one in read.variables] == ["mood", "question"]
    assert digest_of(read) == read.digest


def test_the_same_text_is_another_version_once_its_label_moved(client: Client) -> None:
    client.prompts.create("tone", "Be calm.", labels=["production"])
    first = client.prompts.create("answer", "{{> tone@production }}")
    assert client.prompts.create("answer", "{{> tone@1 }}") == first  # says the same
    client.prompts.create("tone", "Be brief.", labels=["production"])
    second = client.prompts.create("answer", "{{> tone@production }}")
    assert (second.number, second.whole, first.whole) == (2, "Be brief.", "Be calm.")
    assert second.digest != first.digest
    pasted = client.prompts.create("answer", "Be brief.")
    assert (pasted.number, pasted.whole) == (3, second.whole)


def test_messages_of_a_chat_include_texts(client: Client) -> None:
    client.prompts.create("tone", "Be {{ mood }}.")
    chat = [
        {"role": "system", "content": "{{> tone@1 }} Always."},
        {"type": "placeholder", "name": "history"},
    ]
    made = client.prompts.create("chat", chat)
    assert made.model_dump(mode="json")["composed"] == [
        {"role": "system", "content": "Be {{ mood }}. Always."}, chat[1],
    ]  # fmt: skip


def test_declarations_come_with_what_is_included_and_the_own_one_holds(client: Client) -> None:
    one = [{"name": "n", "type": "integer", "default": 1}, {"name": "m", "type": "boolean"}]
    client.prompts.create("a", "{{ n }} {{ m }}", variables=one)
    client.prompts.create("b", "{{ n }}", variables=[{"name": "n", "type": "string"}])
    with pytest.raises(Invalid, match=r"a/1 and prompts:/b/1 do not declare .* 'n' alike"):
        client.prompts.create("both", "{{> a@1 }} {{> b@1 }}")
    settled = client.prompts.create(
        "both", "{{> a@1 }} {{> b@1 }}", variables=[{"name": "n", "type": "number"}]
    )
    assert [(v.name, v.type, v.default, str(v.declared_in)) for v in settled.variables] == [
        ("n", "number", None, "None"),
        ("m", "boolean", None, "prompts:/a/1"),
    ]
    above = client.prompts.create("above", "{{> both@1 }}")
    assert [str(v.declared_in) for v in above.variables] == ["prompts:/both/1", "prompts:/a/1"]
    assert above.notes == ()


REFUSED: dict[str, tuple[str, type[Exception], str]] = {
    "unknown": ("{{> tune@1 }}", NotFound, r"\{\{> tune@1 \}\}: .*did you mean tone"),
    "unknown-number": ("{{> tone@7 }}", NotFound, "its versions are 1 to 1"),
    "unknown-label": ("{{> tone@prod }}", NotFound, "did you mean production"),
    "no-version": ("{{> tone }}", Invalid, "says no version; write {{> tone@3 }}"),
    "no-name": ("{{> }}", Invalid, "says no version of a prompt; write {{> name@3 }}"),
    "a-version-alone": ("{{> @3 }}", Invalid, "says no version of a prompt; write {{> name@3 }}"),
    "no-name-that-could-be": ("{{> ../tone@1 }}", Invalid, "'../tone' is no name of a prompt"),
    "a-name-with-a-space": ("{{> a b@1 }}", Invalid, "'a b' is no name of a prompt, which is of"),
    "a-name-that-is-reserved": ("{{> a/diff@1 }}", Invalid, "no prompt's name ends in 'diff'"),
    "no-number": ("{{> tone@0 }}", Invalid, "'0' is neither a number from 1 to .* nor a label"),
    "no-label": ("{{> tone@a b }}", Invalid, "'a b' is neither a number from 1 to"),
    "a-chat": ("{{> chat@1 }}", Invalid, "prompts:/chat/1 is a chat; only texts"),
    "in-jinja2": ("{{> jinja@1 }}", Invalid, "is written in jinja2; only texts"),
    "itself": ("{{> answer@1 }}", Invalid, "answer would include itself: answer > answer@1"),
    "a-circle": (
        "Hi {{> round@1 }}",
        Invalid,
        r"answer would include itself: answer > round@1 > half@1 > answer@1\. ",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("written", "error", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_included_is_said_when_made_and_when_checked(
    client: Client, written: str, error: type[Exception], said: str
) -> None:
    client.prompts.create("tone", "Be calm.", labels=["production"])
    client.prompts.create("chat", [{"role": "user", "content": "x"}])
    client.prompts.create("jinja", "{% if a %}b{% endif %}", syntax="jinja2")
    client.prompts.create("answer", "One")
    client.prompts.create("half", "{{> answer@1 }}")
    client.prompts.create("round", "{{> half@1 }}")
    for make in (client.prompts.create, client.prompts.check):
        with pytest.raises(error, match=said):
            make("answer", written)
    assert client.prompts.get("answer").number == 1


def test_prompts_stand_at_most_eight_deep_in_another(client: Client) -> None:
    client.prompts.create("p0", "deep")
    for below, number in pairwise(range(9)):
        client.prompts.create(f"p{number}", f"{{{{> p{below}@1 }}}}{number}")
    assert client.prompts.get("p8").whole == "deep12345678"
    with pytest.raises(Invalid, match="p9 would hold 9 prompts one within the other"):
        client.prompts.create("p9", "{{> p8@1 }}")


def test_what_grows_without_end_is_refused_before_it_is_put_together(client: Client) -> None:
    client.prompts.create("g0", "ten bytes " * 1000)
    client.prompts.create("g1", "{{> g0@1 }}" * 100)
    with pytest.raises(TooLarge, match="takes 100,000,000 bytes"):
        client.prompts.create("g2", "{{> g1@1 }}" * 100)


def test_a_template_includes_at_most_a_hundred_others(client: Client) -> None:
    for number in range(2):
        client.prompts.create("part", f"{number}")
    many = "".join(f"{{{{> part@{number} }}}}" for number in range(1, 102))
    with pytest.raises(Invalid, match="has 101 different includes; 100 are the most"):
        client.prompts.check("whole", many)
    assert client.prompts.check("whole", "{{> part@1 }}{{> part@2 }}" * 500).includes


def test_what_stands_where_is_known_both_ways(client: Client, http: httpx.Client) -> None:
    client.prompts.create("a", "A")
    client.prompts.create("a", "A2")
    client.prompts.create("b", "{{> a@1 }}B")
    client.prompts.create("b", "{{> a@2 }}B")
    client.prompts.create("c", "{{> b@1 }} {{> a@2 }}", labels=["production"])
    client.prompts.create("c", "none")
    below = [
        (_short(one.version), _short(one.via), one.depth)
        for one in client.prompts.includes("c", version=1)
    ]
    assert below == [("a@2", "c@1", 1), ("b@1", "c@1", 1), ("a@1", "b@1", 2)]
    above = [
        (_short(one.version), one.depth, one.labels) for one in client.prompts.included_by("a")
    ]
    assert above == [("b@1", 1, ()), ("b@2", 1, ("latest",)), ("c@1", 1, ("production",))]
    one = [(_short(one.version), one.depth) for one in client.prompts.included_by("a", version=1)]
    assert one == [("b@1", 1), ("c@1", 2)]
    assert list(client.prompts.includes("c")) == []
    first = http.get("/prompts/a/versions/included-by", params={"limit": 2}).json()
    rest = http.get(
        "/prompts/a/versions/included-by", params={"limit": 2, "cursor": first["next"]}
    ).json()
    assert [len(first["items"]), len(rest["items"]), rest["next"]] == [2, 1, None]
    for path in (f"/prompts/x/versions/{one}" for one in ("includes", "included-by", "outdated")):
        assert http.get(path).status_code == 404
    both = http.get("/prompts/c/versions/includes", params={"version": 1, "label": "latest"})
    assert both.status_code == 422


def test_includes_are_lineage(client: Client) -> None:
    client.prompts.create("a", "A")
    client.prompts.create("b", "{{> a@1 }}")
    found = client.lineage.walk("prompts:/a/1", direction="downstream")
    assert [(one.source, one.target, one.kind) for one in found.edges] == [
        ("prompts:/a/1", "prompts:/b/1", "included")
    ]


# --- who is behind, and bringing those up to date ---------------------------------------


def test_an_update_goes_through_all_that_is_in_use_in_order(client: Client) -> None:
    create = client.prompts.create
    create("a", "A1")
    create("b", "{{> a@1 }}B", variables=[{"name": "spare"}], parameters={"t": 1})
    create("c", "{{> b@1 }} {{> a@1 }}C")
    create("d", "{{> b@latest }}D")
    create("a", "A2")
    behind = [
        (_short(one.version), one.written, _short(one.newest), one.depth, one.follows)
        for one in client.prompts.outdated("a")
    ]
    assert behind == [
        ("b@1", "a@1", "a@2", 1, True),
        ("c@1", "b@1", "b@1", 1, True),
        ("c@1", "a@1", "a@2", 1, True),
        ("d@1", "b@latest", "b@1", 2, True),
    ]
    done = client.prompts.update_includers("a", reason="calmer now")
    assert [(_short(one.before), _short(one.after), one.made) for one in done.items] == [
        ("b@1", "b@2", True),
        ("c@1", "c@2", True),
        ("d@1", "d@2", True),
    ]
    assert [client.prompts.get(name).whole for name in "bcd"] == ["A2B", "A2B A2C", "A2BD"]
    newest = client.prompts.get("b")
    assert (newest.message, newest.parameters) == ("calmer now", {"t": 1})
    assert [one.name for one in newest.variables] == ["spare"]
    assert client.prompts.get("c").template == "{{> b@2 }} {{> a@2 }}C"
    assert client.prompts.get("d").template == "{{> b@latest }}D"
    assert list(client.prompts.outdated("a")) == []
    assert client.prompts.update_includers("a", reason="again").items == ()


def test_labels_are_followed_no_further_than_they_moved_and_stay(client: Client) -> None:
    create = client.prompts.create
    create("a", "A1", labels=["production"])
    create("b", "{{> a@production }}B", labels=["production"])
    create("b", "{{> a@1 }}BB")
    create("a", "A2")
    behind = [
        (_short(one.version), one.labels, one.follows) for one in client.prompts.outdated("a")
    ]
    assert behind == [("b@1", ("production",), False), ("b@2", ("latest",), True)]
    client.prompts.move_label("a", "production", 2, reason="good")
    done = client.prompts.update_includers("a", reason="newest")
    assert [(_short(one.before), _short(one.after)) for one in done.items] == [
        ("b@1", "b@3"),
        ("b@2", "b@4"),
    ]
    assert client.prompts.get("b", label="production").number == 1
    assert client.prompts.get("b").whole == "A2BB"
    assert [_short(one.version) for one in client.prompts.outdated("a")] == ["b@1"]


def test_no_update_brings_an_older_text_to_latest(client: Client) -> None:
    create = client.prompts.create
    create("a", "A1")
    create("b", "{{> a@1 }} old", labels=["production"])
    create("b", "none of it")
    create("a", "A2")
    assert [(_short(one.version), one.follows) for one in client.prompts.outdated("a")] == [
        ("b@1", False)
    ]
    create("c", "{{> a@1 }} old", labels=["production"])
    create("c", "{{> a@2 }} new")
    create("c", "{{> a@1 }} new")  # which, brought up to date, is the second again
    done = client.prompts.update_includers("a", reason="newest")
    assert [(_short(one.before), _short(one.after), one.made) for one in done.items] == [
        ("c@3", "c@2", False)
    ]
    assert [_short(one) for one in done.left] == ["b@1", "c@1"]
    assert [client.prompts.get(name).number for name in "bc"] == [2, 3]


def test_a_newest_version_that_is_withdrawn_is_passed_over(client: Client) -> None:
    create = client.prompts.create
    for number in (1, 2, 3, 4):
        create("tone", f"T{number}")
    create("held", "{{> tone@1 }}")
    client.lineage.retire("prompts:/tone/4", reason="bad")
    client.recalls.create("prompts:/tone/3", "worse")
    (behind,) = client.prompts.outdated("tone")
    assert (_short(behind.newest), behind.follows) == ("tone@2", True)
    client.prompts.update_includers("tone", reason="newer")
    assert client.prompts.get("held").whole == "T2"
    assert list(client.prompts.outdated("tone")) == []
    assert _pins(create("new", "{{> tone@latest }}")) == [("tone@latest", "tone@2")]
    create("other", "{{> tone@2 }}", labels=["production"])
    create("other", "{{> tone@2 }} bad")
    client.lineage.retire("prompts:/other/2", reason="bad")
    client.prompts.create("tone", "T5")
    done = client.prompts.update_includers("tone", reason="newest")
    assert [(_short(one.before), _short(one.after)) for one in done.items] == [
        ("held@2", "held@3"),
        ("new@1", "new@2"),
        ("other@1", "other@3"),
    ]
    client.prompts.retire("tone", reason="bad")
    with pytest.raises(VersionWithdrawn, match="new cannot include prompts:/tone/5"):
        create("new", "{{> tone@latest }}!")
    assert list(client.prompts.outdated("tone")) == []


def test_what_begins_to_include_while_others_are_locked_is_no_deadlock(database: Database) -> None:
    def make(tx: Writing, name: str, template: str) -> None:
        actions.create_version(tx, NewPromptVersion(name=name, template=template))

    def update() -> None:
        with database.writing("author") as tx:
            inclusions.update_includers(tx, "a", "newest")

    with database.writing("test") as tx:
        for name, template in (("a", "A1"), ("b", "{{> a@1 }}"), ("a", "A2")):
            make(tx, name, template)
    with ThreadPoolExecutor(1) as other:
        with database.writing("test") as tx:
            make(tx, "b", "{{> a@1 }} more")
            updated = other.submit(update)
            _wait_until_it_waits(database)
            make(tx, "c", "{{> a@1 }}")
        with pytest.raises(Conflict, match=r"c began to include 'a' just now. Ask again"):
            updated.result()
    update()
    with database.reading() as tx:
        assert actions.read_prompt(tx, "c").latest == 2
        assert inclusions.outdated(tx, "a") == ()


def _wait_until_it_waits(database: Database) -> None:
    waiting = text("select count(*) from pg_locks where not granted")
    end = time.monotonic() + 8
    while True:
        with database.reading() as tx:
            if tx.value(waiting):
                return
        assert time.monotonic() < end
        time.sleep(0.01)


def test_an_update_is_done_whole_or_not_at_all(client: Client) -> None:
    create = client.prompts.create
    create("a", "A1")
    create("b", "{{> a@1 }}")
    create("c", "{{> a@1 }}" * 1000)
    create("a", "A" * 2000)
    with pytest.raises(TooLarge, match="2,000,000"):
        client.prompts.update_includers("a", reason="longer")
    assert client.prompts.get("b").number == 1
