"""Prompts as a folder of files: written, read, refused where a path or a file plays tricks."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from twinline.exchange import folder, git_history
from twinline.exchange.found import FILE_BYTES_MAX
from twinline.language.errors import Invalid
from twinline.language.records import PromptItem


def item(name: str, number: int, template: str = "x", **more: object) -> PromptItem:
    version = {"name": name, "template": template, **more}
    origin = {"place": "here", "author": "Ada", "at": "2026-01-02T03:04:05Z"}
    return PromptItem.model_validate({"origin": origin, "number": number, "version": version})


def put(root: Path, place: str, text: str = "---\n---\nx") -> Path:
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def reasons(root: Path) -> dict[str, str]:
    return {one.place: one.reason for one in folder.read(root).refused}


def names(root: Path) -> list[tuple[str, int | None]]:
    return [(one.version.name, one.number) for one in folder.read(root).items]


def test_what_was_written_is_read_and_written_the_same(tmp_path: Path) -> None:
    items = [item("a/b", 2, "x\r\n", labels=["live"]), item("a/b", 10, "---\n"), item("a", 1, "y")]
    first = folder.write(tmp_path / "one", items)
    assert [one.outcome for one in first.items] == ["created"] * 3
    assert [one.outcome for one in folder.write(tmp_path / "one", items).items] == ["same"] * 3
    found = folder.read(tmp_path / "one")
    assert (len(found.items), found.refused) == (3, ())
    folder.write(tmp_path / "two", found.items)
    one, two = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*.md")}
        for root in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two
    assert {str(path) for path in one} == {"a/b/2.md", "a/b/10.md", "a/1.md"}
    assert {kept.origin.place for kept in found.items} == {str(path) for path in one}


def test_files_that_hold_no_prompts_are_left_alone(tmp_path: Path) -> None:
    for place in ("README.md", "a/README.md", "a/notes.txt", ".git/a.md", "a/.hidden.md"):
        put(tmp_path, place, "anything")
    put(tmp_path, "a/1.md")
    assert (names(tmp_path), reasons(tmp_path)) == ([("a", 1)], {})


def test_one_file_is_one_prompt_where_there_is_no_git(tmp_path: Path) -> None:
    put(tmp_path, "support/answer.md", "---\nmessage: hi\n---\nx")
    assert names(tmp_path) == [("support/answer", None)]


def test_names_that_are_none_are_refused_by_their_place(tmp_path: Path) -> None:
    for place in ("-a/1.md", "a b/1.md", "a/latest/1.md", "a/versions.md", "7.md", "a/0.md"):
        put(tmp_path, place)
    put(tmp_path, "good/1.md")
    assert set(reasons(tmp_path)) == {
        *("-a/1.md", "a b/1.md", "a/latest/1.md", "a/versions.md", "7.md", "a/0.md")
    }
    assert names(tmp_path) == [("good", 1)]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_links_devices_and_pipes_are_refused_and_not_opened(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    put(outside, "1.md", "---\n---\nsecret")
    put(root, "good/1.md")
    (root / "a").mkdir()
    (root / "a" / "1.md").symlink_to(outside / "1.md")
    (root / "a" / "2.md").symlink_to("/dev/zero")
    (root / "linked").symlink_to(outside, target_is_directory=True)
    (root / "b.md").symlink_to(outside / "nothing")
    os.mkfifo(root / "a" / "3.md")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(root / "a" / "4.md"))
        found = reasons(root)
    assert {place: "symbolic link" in why for place, why in found.items()} == {
        "a/1.md": True,
        "a/2.md": True,
        "linked": True,
        "b.md": True,
        "a/3.md": False,
        "a/4.md": False,
    }
    assert "a device or a pipe" in found["a/3.md"]
    assert names(root) == [("good", 1)]


def test_a_folder_that_cannot_be_read_is_refused_alone(tmp_path: Path) -> None:
    put(tmp_path, "good/1.md")
    before = Path.cwd()
    try:
        os.chdir(tmp_path)
        for _ in range(30):  # a path that is longer than one may be
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
    finally:
        os.chdir(before)
    (refused,) = folder.read(tmp_path).refused
    assert refused.place.startswith("dddd")
    assert "folder cannot be read" in refused.reason
    assert names(tmp_path) == [("good", 1)]


def test_a_name_that_is_no_text_is_refused_by_one_that_is(tmp_path: Path) -> None:
    for name in (b"\xff.md", b"\xfe"):
        try:
            os.mkdir(os.fsencode(tmp_path) + b"/" + name)
        except OSError:
            pytest.skip("the file system takes no such name")
    for place in (b"/\xff.md/1.md", b"/\xfe/b.md"):
        with open(os.fsencode(tmp_path) + place, "wb") as file:
            file.write(b"---\n---\nx")
    found = folder.read(tmp_path)
    assert [one.place for one in found.refused] == [r"\xfe/b.md", r"\xff.md/1.md"]
    assert all(one.model_dump_json() for one in found.refused)


def test_links_in_a_circle_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "c.md").symlink_to(tmp_path / "c.md")
    assert set(reasons(tmp_path)) == {"c.md"}


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with put(tmp_path, "a/1.md").open("ab") as file:
        file.truncate(FILE_BYTES_MAX + 1)
    assert "larger than 4,194,304 bytes" in reasons(tmp_path)["a/1.md"]


def test_nothing_is_written_outside_of_the_folder(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (root / "a").symlink_to(outside, target_is_directory=True)
    with pytest.raises(Invalid, match="symbolic link"):
        folder.write(root, [item("a", 1)])
    (root / "b").mkdir()
    (root / "b" / "1.md").symlink_to(outside / "b.md")
    with pytest.raises(Invalid, match="symbolic link"):
        folder.write(root, [item("b", 1)])
    with pytest.raises(Invalid, match="symbolic link"):
        folder.write(root, [item("a/deep/er", 1)])
    assert not list(outside.iterdir())
    (root / "c").mkdir()
    (outside / "1.md").write_text("theirs")
    os.link(outside / "1.md", root / "c" / "1.md")
    (written,) = folder.write(root, [item("c", 1)]).items
    assert written.reason == "Written anew; it held something else."
    assert (outside / "1.md").read_text() == "theirs"
    (root / "file").write_text("x")
    with pytest.raises(Invalid, match="cannot be written"):
        folder.write(root, [item("file", 1)])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a" / "1.md")
    with pytest.raises(Invalid, match="is no file; take it away"):
        folder.write(tmp_path, [item("a", 1)])


def test_a_file_that_cannot_be_written_whole_stays_as_it_was(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    folder.write(tmp_path, [item("a", 1, "old")])
    before = (tmp_path / "a" / "1.md").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(Invalid, match="cannot be written: File too large"):
            folder.write(tmp_path, [item("a", 1, "new" * 1000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "a" / "1.md").read_bytes() == before
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["1.md"]


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="is no folder"):
        folder.read(tmp_path / "nothing")


class Repository:
    def __init__(self, root: Path) -> None:
        self.root = root
        self("init", "-q")
        self("config", "user.name", "Ada")
        self("config", "user.email", "ada@example.com")

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.root, capture_output=True, text=True, check=True
        )
        return done.stdout

    def commit(self, message: str, day: int = 1) -> None:
        self("add", "-A")
        date = f"2026-01-{day:02}T00:00:00+02:00"
        self("commit", "-qm", message, "--date", date)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_commits_are_versions_with_their_authors_dates_and_messages(
    repository: Repository,
) -> None:
    root = repository.root
    put(root, "support/first.md", "---\nlabels: [live]\ntags: {a: b}\n---\none\r\n")
    repository.commit("Begin\n\nWith a body.", 1)
    repository("mv", "support/first.md", "support/answer.md")
    repository.commit("Rename only", 2)
    put(root, "support/answer.md", "---\nlabels: [live]\nmessage: mine\nauthor: Eve\n---\ntwo")
    repository.commit("Theirs", 3)
    put(root, "other.md")
    repository.commit("Another file", 4)
    one, two, three = (
        found for found in folder.read(root).items if found.version.name == "support/answer"
    )
    assert (one.number, two.number, three.number) == (1, 2, 3)
    assert one.version.template == two.version.template == "one\r\n"
    assert (one.version.message, one.origin.author) == (
        "Begin\n\nWith a body.",
        "Ada <ada@example.com>",
    )
    assert str(one.origin.at) == "2025-12-31 22:00:00+00:00"
    assert (three.version.message, three.origin.author) == ("mine", "Eve")
    assert (one.version.labels, one.version.tags, three.version.labels) == ((), None, ("live",))
    head = repository("log", "-1", "--format=%H", "--", "support/answer.md").strip()
    assert three.origin.place == f"support/answer.md@{head[:12]}"


def test_a_file_that_is_not_as_committed_is_refused(repository: Repository) -> None:
    path = put(repository.root, "a.md")
    repository.commit("Begin")
    path.write_bytes(path.read_bytes() + b"more")
    assert "commit it" in reasons(repository.root)["a.md"]
    put(repository.root, "a.md")
    put(repository.root, "new.md")
    assert (names(repository.root), reasons(repository.root)) == ([("a", 1), ("new", None)], {})


def test_a_file_that_is_staged_again_is_refused_until_it_is_committed(
    repository: Repository,
) -> None:
    put(repository.root, "a.md")
    repository.commit("Begin")
    (repository.root / "a.md").unlink()
    repository.commit("Gone")
    put(repository.root, "a.md")
    repository("add", "a.md")
    assert "commit it" in reasons(repository.root)["a.md"]
    put(repository.root, "new.md")
    repository("add", "new.md")
    assert names(repository.root) == [("new", None)]


def merged(repository: Repository, *words: str) -> None:
    """Merge a branch that changed the last line of a file into one that changed the first."""
    lines = [str(number) for number in range(9)]
    put(repository.root, "a.md", "---\n---\n" + "\n".join(lines))
    repository.commit("Begin", 1)
    repository("checkout", "-qb", "side")
    put(repository.root, "a.md", "---\n---\n" + "\n".join([*lines[:-1], "theirs"]))
    repository.commit("Theirs", 9)
    repository("checkout", "-q", "-")
    put(repository.root, "a.md", "---\n---\n" + "\n".join(["ours", *lines[1:]]))
    repository.commit("Ours", 5)
    repository("merge", "-q", "--no-edit", "-m", "Join", *words, "side")


def test_a_merge_is_the_version_that_it_made(repository: Repository) -> None:
    merged(repository)
    found = folder.read(repository.root)
    assert found.refused == ()
    assert [one.version.message for one in found.items] == ["Begin", "Ours", "Join"]
    assert [
        one.version.template.split("\n")[0]
        for one in found.items
        if isinstance(one.version.template, str)
    ] == ["0", "ours", "ours"]
    assert str(found.items[2].version.template).endswith("theirs")


def test_a_merge_that_kept_ours_is_no_version(repository: Repository) -> None:
    merged(repository, "-s", "ours")
    assert reasons(repository.root) == {}
    found = folder.read(repository.root).items
    assert [one.version.message for one in found] == ["Begin", "Ours"]


def test_a_name_that_came_with_a_merge_is_followed(repository: Repository) -> None:
    put(repository.root, "a.md", "---\n---\nthe same text on both sides")
    repository.commit("Begin", 1)
    repository("checkout", "-qb", "side")
    repository("mv", "a.md", "b.md")
    repository.commit("Rename", 2)
    repository("checkout", "-q", "-")
    repository("merge", "-q", "--no-ff", "-m", "Join", "side")
    found = folder.read(repository.root)
    assert found.refused == ()
    assert [(one.version.name, one.version.message) for one in found.items] == [
        ("b", "Begin"),
        ("b", "Join"),
    ]


@pytest.mark.parametrize(
    "setting",
    [
        "log.showRoot=false",
        "i18n.logOutputEncoding=ISO-8859-1",
        "log.diffMerges=off",
        "log.follow=false",
        "format.pretty=oneline",
        "diff.renames=false",
        "color.ui=always",
    ],
)
def test_how_git_is_configured_changes_nothing(repository: Repository, setting: str) -> None:
    merged(repository)
    repository("mv", "a.md", "b.md")
    repository.commit("Umzug nach Übersee")
    before = folder.read(repository.root)
    assert [one.version.message for one in before.items][2:] == ["Join", "Umzug nach Übersee"]
    repository("config", *setting.split("="))
    assert folder.read(repository.root) == before


def test_a_date_beyond_all_calendars_is_none(repository: Repository) -> None:
    put(repository.root, "a.md")
    repository.commit("Begin")
    repository("commit", "-q", "--amend", "-m", "Late", "--date", "@999999999999 +0000")
    (found,) = folder.read(repository.root).items
    assert (found.version.message, found.origin.at) == ("Late", None)


def test_a_history_that_is_too_large_to_read_is_refused(repository: Repository) -> None:
    for day in (1, 2):
        put(repository.root, "a.md", "---\n---\n" + "x" * day * 60)
        repository.commit(str(day), day)
    path = repository.root / "a.md"
    assert git_history.history(path, bytes_max=196)
    with pytest.raises(Invalid, match="196 bytes together, and 195 are the most"):
        git_history.history(path, bytes_max=195)


def test_what_a_ci_system_says_to_every_git_is_said_to_this_one(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(repository.root, "a.md")
    repository.commit("Begin")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "none")
    assert "GIT_CONFIG_COUNT" in reasons(repository.root)["a.md"]


def test_what_came_and_went_and_was_a_link_is_told_as_it_was(repository: Repository) -> None:
    path = put(repository.root, "a.md", "---\n---\none")
    repository.commit("Begin")
    path.unlink()
    path.symlink_to("/etc/passwd")
    repository.commit("Link")
    path.unlink()
    repository.commit("Gone")
    put(repository.root, "a.md", "---\n---\ntwo")
    repository.commit("Back")
    found = folder.read(repository.root)
    assert [one.version.template for one in found.items] == ["one", "two"]
    assert ["no file" in one.reason for one in found.refused] == [True]


def test_names_that_look_like_options_or_patterns_are_names(repository: Repository) -> None:
    put(repository.root, "a/--output=x.md")
    put(repository.root, "a/b*.md")
    put(repository.root, "a/bc.md")
    repository.commit("Begin")
    for place in ("a/--output=x.md", "a/b*.md"):
        history = git_history.history(repository.root / place)
        assert history is not None
        assert (len(history.commits), history.head) == (1, b"---\n---\nx")
    assert len(reasons(repository.root)) == 2
    assert not list(repository.root.rglob("x"))


def test_a_repository_runs_no_program_of_its_own(repository: Repository, tmp_path: Path) -> None:
    trap, sprung = tmp_path / "trap.sh", tmp_path / "sprung"
    trap.write_text(f"#!/bin/sh\necho $0 >> {sprung}\ncat\n")
    trap.chmod(0o755)
    put(repository.root, "a.md")
    put(repository.root, ".gitattributes", "*.md filter=trap diff=trap\n")
    repository.commit("Begin")
    for name in (
        *("core.fsmonitor", "core.pager", "diff.external", "diff.trap.textconv", "gpg.program"),
        *("filter.trap.smudge", "filter.trap.clean", "core.sshCommand", "core.editor"),
    ):
        repository("config", name, str(trap))
    repository("config", "log.showSignature", "true")
    assert names(repository.root) == [("a", 1)]
    assert not sprung.exists()
    put(repository.root, "a.md", "changed")
    repository("diff")
    assert sprung.exists()  # so that the trap is one


def test_where_there_is_no_git_a_file_is_what_it_holds(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(repository.root, "a.md")
    repository.commit("Begin")
    monkeypatch.setenv("PATH", "")
    assert names(repository.root) == [("a", None)]


def test_a_history_that_git_cannot_tell_is_not_taken_for_none(repository: Repository) -> None:
    put(repository.root, "a.md")
    repository.commit("Begin")
    (repository.root / ".git" / "HEAD").write_text("nonsense")
    assert "git cannot tell the history" in reasons(repository.root)["a.md"]
    assert names(repository.root) == []


def test_a_repository_that_only_looks_like_files_is_none(repository: Repository) -> None:
    inside = repository.root / "inside"
    inside.mkdir()
    repository("init", "-q", "--bare", "inside")
    put(inside, "a.md")
    assert names(inside) == []
    assert "git cannot tell" in reasons(inside)["a.md"]


def test_a_hook_of_git_does_not_lead_astray(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(repository.root, "a.md")
    repository.commit("Begin")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert names(repository.root) == [("a", 1)]
