"""Notebooks answer for a catalog that is an hour old, not only for a demo's four weeks."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

from tests.support.catalog import Catalog
from twinline.client import Client

FOLDER = Path(__file__).parents[2] / "notebooks"
SLOT = "answer@production"

OF_A_SLOT = ("3-which-side", "4-prompt-drift")
AS_THEY_ARE = ("1-one-decision", "2-bad-dataset", "5-lineage-health", "6-rollbacks")
"""Those that find by themselves what to ask about; the others are told a slot."""


@pytest.fixture
def plots() -> Iterator[None]:
    """Plots are drawn and not shown."""
    backend = mpl.get_backend()
    mpl.use("template")
    with mpl.rc_context():
        yield
    plt.close("all")
    mpl.use(backend)


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


@pytest.mark.usefixtures("plots")
@pytest.mark.parametrize("name", AS_THEY_ARE)
def test_a_notebook_answers(
    name: str, url: str, key: str, young: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWINLINE_URL", url)
    monkeypatch.setenv("TWINLINE_API_KEY", key)
    script = FOLDER / f"{name}.py"
    program: dict[str, Any] = {}
    try:
        exec(compile(script.read_text("utf-8"), str(script), "exec"), program)
    finally:
        program["client"].close()


@pytest.mark.parametrize("name", OF_A_SLOT)
def test_what_has_to_be_named_is_marked(name: str) -> None:
    script = (FOLDER / f"{name}.py").read_text("utf-8")
    assert re.search(r"\bSLOT\b.* = .*  # yours$", script, re.MULTILINE)


def test_each_notebook_is_of_one_kind() -> None:
    assert {*OF_A_SLOT, *AS_THEY_ARE} == {path.stem for path in FOLDER.glob("*.ipynb")}
