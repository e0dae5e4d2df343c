"""Moments on the command line, as a table."""

from datetime import UTC, datetime

import pytest

from twinline.cli.times import moment, moment_or_none
from twinline.language.errors import Invalid

NOW = datetime(2026, 11, 21, 14, 30, 5, tzinfo=UTC)

GOOD = {
    "now": "2026-11-21T14:30:05",
    "2h": "2026-11-21T12:30:05",
    "2H": "2026-11-21T12:30:05",
    "90m": "2026-11-21T13:00:05",
    "1.5h": "2026-11-21T13:00:05",
    "45 s": "2026-11-21T14:29:20",
    "3d ago": "2026-11-18T14:30:05",
    "1w": "2026-11-14T14:30:05",
    "today": "2026-11-21T00:00:00",
    "today 9:05": "2026-11-21T09:05:00",
    "yesterday": "2026-11-20T00:00:00",
    "yesterday 14:02": "2026-11-20T14:02:00",
    " Yesterday 14:02:59 ": "2026-11-20T14:02:59",
    "2026-11-20": "2026-11-20T00:00:00",
    "2026-11-20T14:02": "2026-11-20T14:02:00",
    "2026-11-20 14:02:03.5": "2026-11-20T14:02:03.500000",
    "2026-11-20T14:02Z": "2026-11-20T14:02:00",
    "2026-11-20T14:02+02:00": "2026-11-20T12:02:00",
}


@pytest.mark.parametrize(("text", "said"), GOOD.items(), ids=GOOD)
def test_a_moment_is_read(text: str, said: str) -> None:
    assert moment(text, "--at", NOW) == datetime.fromisoformat(said).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "", "h", "-2h", "2x", "tomorrow", "yesterday 25:00", "today 9:5", "2026-13-01",
        "999999999w", "0001-01-01T00:00+14:00", "2h2m", "noon",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_refused_with_what_would_be_one(text: str) -> None:
    with pytest.raises(Invalid, match=r"--from .* is no time. As 2026-11-20T14:02Z, 2h") as refused:
        moment(text, "--from", NOW)
    assert refused.value.fields["field"] == "--from"


def test_no_moment_is_none() -> None:
    assert moment_or_none(None, "--at") is None
    assert moment_or_none("now", "--at") is not None
