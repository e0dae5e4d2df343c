"""``--watch``: the newest in place, one after the other in a pipe, until Ctrl-C."""

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from tests.cli.conftest import Run
from tests.process.conftest import Up, environment
from twinline.cli import watching
from twinline.cli.watching import View, watch
from twinline.language.errors import Invalid, NotFound, Unavailable


def looks(*answers: str | Exception) -> Callable[[], None]:
    """Prints these answers one by one, as a command would."""
    left = iter(answers)

    def look() -> None:
        match next(left):
            case Exception() as error:
                raise error
            case said:
                watching.out.print(said)

    return look


def until(times: int) -> Callable[[float], None]:
    """Waits no time, and ends by Ctrl-C after so many times."""
    left = iter(range(times))

    def wait(seconds: float) -> None:
        assert seconds == 1
        if next(left, None) is None:
            raise KeyboardInterrupt

    return wait


@pytest.fixture(params=[True, False], ids=["terminal", "pipe"])
def console(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Console:
    made = Console(force_terminal=request.param, width=80, record=True)
    monkeypatch.setattr(watching, "out", made)
    return made


def test_each_answer_is_shown_until_ctrl_c(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    watch(1, looks("one", "two", "three"), plain=False, wait=until(2))
    printed = capsys.readouterr().out
    assert re.findall("one|two|three", printed)[-1] == "three"
    assert ("\x1b[2K" in printed) == console.is_terminal, "in place in a terminal alone"


def test_a_server_that_goes_away_is_waited_for(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    away = Unavailable("gone")
    watch(1, looks("one", away, away, "two"), plain=False, wait=until(3))
    printed = capsys.readouterr()
    assert re.findall("one|two|gone", printed.out)[-1] == "two"
    assert printed.err.count("gone") == (0 if console.is_terminal else 1)


def test_one_that_is_away_at_first_is_an_error(console: Console) -> None:
    with pytest.raises(Unavailable, match="gone"):
        watch(1, looks(Unavailable("gone")), plain=False, wait=until(0))


def test_what_is_wrong_otherwise_ends_it(console: Console) -> None:
    with pytest.raises(NotFound):
        watch(1, looks("one", NotFound("no slot")), plain=False, wait=until(1))


def test_the_last_answer_stays_with_its_age() -> None:
    view = View(looks("one", Unavailable("gone"), "two"))
    shown = Console(width=80, record=True, file=open(os.devnull, "w"))  # noqa: SIM115 -- nobody reads it
    for _ in range(3):
        view.ask()
        shown.print(view)
    shown.file.close()
    said = shown.export_text().splitlines()
    assert [line.split(" is ")[0] for line in said if line.strip()] == ["one", "one", "This", "two"]
    assert any(re.search(r"This is \d+ s old, .*: gone", line) for line in said)


@pytest.mark.parametrize(
    ("words", "given"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param(["--watch"], ["--watch", "2"], id="alone"),
        pytest.param(["--watch", "5"], ["--watch", "5"], id="number"),
        pytest.param(["--watch", "a@b"], ["--watch", "2", "a@b"], id="before-a-word"),
        pytest.param(["a@b", "--watch", "--json"], ["a@b", "--watch", "2", "--json"], id="option"),
    ],
)
def test_a_number_is_put_where_none_is(words: list[str], given: list[str]) -> None:
    assert watching.numbered(words) == given


@pytest.mark.parametrize("seconds", [0, 0.1, -1, float("nan"), 1e9])
def test_how_often_has_bounds(seconds: float) -> None:
    with pytest.raises(Invalid, match=re.escape("give 0.2 to 86400 seconds")):
        watch(seconds, looks("one"), plain=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("live", "--watch", "0"), "--watch 0 is out of range", id="number"),
        pytest.param(("live", "--watch", "--csv", "--json"), "--json and --csv", id="none"),
        pytest.param(("live", "nowhere@dev", "--watch"), "no slot", id="last"),
    ],
)
def test_the_number_may_be_left_out(run: Run, words: tuple[str, ...], said: str) -> None:
    assert said in run(*words).err


def test_ctrl_c_at_a_terminal_is_a_good_end(server: Up, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "twinline", "live", "--watch", "0.2"],
        env=environment(
            tmp_path, TWINLINE_URL=server.url, TWINLINE_API_KEY=server.key or "", TERM="xterm"
        ),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    while b"No slots yet" not in seen:
        seen += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    while process.poll() is None:
        try:
            seen += os.read(ours, 4096)
        except OSError:  # nobody holds the other end any more
            break
    assert process.wait(30) == 0
    assert b"Traceback" not in seen
    os.close(ours)
