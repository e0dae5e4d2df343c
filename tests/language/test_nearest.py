"""An error about a name that does not exist shows the names most like it."""

from hypothesis import given
from hypothesis import strategies as st

from twinline.language.errors import NotFound
from twinline.language.nearest import nearest, not_found

KNOWN = ("support/answer", "support/summary", "billing/answer", "churn")


def test_the_most_similar_comes_first() -> None:
    assert nearest("support/answr", KNOWN)[0] == "support/answer"


def test_names_that_are_unlike_are_left_out() -> None:
    assert nearest("xyz", KNOWN) == ()
    assert "churn" not in nearest("support/answr", KNOWN)


def test_of_many_five_are_named() -> None:
    assert len(nearest("answer", [f"answer{number}" for number in range(9)])) == 5


def test_an_error_names_what_was_asked_for_and_what_there_is() -> None:
    error = not_found("prompt", "support/answr", iter(KNOWN))
    assert isinstance(error, NotFound)
    assert error.detail.startswith(
        "There is no prompt 'support/answr'; did you mean support/answer or "
    )
    assert error.fields["kind"] == "prompt"
    assert error.fields["name"] == "support/answr"
    assert error.fields["nearest"][0] == "support/answer"


def test_an_error_without_anything_like_it_makes_no_proposal() -> None:
    error = not_found("slot", "xyz", [])
    assert error.detail == "There is no slot 'xyz'"
    assert error.fields["nearest"] == ()


@given(st.text("abc/", max_size=8), st.lists(st.text("abc/", max_size=8)))
def test_at_most_five_and_only_known_names(word: str, known: list[str]) -> None:
    found = nearest(word, known)
    assert len(found) <= 5
    assert set(found) <= set(known)
    assert not known or word not in known or found[0] == word
