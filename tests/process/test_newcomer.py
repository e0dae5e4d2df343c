"""A newcomer's hour: nothing but what the README says, in its order, with real servers.

Only addresses differ from what is printed there, and the installation, which has happened.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.process.conftest import Up, environment
from tests.support.mlflow_registry import MlflowRegistry
from tests.support.readme import ROOT, exported, snippet, snippets
from twinline.cli.demo.mlflow_server import QUIET
from twinline.client import Client

pytestmark = pytest.mark.slow

SECONDS = 120
"""Far from what one of the README's blocks takes, whatever the machine does beside."""

LONGER = "prompts:/bank/answer/2"


class Newcomer:
    """Somebody with a shell, in a folder of their own.

    Args:
        folder: where they work; ``home`` in it is their home folder.
        told: what stands in the shell's environment.
    """

    def __init__(self, folder: Path, told: dict[str, str]) -> None:
        self._folder, self._told = folder, told
        program = folder / "bin" / "twinline"  # ours, wherever it is installed
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -W ignore -m twinline "$@"\n')
        program.chmod(0o755)

    def write(self, text: str) -> None:
        """Keep a program under the name that its first line gives."""
        (name,) = re.findall(r"\A# ([\w.]+)\n", text)
        (self._folder / name).write_text(text)

    def follow(self, text: str) -> dict[str, str]:
        """Say the lines to a shell; what each printed, by the line."""
        return {line: self._say(line) for line in text.splitlines()}

    def _say(self, line: str) -> str:
        path = os.pathsep.join(
            [str(self._folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
        )
        home = self._folder / "home"
        own = {"PATH": path, "HOME": str(home), "COLUMNS": "120", "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(
            ["sh", "-euc", line],
            cwd=self._folder,
            env=environment(home, **QUIET, **own, **self._told),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def server(start: Callable[..., Up], mlflow_registry: MlflowRegistry, tmp_path: Path) -> Up:
    """Twinline, started as the README says for somebody with an MLflow."""
    *tell, run = snippet("mlflow", mlflow=mlflow_registry.url).splitlines()
    assert run == "twinline up"
    return start(tmp_path / "home", **exported("\n".join(tell)))


@pytest.fixture
def newcomer(server: Up, tmp_path: Path) -> Newcomer:
    """Has said the two lines that the server printed, which are those that the README shows."""
    shown = next(one.text for one in snippets() if "$ twinline up" in one.text)
    printed = [line for line in server.log.read_text().splitlines() if "export " in line]
    assert [_shape(line) for line in printed] == [
        _shape(line) for line in shown.splitlines() if "export " in line
    ]
    return Newcomer(tmp_path, exported("\n".join(printed)))


@pytest.fixture
def client(server: Up) -> Iterator[Client]:
    with server.client(server.key or "") as made:
        yield made


def test_the_readme_leads_from_a_prompt_of_one_s_own_to_a_rollback(
    newcomer: Newcomer, client: Client, mlflow_registry: MlflowRegistry
) -> None:
    newcomer.write(snippet("train", mlflow=mlflow_registry.url))
    newcomer.write(snippet("application", mlflow=mlflow_registry.url))
    newcomer.follow(snippet("release"))
    live = client.slots.get("bank@production").live
    assert live is not None
    origins = client.lineage.walk(live.ref, direction="upstream").nodes
    assert any(node.ref.startswith("datasets:/questions/") for node in origins)

    printed = newcomer.follow(snippet("story", notebook=str(ROOT / "notebooks")))
    touched = client.lineage.impact(LONGER)
    assert (touched.service.requests, touched.service.decision_requests) == (120, 120)
    assert (touched.service.errors, touched.service.score) == (0, pytest.approx(0.2))
    assert not touched.live
    assert re.search(r"^requests +120\b", printed[f"twinline impact {LONGER}"], re.MULTILINE)
    (back,) = (text for line, text in printed.items() if line.startswith("twinline rollback"))
    assert re.search(r"^verdict +proven", back, re.MULTILINE)
    now = client.slots.get("bank@production").live
    assert now is not None
    assert (now.kind, now.bundle) == ("rollback", live.bundle)


def _shape(line: str) -> str:
    """A line of an export without what differs from reader to reader."""
    return re.sub(r"=(http://127\.0\.0\.1:|twl_)\S+", r"=\1", line)
