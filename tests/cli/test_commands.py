"""Commands: what they do, what they print for people and machines, how they fail."""

import io
import json
from collections import Counter
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from tests.cli.conftest import Ran, Run
from twinline.cli.root import app
from twinline.language.ids import new_id


@pytest.fixture
def slot(run: Run, request: pytest.FixtureRequest) -> str:
    """A slot of the test's own, with two deployments that differ in the prompt."""
    name = request.node.name.replace("[", "-").replace("]", "")[:60].replace("_", "-")
    _done(run("models", "register", f"model-{name}", f"openai:/{name}"))
    for number, text in enumerate(("Say {{ it }}", "Shout {{ it }}"), 1):
        _done(run("prompts", "create", f"prompt-{name}", "-t", text))
        _done(
            run(
                *("deploy", f"{name}@production", "-r", f"release {number}"),
                *("--model", f"models:/model-{name}/1"),
                *("--prompt", f"prompts:/prompt-{name}@latest"),
            )
        )
    return f"{name}@production"


def test_a_model_that_its_provider_may_change_is_marked_and_named(run: Run) -> None:
    _done(run("models", "register", "moving", "openai:/gpt-moving", "--unpinned"))
    _done(run("prompts", "create", "moved", "-t", "Say {{ it }}"))
    sides = ("--model", "models:/moving/1", "--prompt", "prompts:/moved/1")
    _done(run("deploy", "moving@production", "-r", "first", *sides))
    resolved = _done(run("resolve", "moving@production"))
    inference = resolved.out.split()[-1]
    for command in (
        ("models", "versions", "moving"),
        ("bundles", "list"),
        ("lineage", "prompts:/moved/1"),
        ("explain", inference),
        ("resolve", "moving@production"),
    ):
        assert "(unpinned)" in _done(run(*command)).out, command
    naming = ("models", "names", "set", "openai", "moving*", "models:/moving/1", "-r", "ours")
    assert "models:/moving/1" in _done(run(*naming)).out
    (listed,) = json.loads(_done(run("models", "names", "list", "--json")).out)
    assert (listed["name"], listed["reason"]) == ("moving*", "ours")
    _done(run("models", "names", "drop", "openai", "moving*"))
    assert "No names yet" in _done(run("models", "names", "list")).out


def test_a_digest_is_whole_also_in_a_narrow_terminal(run: Run, slot: str) -> None:
    shown = _done(run("live", slot, COLUMNS="80")).out
    assert _live(run, slot)["bundle"] in "".join(shown.split())


def test_no_name_of_a_command_is_given_twice() -> None:
    """The later one would hide the other without a word."""
    groups = {
        "": app,
        **{group.name or "?": group.typer_instance for group in app.registered_groups},
    }
    for name, group in groups.items():
        assert group is not None
        given = Counter(command.name for command in group.registered_commands)
        assert None not in given, name
        assert {word for word, times in given.items() if times > 1} == set(), name


def test_every_command_has_a_help_text() -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    commands = dict(group.commands)
    nested = {
        f"{noun} {verb}": command
        for noun, sub in commands.items()
        if isinstance(sub, TyperGroup)
        for verb, command in sub.commands.items()
    }
    assert len(commands) >= 15
    for name, command in (commands | nested).items():
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None) or parameter.name == "help", (name, parameter)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(("prompts", "show", "nothing"), 3, "no prompt 'nothing'", id="not-found"),
        pytest.param(("live", "no@where"), 3, "no slot 'no@where'", id="no-slot"),
        pytest.param(("bundles", "show", "zzz"), 1, "is not of the form", id="no-reference"),
        pytest.param(("prompts", "create", "x"), 1, "--template", id="template-missing"),
        pytest.param(("prompts", "create", "x/versions", "-t", "x"), 2, "name", id="bad-name"),
        pytest.param(("deploy", "a@b", "-r", "because"), 1, "--bundle", id="nothing-to-deploy"),
        pytest.param(("resolve", "a@b", "-c", "{"), 1, "--context is not JSON", id="bad-json"),
        pytest.param(("resolve", "a@b", "-c", "[7]"), 1, ": [7]", id="another-list"),
        pytest.param(
            ("prompts", "create", "p", "-t", "x", "--variables", "{}"),
            *(1, '[{"name": 1}]: {}'),
            id="no-list",
        ),
        pytest.param(
            ("prompts", "create", "p", "-t", "x", "-f", "y"),
            *(1, "2 times (--template, --file)"),
            id="two-texts",
        ),
        pytest.param(("prompts", "create", "p"), 1, "0 times (not at all)", id="no-text"),
        pytest.param(("deploy", "a@b", "-r", "x", "--model", "m"), 1, "the model was", id="half"),
        pytest.param(
            ("impact", "prompts:/p/1", "--list", "--decisions"),
            *(1, "--list and --decisions were given"),
            id="two-lists",
        ),
        pytest.param(("resolve", "a@b", "-c", "[]"), 1, "not a JSON object", id="no-object"),
        pytest.param(("record", "nowhere.jsonl"), 1, "cannot be read", id="no-file"),
        pytest.param(("live", "--at", "2026-01-01"), 1, "--at needs a slot", id="at-alone"),
        pytest.param(("rollback", "a@b"), 2, "--side", id="usage"),
        pytest.param(("models", "import", "x"), 6, "TWINLINE_MLFLOW_URL", id="no-mlflow"),
        pytest.param(
            ("models", "register", "x", "y:/z", "--param", "oops"), 1, "NAME=VALUE", id="param"
        ),
    ],
)
def test_what_is_wrong_is_named_and_has_its_exit_code(
    run: Run, words: tuple[str, ...], code: int, said: str
) -> None:
    ran = run(*words)
    assert (ran.code, ran.out) == (code, "")
    assert said in " ".join(ran.err.split())


