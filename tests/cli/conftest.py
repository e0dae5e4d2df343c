"""The command line in this process, against a server that runs as its own."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.process.conftest import Up, launch
from twinline.cli import main


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("server")
    up = launch(folder / "home", folder / "up.log")
    yield up
    up.stop()


@pytest.fixture
def run(
    server: Up, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Run:
    """Run a command with the server's URL and admin key in the environment."""
    monkeypatch.setenv("TWINLINE_URL", server.url)
    monkeypatch.setenv("TWINLINE_API_KEY", server.key or "")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))  # not that of whoever runs the tests
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)

    def ran(*words: str, **more: str) -> Ran:
        for name, value in more.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["twinline", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Ran(int(ended.value.code or 0), printed.out, printed.err)

    return ran
