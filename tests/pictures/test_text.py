"""Texts are as wide as is said at most, and what does not fit loses its middle."""

import re
from datetime import datetime
from pathlib import Path

import matplotlib
import pytest
from fontTools.ttLib import TTFont
from hypothesis import given
from hypothesis import strategies as st

from twinline.pictures.text import day, fitted, is_sure, minute, plain, width

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
weights = pytest.mark.parametrize("bold", [False, True], ids=["regular", "bold"])
texts = st.text(max_size=60) | st.text("abcWi …", max_size=60)


@weights
def test_the_table_is_nowhere_narrower_than_a_wide_font(bold: bool) -> None:
    font = TTFont(FONTS / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"))
    names, advances, em = font.getBestCmap(), font["hmtx"], font["head"].unitsPerEm
    for code in (*range(ord(" "), ord("~") + 1), ord("…"), ord("·"), ord("⟨"), ord("→")):
        assert is_sure(chr(code))
        assert width(chr(code), 1, bold=bold) >= advances[names[code]][0] / em, chr(code)


@weights
def test_nor_is_it_much_wider(bold: bool) -> None:
    font = TTFont(FONTS / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"))
    names, advances, em = font.getBestCmap(), font["hmtx"], font["head"].unitsPerEm
    text = "support-answer@production, version 12: The quick brown fox jumps over the lazy dog."
    theirs = sum(advances[names[ord(one)]][0] for one in text) / em
    assert width(text, 1, bold=bold) < theirs * 1.05


@weights
@given(text=texts, room=st.floats(0, 400), size=st.sampled_from([10, 11, 12, 15]))
def test_what_is_fitted_fits(text: str, room: float, size: float, bold: bool) -> None:
    said = fitted(text, room, size, bold=bold)
    assert said == "…" or width(said, size, bold=bold) <= room + 1e-6
    if width(text, size, bold=bold) <= room:
        assert said == text
    else:
        places = [place for place, one in enumerate(said) if one == "…"]
        assert any(text.startswith(said[:at]) and text.endswith(said[at + 1 :]) for at in places)


def test_begin_and_end_stay() -> None:
    said = fitted("invoice-triage/few-shot@production", 160, 12, bold=True)
    assert re.fullmatch(r"invoice-\S*…\S*production", said)


def test_nothing_is_left_out_that_would_have_had_room() -> None:
    text = "a" * 60
    said = fitted(text, 200, 12)
    assert width(said + "a", 12) > 200


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x\u202egnp.exe", "x⟨U+202E⟩gnp.exe"),
        ("a\nb", "a⏎b"),
        ("a\x00b", "a⟨U+0000⟩b"),
        ("a\ufffeb", "a\ufffdb"),
        ("Größe 模型 🙂", "Größe 模型 🙂"),
    ],
)
def test_what_nobody_sees_is_shown(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-11-18T14:02:59Z", "2026-11-18 14:02Z"),
        ("2026-11-18T00:30:00+02:00", "2026-11-17 22:30Z"),
        ("2026-12-31T20:00:00-05:00", "2027-01-01 01:00Z"),
    ],
)
def test_moments_are_told_in_utc_wherever_they_come_from(at: str, said: str) -> None:
    moment = datetime.fromisoformat(at)
    assert minute(moment) == said
    assert day(moment) == said[:10]
