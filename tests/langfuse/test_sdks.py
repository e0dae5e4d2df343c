"""The unmodified Langfuse SDKs, each major in an environment of its own, and that for Node."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.langfuse.conftest import basic
from tests.support import node
from tests.support.environments import python_with
from twinline.client import Client
from twinline.language.records import NewModelVersion
from twinline.language.refs import ModelVersionRef, PromptVersionRef

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
VERSIONS = ("2.60.10", "3.15.0", "4.14.6", "5.0.4")
SECONDS = 60

Story = dict[str, Any]


@pytest.fixture
def environment(url: str, key: str) -> dict[str, str]:
    """What tells an SDK where to go, and nothing of ours."""
    public, secret = basic(key)
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    told = {"PUBLIC_KEY": public, "SECRET_KEY": secret, "HOST": url, "BASE_URL": url}
    return plain | {f"LANGFUSE_{name}": value for name, value in told.items()}


@pytest.fixture
def model(client: Client) -> ModelVersionRef:
    return client.models.register(NewModelVersion(name="assistant", source_uri="x:/a")).ref


@pytest.fixture(params=VERSIONS)
def told(
    request: pytest.FixtureRequest, environment: dict[str, str], model: ModelVersionRef
) -> Story:
    """What the program saw, by that major of the SDK."""
    python = python_with(f"langfuse=={request.param}")
    done = subprocess.run(
        [str(python), "story.py"],
        cwd=HERE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return {"sdk": request.param, **json.loads(done.stdout)}


def numbers(told: Story, *names: str) -> list[int]:
    return [told[name]["version"] for name in names]


def test_an_application_with_langfuse_s_sdk_works_unchanged(
    told: Story, client: Client, model: ModelVersionRef
) -> None:
    assert told["auth"] is True
    assert numbers(told, "made", "default", "label", "version", "moved") == [1, 1, 2, 1, 2]
    made = told["made"]
    assert (made["labels"], made["tags"]) == (["latest", "production"], ["beta"])
    assert made["commit_message"] == "first try"
    ours = made["config"].pop("twinline")
    assert (made["config"], ours["ref"]) == ({"temperature": 0.2}, "prompts:/support/answer/1")
    assert told["moved"]["labels"] == ["latest", "production", "staging"]
    assert told["compiled"] == "Answer it in one sentence."
    assert (told["listed"], told["total"]) == ([["support/answer", [1, 2]]], 2)
    assert told["missing"][0] == "NotFoundError"
    assert "nobody/made/this" in told["missing"][1]
    said = [{"role": "system", "content": "You answer acme."}]
    if told["sdk"] != VERSIONS[0]:  # placeholders came with version 3
        said.append({"role": "assistant", "content": "hello"})
    assert told["chat compiled"] == [*said, {"role": "user", "content": "why?"}]
    pair = client.bundles.pair(model, PromptVersionRef("support/answer", 2))
    impact = client.lineage.impact(pair.ref).service
    assert (impact.requests, impact.input_tokens, impact.output_tokens) == (1, 12, 3)
    words = [one.words for one in client.bundles.list() if one.kind == "unresolved"]
    assert words == [{"model": "unheard-of", "prompt": "prompts:/support/answer/1"}]


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return node.installed(HERE / "node", tmp_path_factory.mktemp("langfuse"))


def test_the_sdk_for_javascript_works_unchanged(
    application: Path, environment: dict[str, str], client: Client, model: ModelVersionRef
) -> None:
    told = json.loads(node.run(application, "story.mjs", environment))
    assert numbers(told, "made", "default", "label", "version", "moved") == [1, 1, 2, 1, 2]
    assert told["made"]["config"]["twinline"]["ref"] == "prompts:/support/answer/1"
    assert told["compiled"] == "Answer <it> in one sentence."
    assert [one["content"] for one in told["chat"]] == ["You answer acme.", "hello", "why?"]
    assert told["listed"] == ["support/answer"]
    assert "nobody/made/this" in told["missing"]
    pair = client.bundles.pair(model, PromptVersionRef("support/answer", 2))
    assert client.lineage.impact(pair.ref).service.requests == 1
