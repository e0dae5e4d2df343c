"""The README's program in TypeScript compiles against the types that are made of our OpenAPI
document, and does the main job at a server."""

import json
import re
from pathlib import Path
from uuid import UUID

import pytest

from tests.support import node
from tests.support.readme import snippet
from tests.support.serving import served
from twinline.app import make_app
from twinline.client import Client
from twinline.db.session import Database

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
PROGRAM = snippet("typescript")
INSTALL, GENERATE, COMPILE_AND_RUN = snippet("npm").replace("npx ", "").splitlines()
COMPILE, RUN = COMPILE_AND_RUN.split(" && ")
SLOT = "triage@production"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, stage: Database) -> Path:
    """A folder with the program, the packages from the machine's registry, and the types that
    a server's document gives without a warning."""
    made = node.installed(HERE, tmp_path_factory.mktemp("typescript"))
    (made / "main.mts").write_text(PROGRAM)
    with served(make_app(stage)) as url:
        said = node.shell(made, f"{GENERATE} 2>&1", {"TWINLINE_URL": url})
    assert "twinline.d.ts" in said
    assert not re.search("warn|error", said, re.IGNORECASE), said
    return made


def test_the_packages_are_those_that_the_readme_names() -> None:
    pinned = json.loads((HERE / "package.json").read_text())["dependencies"]
    named = [re.fullmatch(r"(.+?)(?:@([\d.]+))?", word) for word in INSTALL.split()[2:]]
    wanted = {word[1]: word[2] or "" for word in named if word}
    assert wanted.keys() == pinned.keys()
    assert all(f"{pinned[name]}.".startswith(version) for name, version in wanted.items())


def test_the_program_compiles_and_does_the_main_job(
    folder: Path, url: str, key: str, client: Client
) -> None:
    node.shell(folder, f"{COMPILE} --exactOptionalPropertyTypes --noUncheckedIndexedAccess", {})
    printed = node.shell(folder, RUN, {"TWINLINE_URL": url, "TWINLINE_API_KEY": key})
    inference, errors, deployment, prompt = printed.split()

    kept = client.inferences.get(UUID(inference))
    told = (kept.measured.status, kept.measured.latency_ms, kept.measured.score, errors)
    assert told == ("error", 8400, 0.2, "1")
    assert (kept.decision, str(kept.deployment)) == ("ticket-4713", f"deployments:/{SLOT}/2")
    live = client.slots.get(SLOT).live
    assert live is not None
    assert (str(live.ref), str(live.prompt), live.kind) == (deployment, prompt, "rollback")
    assert (deployment, prompt) == (f"deployments:/{SLOT}/3", "prompts:/triage/ticket/1")


MISTAKES = {
    "score: 0.2": ("scor: 0.2", "'scor' does not exist"),
    'side: "prompt"': ('side: "promt"', """Type '"promt"' is not assignable"""),
    '"If-Match": `"${live}"`': ("", """Property '"If-Match"' is missing"""),
    '"/api/v1/resolve"': ('"/api/v1/resolved"', """'"/api/v1/resolved"' is not assignable"""),
    "impact.service.errors": ("impact.service.faults", "Property 'faults' does not exist"),
    "if (call.inference_id === null)": ("if (false)", "Type 'null' is not assignable"),
    "error?.detail": ("error?.reason", "Argument of type 'unknown' is not assignable"),
    "first.number": ("first.bundle", "'string' is not assignable to parameter of type 'number'"),
}
"""What is written wrong in the program, and how the compiler refuses it."""


def test_a_program_with_a_mistake_does_not_compile(folder: Path) -> None:
    for number, (right, (wrong, _)) in enumerate(MISTAKES.items()):
        assert PROGRAM.count(right) == 1, right
        (folder / f"mistake{number}.mts").write_text(PROGRAM.replace(right, wrong))
    line = f"{COMPILE.replace('main.mts', 'mistake*.mts')} --skipLibCheck --pretty false"
    said = node.refused(folder, line)
    for number, (_, why) in enumerate(MISTAKES.values()):
        mine = [one for one in re.split(r"^(?=\w)", said, flags=re.M) if f"mistake{number}" in one]
        assert any(why in one for one in mine), (why, mine)
