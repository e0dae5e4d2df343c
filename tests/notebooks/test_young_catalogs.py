"""Notebooks answer for a catalog that is an hour old, not only for a demo's four weeks; and
say in plain words what a new one does not have yet."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

from tests.support.catalog import Catalog
from twinline import notebooks
from twinline.client import Client
from twinline.language.errors import NotFound
from twinline.language.records import NewModelVersion

FOLDER = Path(__file__).parents[2] / "notebooks"
SLOT = "answer@production"

OF_A_SLOT = ("3-which-side", "4-prompt-drift")
AS_THEY_ARE = ("1-one-decision", "2-bad-dataset", "5-lineage-health", "6-rollbacks")
"""Those that find by themselves what to ask about; the others are told a slot."""


@pytest.fixture(autouse=True)
def connected(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Notebooks find the tests' catalog; plots are drawn and not shown."""
    monkeypatch.setattr(notebooks, "connect", lambda: client)
    with mpl.rc_context({"backend": "agg"}):
        yield
    plt.close("all")


@pytest.fixture
def young(client: Client) -> Catalog:
    """Two releases and a rollback, nobody served since, and nothing that diverges."""
    made = Catalog(client)
    for prompt, status in ((1, "ok"), (2, "error")):
        made.deploy(SLOT, made.bundle(1, prompt), f"release {prompt}")
        for number in range(3):
            told = {"status": status, "score": 0.5, "decision": f"ticket-{number}"}
            made.serve(SLOT, made.bundle(1, prompt), 1, deployment=prompt, **told)
    client.slots.roll_back(SLOT, "prompt", reason="worse", expected=2, accept_untested=True)
    return made


@pytest.fixture
def new(client: Client) -> None:
    """One slot, deployed once, with requests that carry no decision and that nobody scored."""
    prompt = client.prompts.create("answers", "Answer {{ question }}.")
    model = client.models.register(NewModelVersion(name="small", source_uri="x:/small"))
    bundle = client.bundles.pair(model.ref, prompt.ref)
    client.slots.deploy(SLOT, bundle.ref, reason="first", expected=0)
    for _ in range(3):
        client.inferences.resolve("answer", "production", {})


@pytest.mark.usefixtures("young")
@pytest.mark.parametrize("name", AS_THEY_ARE)
def test_a_notebook_answers(name: str) -> None:
    runpy.run_path(str(FOLDER / f"{name}.py"))


@pytest.mark.usefixtures("new")
@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("1-one-decision", LookupError, "name one in DECISION"),
        ("2-bad-dataset", LookupError, "name one in DATASET"),
        ("3-which-side", NotFound, "support-reply@production"),
        ("4-prompt-drift", NotFound, "support/reply"),
        ("6-rollbacks", LookupError, "nothing was ever taken back in production"),
    ],
)
def test_what_is_not_there_yet_is_said(name: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        runpy.run_path(str(FOLDER / f"{name}.py"))


@pytest.mark.usefixtures("new")
def test_the_health_of_a_new_catalog_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = runpy.run_path(str(FOLDER / "5-lineage-health.py"))
    assert found["counts"].to_dict() == {"as declared": 3}
    assert "never live:" in capsys.readouterr().out


@pytest.mark.parametrize("name", OF_A_SLOT)
def test_what_has_to_be_named_is_marked(name: str) -> None:
    script = (FOLDER / f"{name}.py").read_text("utf-8")
    assert re.search(r"\bSLOT\b.* = .*  # yours$", script, re.MULTILINE)


def test_each_notebook_is_of_one_kind() -> None:
    assert {*OF_A_SLOT, *AS_THEY_ARE} == {path.stem for path in FOLDER.glob("*.ipynb")}
