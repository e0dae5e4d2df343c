"""``twinline prompts``: compare, promote, protect, find, and who read what."""

import json
import time

from tests.cli.conftest import Ran, Run


def _done(ran: Ran) -> str:
    assert ran.code == 0, ran.err
    return ran.out


def test_a_version_is_compared_promoted_and_read_on_the_command_line(run: Run) -> None:
    name = "desk/answer"
    first = "Answer {{ question }} kindly.\nOne sentence."
    second = "Answer {{ query }} kindly.\nOne sentence.  \nNever guess."
    create = ("prompts", "create", name)
    _done(run(*create, "-t", first, "--label", "production"))
    _done(run(*create, "-t", second, "--parameters", '{"temperature": 0.2}', "--label", "staging"))
    drawn = _done(run("prompts", "diff", name, "production", "2"))
    for line in (
        "question is called query",
        "~ Answer [-{{ question }}-]{+{{ query }}+} kindly.",
        "+ Never guess.",
        "One sentence.{+··⏎+}",
        "/temperature",
        "invisible U+0020 space at the end of a line",
    ):
        assert line in drawn, drawn
    found = json.loads(_done(run("prompts", "diff", name, "1", "--json")))
    assert found["variables"]["renamed"] == [{"before": "question", "after": "query"}]
    _done(run("prompts", "protect", "production", "-r", "customers see it", "--domain", "desk"))
    assert "customers see it" in _done(run("prompts", "protected"))
    move = ("prompts", "promote", name, "staging", "production", "-r", "a week")
    assert run(*move, "--expected", "2").code == 4
    assert "production" in _done(run(*move, "--expected", "1"))
    assert "was on version 2" in _done(run("prompts", "unlabel", name, "staging", "-r", "over"))
    _done(run("prompts", "unprotect", "production", "-r", "over", "--domain", "desk"))
    assert "No label is protected" in _done(run("prompts", "protected"))
    history = json.loads(_done(run("prompts", "history", name, "--json")))
    assert [(one["label"], one["previous"], one["number"]) for one in history[:2]] == [
        ("staging", 2, None),
        ("production", 1, 2),
    ]
    _done(run("prompts", "show", name, "--version", "1"))
    until = time.monotonic() + 20
    while "rest" not in (drawn := _done(run("prompts", "access", name, "--version", "1"))):
        assert time.monotonic() < until
    assert "admin" in drawn
    uses = json.loads(_done(run("prompts", "access", name, "--by-version", "--json")))
    assert [(one["number"], one["count"] > 0) for one in uses] == [(2, False), (1, True)]


def test_prompts_are_found_on_the_command_line(run: Run) -> None:
    _done(run("prompts", "create", "shop/refund", "-t", "Explain it.", "--label", "gold"))
    _done(run("prompts", "create", "shop/other", "-t", "All about a refund."))
    for words, names in (
        (("refund",), ["shop/refund", "shop/other"]),
        (("refund", "--label", "gold"), ["shop/refund"]),
        (("--domain", "shop"), ["shop/other", "shop/refund"]),
        (("--domain", "shop", "--author", "admin", "--tag", "team=x"), []),
    ):
        found = json.loads(_done(run("prompts", "list", *words, "--json")))
        assert [one["name"] for one in found] == names, words
