"""Notebooks read the catalog that is named to them, and plots have one style."""

import subprocess
import sys
import time
from pathlib import Path

import matplotlib as mpl
import pytest

from twinline.client import Client
from twinline.notebooks import COLOURS, GREY, connect, use_style


def test_the_catalog_that_the_environment_names_is_read(
    url: str, key: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.prompts.create("support/answer", "Answer {{ question }}.")
    monkeypatch.setenv("TWINLINE_URL", url)
    monkeypatch.setenv("TWINLINE_API_KEY", key)
    with connect() as found:
        assert [prompt.name for prompt in found.prompts.list()] == ["support/answer"]


_KILLED = """
from twinline.notebooks.catalog import passing_folder
with passing_folder() as folder:
    (folder / "postgres").mkdir()
    print(folder, flush=True)
    input()
"""


def test_the_folder_of_a_demo_is_gone_after_its_process_even_when_that_was_killed() -> None:
    begun = [sys.executable, "-c", _KILLED]
    with subprocess.Popen(begun, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().decode().strip())
        assert (folder / "postgres").is_dir()
        process.kill()
    for _ in range(200):
        if not folder.exists():
            return
        time.sleep(0.05)
    pytest.fail(f"{folder} is left")


def test_words_and_colours_of_plots_stand_out_from_white_and_from_black() -> None:
    assert min(_contrast(GREY, other) for other in ("#ffffff", "#000000")) >= 3.9
    assert min(_contrast(one, other) for one in COLOURS for other in ("#ffffff", "#000000")) >= 2


def test_figures_have_no_background_of_their_own() -> None:
    with mpl.rc_context():
        use_style()
        assert mpl.rcParams["figure.facecolor"] == mpl.rcParams["axes.facecolor"] == "none"
        assert mpl.rcParams["axes.prop_cycle"].by_key()["color"] == list(COLOURS)


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
