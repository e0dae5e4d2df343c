"""Import and export on the command line, and what goes from one catalog to another."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Ran, Run
from tests.support.mlflow_registry import MlflowRegistry
from tests.support.serving import served
from twinline.access import actions as access
from twinline.app import make_app
from twinline.db.session import Database
from twinline.language.records import NewKey, Role


def _done(ran: Ran) -> str:
    assert ran.code == 0, ran.err + ran.out
    return ran.out


@pytest.fixture
def elsewhere(database: Database) -> Iterator[tuple[str, str]]:
    """The options that lead to another, empty catalog."""
    with database.writing("test") as tx:
        key = access.issue_key(tx, NewKey(owner="importer", role=Role.ADMIN)).key
    with served(make_app(database)) as url:
        yield f"--url={url}", f"--api-key={key}"


def _files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.*")}


def _stock(run: Run) -> None:
    tone = '[{"name": "mood", "default": "calm"}]'
    _done(run("prompts", "create", "xc/tone", "-t", "Be {{ mood }}.\r\n", "--variables", tone))
    _done(run("prompts", "create", "xc/tone", "-t", "---\nx\n", "--label", "live"))
    chat = '[{"role": "system", "content": "{{> xc/tone@live }}\\n>>> user\\n"}]'
    Path("chat.json").write_text(chat)
    _done(run("prompts", "create", "xc/answer", "--messages", "chat.json", "--label", "live"))


@pytest.mark.parametrize("format", ["folder", "langfuse"])
def test_export_import_export_gives_the_same_bytes_and_import_twice_changes_nothing(
    run: Run, elsewhere: tuple[str, str], tmp_path: Path, format: str
) -> None:
    _stock(run)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    last = "out.json" if format == "langfuse" else ""
    words = ("--format", format)
    _done(run("prompts", "export", f"one/{last}", "--domain", "xc", *words))
    for outcome in ("created", "same"):
        ran = run(*elsewhere, "prompts", "import", f"one/{last}", "--labels", *words, "--json")
        items = json.loads(_done(ran))["items"]
        assert [one["outcome"] for one in items] == [outcome] * 3
    _done(run(*elsewhere, "prompts", "export", f"two/{last}", *words))
    assert _files(tmp_path / "two") == _files(tmp_path / "one")
    assert len(_files(tmp_path / "one")) == (1 if last else 3)


def test_what_is_refused_is_said_and_ends_in_one(run: Run) -> None:
    for place, text in (("good/1.md", "---\n---\nx"), ("bad/1.md", "no front matter")):
        path = Path("files") / place
        path.parent.mkdir(parents=True)
        path.write_text(text)
    checked = run("prompts", "import", "files", "--check")
    assert (checked.code, "nothing of it was kept" in checked.err) == (1, True)
    whole = run("prompts", "import", "files", "--atomic")
    assert (whole.code, "nothing of it was kept" in whole.err) == (1, True)
    assert run("prompts", "show", "good").code == 3
    part = run("prompts", "import", "files")
    assert (part.code, "1 version created, 0 the same, 1 refused." in part.err) == (1, True)
    assert "bad/1.md" in part.out
    assert "front" in part.out
    _done(run("prompts", "show", "good"))
    only = run("prompts", "import", "files", "--prompt", "good")
    assert (only.code, "0 versions created, 1 the same, 0 refused." in only.err) == (0, True)
    assert run("prompts", "import").code == 1
    assert run("prompts", "import", "nowhere").code == 1


def _written(root: Path, texts: dict[str, str]) -> None:
    for place, text in texts.items():
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("narrowed", "created", "refused"),
    [
        pytest.param(("--prompt", "xn/half"), ["xn/half"], ["xn/half/2.md"], id="numbered"),
        pytest.param(("--prompt", "xn/bad"), [], ["xn/bad.md"], id="one-file"),
        pytest.param(("--prompt", "xn/linked/one"), [], ["xn/linked"], id="below-a-link"),
        pytest.param(("--prompt", "xnot"), ["xnot"], [], id="another"),
        pytest.param(
            ("--domain", "xn"),
            ["xn/half"],
            ["xn/bad.md", "xn/half/2.md", "xn/linked"],
            id="domain",
        ),
        pytest.param(("--domain", "xn/linked"), [], ["xn/linked"], id="domain-below-a-link"),
        pytest.param(
            ("--domain", "xn", "--prompt", "xn/half"), ["xn/half"], ["xn/half/2.md"], id="both"
        ),
    ],
)
def test_a_part_is_taken_with_what_is_refused_of_it(
    run: Run, narrowed: tuple[str, ...], created: list[str], refused: list[str]
) -> None:
    text = "---\n---\nx"
    root = Path("files")
    _written(root, {"xnot.md": text, "bad.md": "x", "xn/half/1.md": text})
    _written(root, {"xn/half/2.md": "no front", "xn/bad.md": "no front"})
    (root / "xn" / "linked").symlink_to(root.resolve())
    ran = run("prompts", "import", "files", "--check", "--json", *narrowed)
    report = json.loads(ran.out)
    said = [(one["outcome"], one["name"] or one["place"]) for one in report["items"]]
    wanted = [("refused", place) for place in refused] + [("created", name) for name in created]
    assert (sorted(said), ran.code) == (sorted(wanted), 1 if refused else 0)


def test_a_part_of_which_there_is_nothing_is_not_found(run: Run) -> None:
    _written(Path("files"), {"xo/good.md": "---\n---\nx", "xo/bad.md": "no front"})
    misspelt = run("prompts", "import", "files", "--prompt", "xo/goood")
    assert (misspelt.code, "did you mean xo/good" in misspelt.err) == (3, True), misspelt.err
    assert run("prompts", "import", "files", "--domain", "xp").code == 3


def test_all_or_nothing_of_a_prompt_counts_what_could_not_be_read(run: Run) -> None:
    _written(Path("files"), {"xq/1.md": "---\n---\nx", "xq/2.md": "no front"})
    ran = run("prompts", "import", "files", "--prompt", "xq", "--atomic")
    assert (ran.code, "nothing of it was kept" in ran.err) == (1, True)
    assert run("prompts", "show", "xq").code == 3


def test_prompts_go_to_mlflow_and_come_from_it(run: Run, mlflow_registry: MlflowRegistry) -> None:
    _done(run("prompts", "create", "xm/there", "-t", "Hi {{ who }}", "--label", "live"))
    mlflow = ("--format", "mlflow", "--tracking-uri", mlflow_registry.url)
    _done(run("prompts", "export", "--prompt", "xm/there", *mlflow))
    assert mlflow_registry.alias("xm.there", "live") is None
    _done(run("prompts", "export", "--prompt", "xm/there", "--labels", *mlflow))
    assert mlflow_registry.alias("xm.there", "live") == 1
    assert "1 the same" in run("prompts", "import", "--prompt", "xm/there", *mlflow).err
    mlflow_registry.add_prompt("xm.there", "Bye {{ who }}")
    assert "1 version created" in run("prompts", "import", "--prompt", "xm.there", *mlflow).err
    assert "Bye" in _done(run("prompts", "show", "xm.there"))
    assert run("prompts", "import", "--prompt", "xm/nowhere", *mlflow).code == 3
    assert run("prompts", "import", "--format", "mlflow").code == 1
    assert run("prompts", "import", "somewhere", *mlflow).code == 1
