"""Every error is in the tree that is drawn, and says what a program needs to know."""

import re
from collections.abc import Iterator

import pytest

import twinline.access.gate  # noqa: F401 -- so that errors of other modules would be in the tree
from twinline.language import errors
from twinline.language.errors import Conflict, Invalid, NothingToRollBack, TwinlineError

_line = re.compile(
    r"^ {4}(?P<indent>(?:│   |    )*)(?P<branch>[├└]── )?(?P<name>\w+) +(?P<status>\d{3})$"
)
Place = tuple[int, str, int]


def _drawn() -> list[Place]:
    """Depth, name and status of each line of the tree in the docstring."""
    found = map(_line.match, (errors.__doc__ or "").splitlines())
    return [
        (len(line["indent"]) // 4 + bool(line["branch"]), line["name"], int(line["status"]))
        for line in found
        if line
    ]


def _real(kind: type[TwinlineError] = TwinlineError, depth: int = 0) -> Iterator[Place]:
    yield depth, kind.__name__, kind.status
    for child in kind.__subclasses__():
        yield from _real(child, depth + 1)


def _classes(kind: type[TwinlineError] = TwinlineError) -> Iterator[type[TwinlineError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _classes(child)


CLASSES = tuple(_classes())


def test_the_tree_in_the_docstring_is_the_real_one() -> None:
    assert _drawn() == list(_real())


def test_every_error_is_defined_on_that_screen() -> None:
    assert {kind.__module__ for kind in CLASSES} == {errors.__name__}


def test_every_error_has_a_code_of_its_own() -> None:
    assert all("code" in vars(kind) for kind in CLASSES)
    assert len({kind.code for kind in CLASSES}) == len(CLASSES)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_code_is_words_joined_by_dashes(kind: type[TwinlineError]) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code)
    assert kind.__doc__


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_problem_details_hold_type_title_status_and_detail(kind: type[TwinlineError]) -> None:
    """RFC 9457, section 3.1."""
    problem = kind("It went wrong.").problem()
    assert problem == {
        "type": f"urn:twinline:problem:{kind.code}",
        "title": kind.code.replace("-", " ").capitalize(),
        "status": kind.status,
        "detail": "It went wrong.",
    }


def test_fields_become_members_of_the_problem() -> None:
    problem = NothingToRollBack("No earlier prompt.", side="prompt", slot="a@b").problem()
    assert problem["side"] == "prompt"
    assert problem["slot"] == "a@b"
    assert problem["title"] == "Nothing to roll back"


def test_a_field_does_not_hide_a_member_of_the_standard() -> None:
    problem = Invalid("Wrong.", status=200, type="mine", title="mine").problem()
    assert (problem["status"], problem["type"]) == (422, "urn:twinline:problem:invalid")
    assert problem["title"] == "Invalid"


def test_an_error_reads_as_its_detail() -> None:
    error = Conflict("Somebody was faster.", live=7)
    assert str(error) == error.detail == "Somebody was faster."
    assert error.fields == {"live": 7}
