"""What a request said can be said again with its values, byte for byte, whatever happened since."""

from pathlib import Path
from typing import Any

import httpx

from twinline import render
from twinline.client import Client
from twinline.language.records import NewModelVersion, ServedBundle
from twinline.language.refs import SlotRef

VALUES: dict[str, Any] = {"mood": "calm {{ question }}", "question": "<Why?>", "n": 3}
TEXT = "Be calm {{ question }}.\u200b In 3 sentences.\n<Why?>"
SLOT = SlotRef("answer", "production")


def _deploy(client: Client) -> None:
    """Three levels: the newest answer stands on a format and a tone, both by label."""
    client.prompts.create("parts/tone", "Be {{ mood }}.\u200b", labels=["live"])
    client.prompts.create(
        "parts/format",
        "{{> parts/tone@live }} In {{ n }} sentences.",
        variables=[{"name": "n", "type": "integer"}],
        labels=["live"],
    )
    client.prompts.create("answer", "{{> parts/format@live }}\n{{ question }}")
    model = client.models.register(NewModelVersion(name="gpt", source_uri="openai:/gpt-4o"))
    bundle = client.bundles.pair(model.ref, "prompts:/answer@latest")
    client.slots.deploy(str(SLOT), bundle.ref, reason="begin", expected=0)


def _change_everything(client: Client) -> None:
    client.prompts.create("parts/tone", "Shout {{ mood }}!", labels=["live"])
    client.prompts.create("parts/format", "{{> parts/tone@live }}", labels=["live"])
    client.prompts.update_includers("parts/tone", reason="louder")
    client.prompts.create("answer", "{{> parts/format@live }}", labels=["live"])
    bundle = client.bundles.pair("models:/gpt/1", "prompts:/answer@latest")
    client.slots.deploy(str(SLOT), bundle.ref, reason="louder", expected=1)


def test_a_request_s_text_is_reproduced_from_its_record(
    client: Client, url: str, key: str, tmp_path: Path
) -> None:
    _deploy(client)
    with Client(url, key, folder=tmp_path) as application:
        here = application.resolve(SLOT.route)
        said = render(here.bundle, VALUES)
        assert application.flush()
        there = client.inferences.resolve(SLOT.route, SLOT.environment)
    assert (said, render(there.bundle, VALUES)) == (TEXT, TEXT)
    _change_everything(client)
    assert (
        render(client.inferences.resolve(SLOT.route, SLOT.environment).bundle, {"mood": "x"})
        == "Shout x!"
    )
    for id in (here.inference_id, there.inference_id):
        assert id is not None
        story = client.inferences.explain(id)
        assert story.prompt is not None
        assert str(render(story.prompt, VALUES)).encode() == TEXT.encode()
        assert [str(one.version) for one in story.prompt.includes] == ["prompts:/parts/format/1"]
        assert [str(one.version) for one in client.prompts.includes("answer", version=1)] == [
            "prompts:/parts/format/1", "prompts:/parts/tone/1",
        ]  # fmt: skip


def test_every_door_serves_the_whole_text(client: Client, http: httpx.Client, key: str) -> None:
    """So that whoever knows nothing of includes fills in the same."""
    _deploy(client)
    base = str(http.base_url).removesuffix("/api/v1/")
    ofrep = httpx.post(
        f"{base}/ofrep/v1/evaluate/flags/{SLOT.route}",
        json={"context": {"targetingKey": "u"}},
        headers={"X-API-Key": key},
    ).json()
    manifest = http.get("/manifest", params={"environment": SLOT.environment}).json()
    (held,) = manifest["bundles"].values()
    for served in (ofrep["value"], held["served"]):
        assert served["prompt"]["template"] == (
            "Be {{ mood }}.\u200b In {{ n }} sentences.\n{{ question }}"
        )
        assert render(ServedBundle.model_validate(served), VALUES) == TEXT
