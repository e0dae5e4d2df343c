"""Tab: names that the server knows, and silence when it does not answer."""

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.process.conftest import Up, environment
from twinline.language.records import Page, Slot
from twinline.language.refs import SlotRef

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
PAGE = Page[Slot](
    items=tuple(
        Slot(
            ref=SlotRef(f"tab{number}", "dev"),
            route=f"tab{number}",
            environment="dev",
            created_at=datetime(2026, 11, 20, tzinfo=UTC),
            live=None,
        )
        for number in range(2)
    ),
    next="more",
)
_RUN = "import sys; sys.argv[0] = 'twinline'; from twinline.cli import main; main()"
"""As the installed command, whose name decides the variables that its shell sets."""


@pytest.fixture(scope="module")
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@dataclass(frozen=True)
class Endless:
    """A server that gives one page at once, and the next one byte by byte for ever."""

    url: str
    asked: list[str]


@pytest.fixture
def endless() -> Iterator[Endless]:
    asked: list[str] = []
    over = threading.Event()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            if "cursor" not in self.path:
                self.wfile.write(PAGE.model_dump_json().encode())
                return
            with suppress(OSError):
                while not over.wait(0.1):
                    self.wfile.write(b" ")
                    self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield Endless(f"http://127.0.0.1:{server.server_port}", asked)
        over.set()
        server.shutdown()
        serving.join()


def offered(home: Path, words: str, **around: str) -> list[str]:
    """What bash is told to offer for the last of these words."""
    ran = subprocess.run(
        [sys.executable, "-c", _RUN],
        env=environment(home, **around)
        | {"_TWINLINE_COMPLETE": "complete_bash", "COMP_WORDS": words}
        | {"COMP_CWORD": str(len(words.split(" ")) - 1)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stderr == ""
    return ran.stdout.split()


def test_names_come_from_the_server(run: Run, server: Up, tmp_path: Path) -> None:
    assert run("models", "register", "tab", "openai:/tab").code == 0
    assert run("prompts", "create", "tab/answer", "-t", "x").code == 0
    sides = ("--model", "models:/tab/1", "--prompt", "prompts:/tab/answer/1")
    assert run("deploy", "tab@production", "-r", "first", *sides).code == 0
    (bundle,) = re.findall(r"bundles:/(\w{12})", run("live", "tab@production").out)
    here = {"TWINLINE_URL": server.url, "TWINLINE_API_KEY": server.key or ""}
    for words, names in {
        "twinline history ta": ["tab@production"],
        "twinline live tab@": ["tab@production"],
        "twinline prompts show tab/": ["tab/answer"],
        "twinline clients p": ["production"],
        f"twinline bundles show {bundle[:3]}": [bundle],
        "twinline history zzz": [],
    }.items():
        assert offered(tmp_path, words, **here) == names, words


def test_who_does_not_answer_offers_nothing_and_says_nothing(silent: str, tmp_path: Path) -> None:
    for url in (silent, "http://127.0.0.1:1", "no address", "http://["):
        assert offered(tmp_path, "twinline history ta", TWINLINE_URL=url) == []
    wrong = tmp_path / "twinline" / "config.toml"
    wrong.parent.mkdir()
    wrong.write_text("[profiles")
    assert offered(tmp_path, "twinline history ta") == []


def test_what_has_come_within_the_time_is_offered(endless: Endless, tmp_path: Path) -> None:
    found = offered(tmp_path, "twinline history ta", TWINLINE_URL=endless.url)
    assert found == ["tab0@dev", "tab1@dev"]
    first, second = endless.asked
    assert "limit=500" in first
    assert "cursor=more" in second
    assert offered(tmp_path, "twinline prompts show a/b/c", TWINLINE_URL=endless.url) == []
    assert "domain=a%2Fb&" in endless.asked[2]


def test_profiles_come_from_the_file_and_no_command_is_run_for_a_key(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    file = tmp_path / "twinline" / "config.toml"
    file.parent.mkdir()
    file.write_text(f"""
        [profiles.work]
        url = "http://127.0.0.1:1"
        api_key_command = ["touch", "{mark}"]
    """)
    file.chmod(0o600)
    assert offered(tmp_path, "twinline --profile w") == ["work"]
    assert offered(tmp_path, "twinline --profile work history ta") == []
    assert not mark.exists()
    assert os.access(tmp_path, os.W_OK), "it could have been made"


def test_the_readme_tells_of_it() -> None:
    assert "`twinline --install-completion`" in README
