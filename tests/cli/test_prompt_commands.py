"""What prompts hold, on the command line."""

import json
from pathlib import Path

from tests.cli.conftest import Ran, Run

DECLARED = '[{"name": "n", "type": "integer", "default": 2}, {"name": "mood"}]'


def _done(ran: Ran) -> str:
    assert ran.code == 0, ran.err
    return ran.out


def test_a_prompt_is_checked_made_and_rendered(run: Run) -> None:
    text = "Be {{ mood }} in {{ n }} sentences, {{ name }}.\u200b"
    given = ("cli/render", "-t", text, "--variables", DECLARED)
    checked = _done(run("prompts", "check", *given))
    assert "none: a new version would be made" in checked
    assert "{{ name }} is used and not declared" in checked
    made = _done(run("prompts", "create", *given))
    for said in ("mood: string, n: integer = 2, name", "ZERO WIDTH SPACE at character 48"):
        assert said in made
    values = ("--var", "mood=calm = {{ n }}", "--var", "name=<Ada>")
    rendered = run("prompts", "render", "cli/render", *values, "--var", "n=3")
    assert rendered.out == "Be calm = {{ n }} in 3 sentences, <Ada>.\u200b\n"
    assert "in 2 sentences" in _done(run("prompts", "render", "cli/render", *values))
    wrong = run("prompts", "render", "cli/render", *values, "--var", "n=three")
    assert (wrong.code, "takes a value of type integer, not 'three'" in wrong.err) == (1, True)
    missing = run("prompts", "render", "cli/render")
    assert (missing.code, "needs a value for 'mood'" in missing.err) == (1, True)
    assert run("prompts", "render", "cli/render", "--var", "mood").code == 1


def test_a_version_says_whence_it_is_and_a_prompt_what_it_is_for(run: Run) -> None:
    create = ("prompts", "create", "cli/said", "-t")
    _done(run(*create, "One", "--description", "answers tickets", "--tag", "team=care"))
    more = ("--tag", "team=care", "--tag", "new", "--derived-from", "prompts:/cli/said/1")
    _done(run(*create, "Two", *more, "--parameters", '{"top_p": 1}'))
    (found,) = json.loads(_done(run("prompts", "list", "--tag", "new", "--json")))
    assert (found["description"], found["tags"]) == ("answers tickets", {"team": "care", "new": ""})
    assert "prompts:/cli/said/1" in _done(run("lineage", "prompts:/cli/said/2"))
    check = ("prompts", "check", "cli/said", "-t", "Two")
    assert "none: a new version" in _done(run(*check))
    assert "prompts:/cli/said/2" in _done(run(*check, "--parameters", '{"top_p": 1}'))
    uses = ("prompts", "access", "cli/said", "--by-version", "--json")
    assert [one["number"] for one in json.loads(_done(run(*uses, "--version", "1")))] == [1]
    _done(run("nodes", "retire", "prompts:/cli/said/1", "-r", "over"))
    listed = _done(run("prompts", "versions", "cli/said", "--retired")).splitlines()
    assert [line.rstrip().endswith("Z") for line in listed if "text" in line] == [False, True], (
        listed
    )


def test_a_chat_comes_from_a_file_and_is_rendered_as_json(run: Run, tmp_path: Path) -> None:
    chat = [
        {"role": "system", "content": "Be {{ mood }}."},
        {"type": "placeholder", "name": "history"},
    ]
    (tmp_path / "chat.json").write_text(json.dumps(chat))
    _done(run("prompts", "create", "cli/chat", "--messages", "chat.json"))
    turns = {"history": [{"role": "user", "content": "Hi"}]}
    words = ("--var", "mood=calm", "--messages", json.dumps(turns))
    rendered = json.loads(_done(run("prompts", "render", "cli/chat", *words)))
    assert rendered == [{"role": "system", "content": "Be calm."}, *turns["history"]]
    both = run("prompts", "create", "cli/chat", "-t", "x", "--messages", "chat.json")
    assert (both.code, "--messages" in both.err) == (1, True)
    (tmp_path / "chat.json").write_text("{}")
    assert "not a JSON list" in run("prompts", "check", "x", "--messages", "chat.json").err


def test_includes_are_followed_and_brought_up_to_date(run: Run) -> None:
    _done(run("prompts", "create", "cli/tone", "-t", "Be calm."))
    whole = _done(run("prompts", "create", "cli/whole", "-t", "{{> cli/tone@1 }} Always."))
    assert "cli/tone@1 = prompts:/cli/tone/1" in whole
    assert "Be calm. Always." in whole
    assert "cli/tone/1" in _done(run("prompts", "includes", "cli/whole"))
    assert "cli/whole/1" in _done(run("prompts", "included-by", "cli/tone"))
    assert "All hold its newest version" in _done(run("prompts", "outdated", "cli/tone"))
    _done(run("prompts", "create", "cli/tone", "-t", "Be brief."))
    behind = json.loads(_done(run("prompts", "outdated", "cli/tone", "--json")))
    assert [(one["version"], one["follows"]) for one in behind] == [("prompts:/cli/whole/1", True)]
    assert "cli/whole/1" in _done(run("prompts", "outdated", "cli/tone"))
    done = _done(run("prompts", "update-includers", "cli/tone", "-r", "shorter"))
    assert "cli/whole/2" in done
    assert run("prompts", "render", "cli/whole").out == "Be brief. Always.\n"


def test_a_prompt_is_retired_and_goes_on(run: Run) -> None:
    _done(run("prompts", "create", "cli/old", "-t", "x"))
    assert "nobody asks" in _done(run("prompts", "retire", "cli/old", "-r", "nobody asks"))
    assert "cli/old" not in _done(run("prompts", "list", "--domain", "cli"))
    assert "cli/old" in _done(run("prompts", "list", "--domain", "cli", "--retired"))
    assert "No versions" in _done(run("prompts", "versions", "cli/old"))
    assert "retired" in _done(run("prompts", "show", "cli/old"))
    assert run("prompts", "label", "cli/old", "x", "1", "-r", "because").code == 4
    _done(run("prompts", "unretire", "cli/old", "-r", "asked for"))
    assert "cli/old" in _done(run("prompts", "list", "--domain", "cli"))
