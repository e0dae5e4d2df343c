"""Notebooks say in plain words what a catalog of one's own does not have yet."""

import runpy
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

from twinline import notebooks
from twinline.client import Client
from twinline.language.errors import NotFound
from twinline.language.records import NewModelVersion

FOLDER = Path(__file__).parents[2] / "notebooks"
SLOT = "answers@production"


@pytest.fixture(autouse=True)
def own_catalog(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One slot, deployed once, with requests that carry no decision and that nobody scored."""
    prompt = client.prompts.create("answers", "Answer {{ question }}.")
    model = client.models.register(NewModelVersion(name="small", source_uri="x:/small"))
    bundle = client.bundles.pair(model.ref, prompt.ref)
    client.slots.deploy(SLOT, bundle.ref, reason="first", expected=0)
    for _ in range(3):
        client.inferences.resolve("answers", "production", {})
    monkeypatch.setattr(notebooks, "connect", lambda: client)
    with mpl.rc_context({"backend": "agg"}):
        yield
    plt.close("all")


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


def test_the_health_of_a_young_catalog_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = runpy.run_path(str(FOLDER / "5-lineage-health.py"))
    assert found["counts"].to_dict() == {"as declared": 3}
    assert "never live:" in capsys.readouterr().out
