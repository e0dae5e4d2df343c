"""Differences of prompt versions at the door."""

import httpx
import pytest

from twinline.client import Client
from twinline.language.errors import NotFound, TwinlineError


@pytest.fixture
def two(client: Client) -> Client:
    lines = "".join(f"Line {number}.\n" for number in range(1, 31))
    client.prompts.create("support/answer", f"{lines}Answer {{{{ question }}}}.\n")
    client.prompts.create(
        "support/answer", f"{lines}Answer {{{{ query }}}}.\n", labels=["production"]
    )
    client.prompts.create("sales/answer", "Sell {{ it }}.")
    return client


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (1, 2),
        (1, "production"),
        ("1", "latest"),
        ("prompts:/support/answer/1", "prompts:/support/answer@production"),
    ],
)
def test_versions_are_named_by_number_label_or_reference(
    two: Client, old: int | str, new: int | str
) -> None:
    found = two.prompts.diff("support/answer", old, new)
    assert (str(found.old), str(found.new)) == (
        "prompts:/support/answer/1",
        "prompts:/support/answer/2",
    )
    assert [(one.before, one.after) for one in found.variables.renamed] == [("question", "query")]
    (message,) = found.messages
    assert [len(hunk.lines) for hunk in message.content.hunks] == [30, 1]


def test_two_prompts_are_compared_by_reference(two: Client) -> None:
    found = two.prompts.diff("support/answer", 1, "prompts:/sales/answer/1")
    assert (str(found.new), found.identical) == ("prompts:/sales/answer/1", False)


def test_a_label_that_moved_under_an_include_is_told_with_the_text(two: Client) -> None:
    two.prompts.create("parts/tone", "Be calm.", labels=["live"])
    written = "{{> parts/tone@live }} Answer."
    two.prompts.create("support/whole", written)
    two.prompts.create("parts/tone", "Be brief.", labels=["live"])
    two.prompts.create("support/whole", written)
    found = two.prompts.diff("support/whole", 1)
    assert (found.composed, found.summary) == (
        True,
        "1 words deleted, 1 inserted; parts/tone@live 1 -> 2",
    )


def test_context_leaves_equal_lines_out_and_says_how_many(two: Client) -> None:
    (message,) = two.prompts.diff("support/answer", 1, context=2).messages
    kept, changed = message.content.hunks
    assert (kept.left_out, [line.old for line in kept.lines]) == (28, [29, 30])
    assert [part.text for part in changed.lines[0].parts] == [
        "Answer ",
        "{{ question }}",
        "{{ query }}",
        ".\n",
    ]


@pytest.mark.parametrize(
    ("old", "said"),
    [
        ("7", "no version 7"),
        ("prod", "did you mean production"),
        ("models:/m/1", "is no prompt version"),
        ("prompts:/", "prompts:/"),
    ],
)
def test_a_side_that_is_no_version_is_named(two: Client, old: str, said: str) -> None:
    with pytest.raises(TwinlineError, match=said):
        two.prompts.diff("support/answer", old)


def test_an_unknown_prompt_is_not_found(two: Client, http: httpx.Client) -> None:
    with pytest.raises(NotFound, match="did you mean support/answer"):
        two.prompts.diff("support/answr", 1)
    assert http.get("/prompts/support/answer/diff").status_code == 422