def test_a_wrong_key_says_where_the_command_line_takes_it_from(run: Run) -> None:
    ran = run("live", TWINLINE_API_KEY="twl_wrong")
    assert ran.code == 5
    assert "TWINLINE_API_KEY" in ran.err


def test_a_server_that_is_away_says_how_to_start_one(run: Run) -> None:
    ran = run("live", TWINLINE_URL="http://127.0.0.1:1")
    assert ran.code == 6
    assert "twinline up" in ran.err


def test_options_win_over_the_environment(run: Run) -> None:
    ran = run("--url", "http://127.0.0.1:1", "live")
    assert ran.code == 6
    assert run("--api-key", "twl_wrong", "live").code == 5


def test_the_version_is_said(run: Run) -> None:
    assert run("--version").out.startswith("twinline 0.")


def test_a_rollback_asks_first_and_no_changes_nothing(
    run: Run, slot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("rollback", slot, "--side", "prompt", "-r", "too loud", "--accept-untested")
    for answer in ("n\n", "\n", ""):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert run(*words).code == 1
        assert _live(run, slot)["number"] == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert run(*words).code == 0
    assert _live(run, slot)["number"] == 3


def test_a_rollback_needs_a_reason(run: Run, slot: str) -> None:
    ran = run("rollback", slot, "--side", "prompt", "--yes")
    assert (ran.code, "--reason" in ran.err) == (1, True)
    assert _live(run, slot)["number"] == 2


def test_an_untested_pair_needs_a_deliberate_yes(run: Run, slot: str) -> None:
    words = ("rollback", slot, "--side", "prompt", "-r", "too loud", "--yes", "--json")
    refused = run(*words)
    assert refused.code == 4
    assert "--accept-untested" in refused.err
    made = json.loads(run(*words, "--accept-untested").out)
    assert (made["number"], made["kind"], made["undoes"]) == (3, "rollback", 2)
    assert _live(run, slot)["prompt"].endswith("/1")


def test_a_rollback_with_nothing_to_go_back_to_is_a_conflict(run: Run, slot: str) -> None:
    ran = run("rollback", slot, "--side", "model", "--preview")
    assert ran.code == 4
    assert "no earlier version" in ran.err


def test_a_preview_changes_nothing_and_says_the_same_as_json(run: Run, slot: str) -> None:
    shown = run("rollback", slot, "--side", "prompt", "--preview")
    assert "untested" in shown.out
    foreseen = json.loads(run("rollback", slot, "--side", "prompt", "--preview", "--json").out)
    assert foreseen["verdict"] == "untested"
    assert _live(run, slot)["number"] == 2


def test_a_deploy_over_something_unseen_is_a_conflict(run: Run, slot: str) -> None:
    bundle = _live(run, slot)["bundle"]
    ran = run("deploy", slot, "--bundle", bundle, "-r", "again", "--expect", "1")
    assert ran.code == 4
    assert "at deployment 2, not at 1" in " ".join(ran.err.split())


def test_requests_are_recorded_from_a_file_once_however_often_it_is_run(
    run: Run, slot: str, tmp_path: Path
) -> None:
    bundle = _live(run, slot)["bundle"]
    ids = [str(new_id()) for _ in range(3)]
    lines = [json.dumps({"id": id, "bundle": bundle, "slot": f"routes:/{slot}"}) for id in ids]
    (tmp_path / "requests.jsonl").write_text("\n".join([*lines, ""]))
    first = json.loads(run("record", "requests.jsonl", "--json").out)
    again = json.loads(run("record", "requests.jsonl", "--json").out)
    assert (first["recorded"], first["duplicates"]) == (3, 0)
    assert (again["recorded"], again["duplicates"]) == (0, 3)
    listed = json.loads(run("impact", bundle, "--list", "--json").out)
    assert {one["id"] for one in listed} == set(ids)
    assert ids[0] in run("impact", bundle, "--list").out


def test_what_a_file_names_wrongly_is_refused_item_by_item(run: Run, tmp_path: Path) -> None:
    old = "01000000-0000-7000-8000-000000000000"
    (tmp_path / "one.jsonl").write_text(json.dumps({"id": old, "bundle": "9f86d081884c"}))
    ran = run("record", "one.jsonl", "--json")
    assert ran.code == 1
    assert json.loads(ran.out)["refused"] == 1


def test_tables_and_json_tell_the_same(run: Run, slot: str) -> None:
    name = f"prompt-{slot.split('@')[0]}"
    for words, key in (
        (("prompts", "list", name), "name"),
        (("prompts", "versions", name), "digest"),
        (("models", "list"), "name"),
        (("models", "versions", name.replace("prompt-", "model-")), "number"),
        (("bundles", "list"), "digest"),
        (("live",), "route"),
        (("history", slot), "reason"),
        (("keys", "list"), "prefix"),
        (("audit", "log"), "action"),
    ):
        shown, told = run(*words, COLUMNS="300").out, json.loads(run(*words, "--json").out)
        assert told, words
        for one in told[:5]:
            assert str(one[key])[:12] in shown, (words, one[key])


def test_labels_move_with_a_reason_and_leave_a_history(run: Run, slot: str) -> None:
    name = f"prompt-{slot.split('@')[0]}"
    _done(run("prompts", "label", name, "production", "1", "-r", "the calm one"))
    assert "the calm one" in run("prompts", "history", name).out
    shown = json.loads(run("prompts", "show", name, "--label", "production", "--json").out)
    assert shown["number"] == 1
    stale = run("prompts", "label", name, "production", "2", "-r", "no", "--expected", "2")
    assert stale.code != 0


def test_what_is_known_about_a_pair_is_kept(run: Run, slot: str) -> None:
    live = _live(run, slot)
    sides = ("--model", live["model"], "--prompt", live["prompt"])
    _done(run("bundles", "state", "compatible", *sides, "-r", "looked at it"))
    pair = json.loads(run("bundles", "pair", *sides, "--json").out)
    assert pair["ref"] == live["bundle"]
    _done(
        run(
            *("evaluate", "record", live["bundle"], "--suite", "golden"),
            *("--passed", "9", "--failed", "1", "--score", "0.9", "--threshold", "0.8"),
        )
    )
    shown = run("evaluate", "newest", live["bundle"]).out
    assert "golden" in shown
    assert "passed" in shown
    assert "compatible" not in run("bundles", "show", live["bundle"]).out
    blocked = run("bundles", "state", "incompatible", *sides, "-r", "shouts at customers")
    assert blocked.code == 0
    refused = run("deploy", slot, "--bundle", live["bundle"], "-r", "once more")
    assert refused.code == 4
    assert "shouts at customers" in " ".join(refused.err.split())


def test_the_lineage_of_a_model_is_drawn_down_to_its_deployments(run: Run, slot: str) -> None:
    model = _live(run, slot)["model"]
    drawn = run("lineage", model, "--direction", "downstream").out
    assert f"deployments:/{slot}/1" in drawn.replace("\n", "")
    assert "nothing" in run("lineage", model, "--direction", "upstream").out
    short = run("lineage", model, "--depth", "1").out
    assert "deeper than 1" in short


def test_a_key_is_shown_once_and_revoked(run: Run) -> None:
    made = json.loads(run("keys", "issue", "app", "--role", "viewer", "--json").out)
    assert run("live", TWINLINE_API_KEY=made["key"]).code == 0
    assert run("audit", "log").code == 5


def test_the_log_is_verified(run: Run) -> None:
    assert "all whole" in run("audit", "verify").out


def _live(run: Run, slot: str) -> dict[str, str]:
    return json.loads(run("live", slot, "--json").out)["live"]


def _done(ran: Ran) -> Ran:
    assert ran.code == 0, ran.err
    return ran
