"""Profiles: which server and key a command uses, who said so, and files that are wrong."""

import json
import os
import re
import stat
import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.process.conftest import Up
from tests.support.readme import snippet
from twinline.cli.profiles import Config, Options, choose, parse_config
from twinline.cli.session import key_of
from twinline.language.errors import Invalid, NotFound

HERE, THERE = "http://127.0.0.1:1", "http://127.0.0.1:2"
BOTH = f"""
profile = "here"
[profiles.here]
url = "{HERE}"
api_key = "twl_key-of-here"
environment = "dev"
[profiles.there]
url = "{THERE}"
[profiles.keyed]
api_key = "twl_of-no-address"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config file with two profiles, and nothing else said."""
    for name in ("URL", "API_KEY", "PROFILE", "ENVIRONMENT"):
        monkeypatch.delenv(f"TWINLINE_{name}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    found = tmp_path / "twinline" / "config.toml"
    found.parent.mkdir()
    found.write_text(BOTH)
    found.chmod(0o600)
    return found


K, E, P = "TWINLINE_API_KEY", "TWINLINE_URL", "TWINLINE_PROFILE"


@pytest.mark.parametrize(
    ("options", "around", "url", "key"),
    [
        pytest.param(Options(), {}, HERE, "twl_key-of-here", id="the-profile-of-the-file"),
        pytest.param(Options(), {P: "there"}, THERE, None, id="another-by-environment"),
        pytest.param(Options(profile="there"), {P: "here"}, THERE, None, id="option-first"),
        pytest.param(
            Options(), {E: HERE, K: "twl_e"}, HERE, "twl_e", id="environment-before-profile"
        ),
        pytest.param(Options(), {E: HERE, K: ""}, HERE, None, id="an-empty-key-is-none"),
        pytest.param(Options(), {K: "twl_e"}, HERE, "twl_key-of-here", id="addressed-key-first"),
        pytest.param(Options(), {P: "there", K: "twl_e"}, THERE, "twl_e", id="to-one-without-key"),
        pytest.param(Options(HERE), {K: "twl_e"}, HERE, "twl_key-of-here", id="typed-address"),
        pytest.param(Options(None, "twl_o"), {}, HERE, "twl_o", id="typed-key"),
        pytest.param(
            Options(profile="keyed"), {E: HERE, K: "twl_e"}, HERE, "twl_e", id="nor-a-profile-s"
        ),
        pytest.param(Options(), {E: THERE}, THERE, None, id="key-stays-with-its-address"),
        pytest.param(Options(), {E: f"{HERE}/"}, f"{HERE}/", "twl_key-of-here", id="same-address"),
        pytest.param(
            Options(profile="there"), {E: HERE, K: "twl_e"}, THERE, None, id="also-environment-s"
        ),
        pytest.param(Options(url=THERE), {}, THERE, None, id="also-by-option"),
        pytest.param(Options(THERE, "twl_o"), {K: "twl_e"}, THERE, "twl_o", id="options"),
    ],
)
def test_what_is_said_first_counts(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: Options,
    around: dict[str, str],
    url: str,
    key: str | None,
) -> None:
    for name, value in around.items():
        monkeypatch.setenv(name, value)
    settings = choose(options).settings
    assert (settings.server_url, key_of(settings)) == (url, key)


def test_without_a_file_everything_is_at_its_default(file: Path) -> None:
    file.unlink()
    chosen = choose(Options())
    assert (chosen.settings.server_url, chosen.profile) == ("http://127.0.0.1:8420", None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[profile.x]\nurl = 1", "profile: Input should be a valid string", id="table"),
        pytest.param("profles = {}", "did you mean profiles", id="near-at-the-top"),
        pytest.param("[profiles.x]\napi_kee = '1'", "did you mean api_key", id="near"),
        pytest.param("[profiles.x]\ncolour = '1'", "there are url, api_key", id="not-near"),
        pytest.param("[profiles.x]\nurl = 'ftp://x'", "profiles.x.url", id="address"),
        pytest.param("[profiles.'X Y']", "profiles.X Y", id="name"),
        pytest.param("[profiles", "not TOML", id="no-toml"),
        pytest.param(
            "[profiles.x]\napi_key = '1'\napi_key_file = 'y'",
            "api_key and api_key_file are given; keep one",
            id="two-keys",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_named(text: str, said: str) -> None:
    with pytest.raises(Invalid, match=re.escape(said)) as refused:
        parse_config(text, Path("c.toml"))
    assert "c.toml" in refused.value.detail


def test_a_file_with_a_key_is_its_owner_s_alone(file: Path) -> None:
    file.chmod(0o640)
    with pytest.raises(Invalid, match=re.escape(f"`chmod 600 {file}`")):
        choose(Options())
    file.write_text(BOTH.replace("api_key =", "#"))
    assert choose(Options()).settings.server_url == HERE


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
@pytest.mark.parametrize("text", [BOTH, "[profiles.x]\napi_key_command = ['touch', 'ran']"])
def test_a_file_that_others_may_write_names_no_server_and_no_command(
    run: Run, file: Path, mode: int, text: str
) -> None:
    file.write_text(text)
    file.chmod(mode)
    for words in (("--profile", "x", "live"), ("config", "set", "x", "environment", "dev")):
        ran = run(*words)
        assert ran.code == 1
        assert "".join(f"chmod 600 {file}".split()) in "".join(ran.err.split())
    assert not Path("ran").exists()
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == (text, mode)


def test_a_file_of_somebody_else_is_not_believed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = file.stat().st_uid
    if owner == 0:  # whose files everybody believes
        os.chown(file, 1, -1)
    else:
        monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(Invalid, match="belongs to user"):
        choose(Options())


def test_a_key_comes_out_of_a_file_or_from_a_command(file: Path, tmp_path: Path) -> None:
    kept = tmp_path / "key"
    kept.write_text("twl_kept\n")
    kept.chmod(0o600)

    def said(member: str) -> str | None:
        file.write_text(f"[profiles.x]\n{member}")
        return key_of(choose(Options(profile="x")).settings)

    assert said(f"api_key_file = '{kept}'") == "twl_kept"
    with pytest.raises(Invalid, match=r"The key's file .* `twinline config show`"):
        said(f"api_key_file = '{tmp_path / 'nowhere'}'")
    assert said("api_key_command = ['printf', 'twl_printed\\nmore']") == "twl_printed"
    for wrong, why in (("false", "failed"), ("nowhere-at-all", "failed"), ("true", "printed noth")):
        with pytest.raises(Invalid, match=why):
            said(f"api_key_command = ['{wrong}']")
    kept.chmod(0o604)
    with pytest.raises(Invalid, match="open to others"):
        said(f"api_key_file = '{kept}'")


def test_a_key_s_file_is_looked_for_beside_the_file_that_names_it(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder, key in ((file.parent, "twl_beside"), (tmp_path, "twl_here")):
        (folder / "key").write_text(key)
        (folder / "key").chmod(0o600)
    file.write_text("[profiles.x]\napi_key_file = 'key'")
    assert key_of(choose(Options(profile="x")).settings) == "twl_beside"
    monkeypatch.setenv("TWINLINE_API_KEY_FILE", "key")
    assert key_of(choose(Options()).settings) == "twl_here", "a variable is said in a folder"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        pytest.param("-", "not read from standard input", id="standard-input"),
        pytest.param("none", "No such file", id="none"),
        pytest.param("~nobody-at-all/key", "home", id="nobody-s"),
        pytest.param(".", "Is a directory", id="folder"),
    ],
)
def test_a_key_s_file_that_is_none_is_said_plainly(
    file: Path, monkeypatch: pytest.MonkeyPatch, path: str, said: str
) -> None:
    monkeypatch.setenv("TWINLINE_API_KEY_FILE", path)
    file.write_text("")
    with pytest.raises(Invalid, match=said):
        key_of(choose(Options()).settings)
    file.write_text(f"[profiles.x]\napi_key_file = '{path}'")
    monkeypatch.delenv("TWINLINE_API_KEY_FILE")
    with pytest.raises(Invalid, match=said):
        key_of(choose(Options(profile="x")).settings)


def test_a_profile_or_file_that_is_not_there_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFound, match="did you mean there"):
        choose(Options(profile="their"))
    monkeypatch.setenv("TWINLINE_CONFIG", str(file / "nowhere"))
    with pytest.raises(Invalid, match="cannot be read"):
        choose(Options())
    monkeypatch.setenv("TWINLINE_CONFIG", str(file.with_name("other.toml")))
    with pytest.raises(Invalid, match="TWINLINE_CONFIG names"):
        choose(Options())


@pytest.mark.parametrize("words", [("profiles",), ("show",), ("use", "here")])
def test_a_file_that_the_environment_names_and_is_not_there_is_missed(
    run: Run, file: Path, words: tuple[str, ...]
) -> None:
    ran = run("config", *words, TWINLINE_CONFIG=str(file.with_name("other.toml")))
    assert ran.code == 1
    assert "There is no config file" in ran.err


def test_a_profile_is_made_and_used(run: Run, server: Up, file: Path) -> None:
    file.write_text("# mine\n" + BOTH)
    assert run("config", "path").out.strip() == str(file)
    assert run("config", "set", "real", "url", server.url).code == 0
    assert run("config", "set", "real", "api_key_command", f"echo '{server.key}'").code == 0
    assert run("config", "set", "real", "environment", "production").code == 0
    assert run("live").code == 6, "the profile is not used yet"
    assert run("--profile", "real", "live").code == 0
    assert run("config", "use", "real").code == 0
    assert run("live").code == 0
    assert "'nowhere@production'" in run("live", "nowhere@production").err
    assert "'nowhere@production'" in run("history", "nowhere").err
    assert file.read_text().startswith("# mine\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert tomllib.loads(file.read_text())["profiles"]["real"]["api_key_command"][0] == "echo"


def test_a_route_is_in_the_environment_that_is_said(run: Run) -> None:
    assert run("models", "register", "whole", "openai:/whole").code == 0
    assert run("prompts", "create", "whole", "-t", "x").code == 0
    sides = ("--model", "models:/whole/1", "--prompt", "prompts:/whole/1")
    for environment in ("production", "staging"):
        assert run("deploy", f"whole@{environment}", "-r", "first", *sides).code == 0
    in_production = {"TWINLINE_ENVIRONMENT": "production"}
    for words, there in {
        ("history", "whole"): "deployments:/whole@production/1",
        ("history", "whole@staging"): "deployments:/whole@staging/1",
        ("live", "whole"): "routes:/whole@production",
        ("live", "whole", "--environment", "staging"): "routes:/whole@staging",
        ("live", "whole@staging"): "routes:/whole@staging",
        ("live", "production"): "routes:/whole@production",
        ("live",): "routes:/whole@staging",
        ("impact", "prompts:/whole/1", "--slot", "whole"): "prompts:/whole/1",
    }.items():
        ran = run(*words, "--json", **in_production)
        assert (ran.code, there in ran.out) == (0, True), words
    assert '"slot": "routes:/whole@staging"' not in run("live", "production", "--json").out
    for words, missed in {
        ("live", "none"): "none@production",
        ("tail", "--slot", "none"): "none@production",
        ("tail", "--slot", "none", "--environment", "staging"): "none@staging",
        ("impact", "prompts:/whole/1", "--slot", "none"): "none@production",
        ("mlflow", "links", "none"): "none@production",
        ("kill", "none", "-r", "test"): "none@production",
    }.items():
        ran = run(*words)
        assert (ran.code, missed in ran.err) == (3, True), (words, ran)


def test_only_what_asks_a_server_looks_into_the_file(run: Run, file: Path) -> None:
    file.write_text("[profiles")
    for command in ("up", "demo", "live", "history"):
        assert run(command, "--help").code == 0
    assert (
        "not TOML" not in run("db", "check", TWINLINE_DATABASE_URL="postgresql://127.0.0.1:1").err
    )
    for words in (("live",), ("history", "support"), ("clients",)):
        assert "not TOML" in " ".join(run(*words).err.split())


def test_a_command_is_asked_for_the_key_once(run: Run, server: Up, file: Path) -> None:
    file.write_text(f"""
        [profiles.x]
        url = "{server.url}"
        api_key_command = ["sh", "-c", "echo asked >> asked; echo '{server.key}'"]
    """)
    assert run("--profile", "x", "suites", "define", "asked-once").code == 0
    Path("asked").unlink()
    words = ("evaluate", "worker", "--suite", "asked-once", "--until-empty", "--command", "true")
    assert run("--profile", "x", *words).code == 0
    assert Path("asked").read_text() == "asked\n"


def test_what_is_in_effect_says_where_from_and_no_key_is_shown_whole(run: Run, file: Path) -> None:
    secret = "twl_0123456789abcdef0123456789abcdef"
    shown = {}
    around = {"TWINLINE_API_KEY": secret, "TWINLINE_URL": HERE}
    for one in json.loads(run("config", "show", "--json", **around).out):
        shown[one["setting"]] = (one["value"], one["origin"])
    assert shown["api_key"] == ("twl_01234567…", "TWINLINE_API_KEY")
    assert shown["profile"] == ("here", "config")
    assert shown["environment"] == ("dev", "profile here")
    assert run("--url", THERE, "config", "show").out.count("--url") == 1
    listed = run("config", "profiles")
    assert "twl_key-of-here" not in listed.out + run("config", "profiles", "--json").out
    assert "here" in listed.out


def test_a_key_that_is_passed_over_is_named(run: Run, file: Path) -> None:
    found = json.loads(run("config", "show", "--json", TWINLINE_API_KEY="twl_other").out)
    (key,) = (one for one in found if one["setting"] == "api_key")
    assert key["origin"] == "profile here; TWINLINE_API_KEY has no address"
    assert key["value"] == "…"


def test_a_wrong_value_is_not_written_and_an_empty_one_goes(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = run("config", "set", "here", "api_key_file", "/k")
    assert (refused.code, "keep one of them" in refused.err) == (1, True)
    assert file.read_text() == BOTH
    assert run("config", "set", "here", "api_key", "").code == 0
    assert "twl_key-of-here" not in file.read_text()
    assert run("config", "use", "their").code == 3


def test_the_readme_s_file_is_one() -> None:
    text = snippet("config")
    found = parse_config(text, Path("README.md"))
    assert found == Config.model_validate(tomllib.loads(text))
    assert set(found.profiles) == {"local", "work"}
