"""Which version a name means, and where an alias was."""

from datetime import UTC, datetime

import pytest

from twinline.language.records import AuditEvent, ModelName
from twinline.language.refs import ModelVersionRef
from twinline.models.rules import alias_history, named

AT = datetime(2026, 1, 1, tzinfo=UTC)
ENTERED = [
    ("*", "gpt-4o", 1),
    ("*", "gpt-4o*", 2),
    ("openai", "gpt-4o", 3),
    ("openai", "gpt*", 4),
    ("openai", "gpt-4o-mini*", 5),
    ("*", "*", 6),
]
NAMES = [
    ModelName(
        provider=provider,
        name=name,
        version=ModelVersionRef("m", number),
        reason="because",
        actor="me",
        at=AT,
    )
    for provider, name, number in ENTERED
]


@pytest.mark.parametrize(
    ("provider", "name", "whole", "number"),
    [
        pytest.param("openai", "gpt-4o", True, 3, id="the provider's own whole name"),
        pytest.param("azure", "gpt-4o", True, 1, id="any provider's whole name"),
        pytest.param(None, "gpt-4o", True, 1, id="no provider"),
        pytest.param("openai", "gpt-4o-2024", True, None, id="no whole name"),
        pytest.param("openai", "gpt-4o-2024", False, 4, id="the provider's own before any's"),
        pytest.param("openai", "gpt-4o-mini-1", False, 5, id="the longest beginning"),
        pytest.param("azure", "gpt-4o-2024", False, 2, id="any provider's beginning"),
        pytest.param("azure", "claude", False, 6, id="whatever there is"),
        pytest.param("openai", "gpt", False, 4, id="a beginning that is all"),
        pytest.param("openai", "gpt*", True, 4, id="a star that is sent is a character"),
    ],
)
def test_the_nearest_name_counts(
    provider: str | None, name: str, whole: bool, number: int | None
) -> None:
    found = named(NAMES, provider, name, whole=whole)
    assert (found.version.number if found else None) == number


def _event(day: int, number: int, before: list[str] | None, after: list[str]) -> AuditEvent:
    return AuditEvent(
        seq=day,
        at=AT.replace(day=day),
        actor="me",
        action="model.update",
        subject=f"models:/m/{number}",
        why="",
        before=None if before is None else {"aliases": before},
        after={"aliases": after},
        previous_hash="",
        hash="",
    )


def _moves(*events: AuditEvent) -> list[tuple[int, int | None]]:
    return [(at.day, number) for at, number in alias_history(events, "a")]


def test_an_alias_is_where_it_was_put_until_it_is_taken_off() -> None:
    events = [
        _event(1, 1, None, ["a", "b"]),
        _event(2, 1, ["a", "b"], ["a", "b"]),
        _event(3, 2, None, ["a"]),
        _event(4, 2, ["a"], []),
    ]
    assert _moves(*events) == [(1, 1), (3, 2), (4, None)]
    assert alias_history(events, "c") == ()


def test_a_move_is_one_whichever_side_of_it_was_written_first() -> None:
    begun = _event(1, 2, None, ["a"])
    gained, lost = ([], ["a"]), (["a"], [])
    assert _moves(begun, _event(2, 1, *gained), _event(3, 2, *lost)) == [(1, 2), (2, 1)]
    assert _moves(begun, _event(2, 2, *lost), _event(3, 1, *gained)) == [
        (1, 2),
        (2, None),
        (3, 1),
    ]
