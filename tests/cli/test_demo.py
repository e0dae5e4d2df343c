"""The demo's scenes: what each shows, and that none goes on when it should not."""

import io
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.process.conftest import Up, launch
from twinline.cli.demo.mlflow_server import MlflowProcess
from twinline.cli.demo.scenes import SCENES, Scene, with_needs
from twinline.cli.demo.stage import Stage, silence
from twinline.language.errors import Killed, NotFound, TwinlineError

SAYS = {
    "releases": ("twinline deploy support-reply@production", "a friendlier tone"),
    "impact": ("live now: support-reply@production", "runs:/", "datasets:/support-tickets"),
    "rollback": ("verdict", "proven", "undoes", "deployment 3", "prompts:/support/reply/2"),
    "looking-back": ("is live", "+Thanks for reaching out!", "was at deployment 3"),
    "evaluations": (
        "now failed",
        "$ twinline deploy",
        "Not evaluated:",
        "evaluate missing support-reply@",
    ),
    "prompts": (
        "-]{+{{> support/promise@2 }}+}",
        "The billing team will answer within two working days",
        '"system_prompt": "Hello!',
    ),
    "routing": (
        "fuller against plain",
        "40,000 of 100,000 buckets",
        "Killed:",
        "Next: twinline kills",
        "lifted",
    ),
    "mlflow": ("in sync", "drifted", "shown"),
    "recall": ("had reached 1 bundle", "changed", "counts the same", "the export is mended"),
    "exports": ("bom.json is written", "statement.json is written", "events of minutes"),
}
"""What each scene prints, whatever the machine."""


def test_each_scene_comes_after_what_it_needs() -> None:
    before = set[str]()
    for scene in SCENES:
        assert before.issuperset(scene.needs), scene.name
        assert scene.heading
        before.add(scene.name)
    assert before == set(SAYS)


def test_a_scene_brings_what_it_needs_and_nothing_more() -> None:
    assert [scene.name for scene in with_needs(["evaluations"])] == [
        "releases",
        "rollback",
        "evaluations",
    ]
    assert [scene.name for scene in with_needs(["prompts"])] == ["prompts"]


def test_scenes_are_listed_and_a_wrong_name_gets_the_nearest(run: Run) -> None:
    listed = run("demo", "--list", COLUMNS="200")
    assert listed.code == 0
    assert all(scene.heading in listed.out for scene in SCENES)
    refused = run("demo", "--scene", "recal")
    assert (refused.code, "did you mean recall?" in refused.err) == (3, True)


def test_the_list_of_scenes_waits_for_no_heavy_library() -> None:
    looked = "import sys, twinline.cli.demo.scenes; print({'mlflow', 'sklearn'} & {*sys.modules})"
    ran = subprocess.run([sys.executable, "-c", looked], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "set()\n"), ran.stderr


@pytest.fixture
def stage(server: Up, tmp_path: Path) -> Iterator[Stage]:
    """A stage on which nothing was prepared."""
    key = server.key or ""
    with server.client(key) as client:
        yield Stage(server.url, key, client, mlflow_url="", folder=tmp_path, trained=())


def test_a_command_is_shown_and_then_what_it_prints(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.types("kills --all")
    assert capsys.readouterr().out == "\n$ twinline kills --all\nNothing is stopped.\n"
    with silence():
        stage.types("kills --all")
    assert capsys.readouterr().out == ""


def test_a_refusal_is_shown_and_one_that_does_not_come_ends_the_demo(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.is_refused(NotFound, "recall show 999")
    assert "Not found: " in capsys.readouterr().out
    with pytest.raises(TwinlineError, match="`twinline kills` was not refused"):
        stage.is_refused(Killed, "kills")
    with pytest.raises(NotFound):
        stage.is_refused(Killed, "recall show 999")


def test_what_is_not_as_it_should_be_ends_the_demo(stage: Stage, tmp_path: Path) -> None:
    with pytest.raises(TwinlineError, match="it rains"):
        stage.requires(False, "it rains")
    stage.requires(True, "it rains")
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"id": "01000000-0000-7000-8000-000000000000", "bundle": "9f86d081884c"}\n')
    with pytest.raises(TwinlineError, match=r"record .* ended with 1"):
        stage.types(f"record {lines}")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What each scene printed, all in one catalog, with a quarter of the requests."""
    folder = tmp_path_factory.mktemp("demo")
    with MlflowProcess(folder / "mlflow") as mlflow:
        mlflow_ = {"TWINLINE_MLFLOW_URL": mlflow.url, "TWINLINE_MLFLOW_ALIAS_SECONDS": "1"}
        up = launch(folder / "home", folder / "up.log", **mlflow_)
        try:
            with warnings.catch_warnings(action="ignore"):  # MLflow's own, at import
                from twinline.cli.demo import story, training
            mlflow.wait_until_ready()
            trained = training.train(mlflow.url, folder)
            with up.client(up.key or "") as client:
                story.prepare(client, trained, folder)
                stage = Stage(
                    up.url,
                    up.key or "",
                    client,
                    mlflow_url=mlflow.url,
                    folder=folder,
                    trained=trained,
                    share=0.25,
                )
                yield {scene.name: _printed(stage, scene) for scene in SCENES}
        finally:
            up.stop()


def _printed(stage: Stage, scene: Scene) -> str:
    from twinline.cli.demo import story

    with pytest.MonkeyPatch.context() as patched, redirect_stdout(io.StringIO()) as said:
        patched.setenv("COLUMNS", "200")
        story.play(stage, scene)
    return said.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_scene_shows_what_it_is_for(played: dict[str, str], scene: Scene) -> None:
    said = " ".join(played[scene.name].split())
    assert f" {scene.name} " in said
    assert scene.heading in said
    assert "$ twinline " in said
    missing = [words for words in SAYS[scene.name] if words not in said]
    assert not missing, said
