"""For others: what a pair is made of as CycloneDX and in-toto, what served as OpenLineage."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twinline.cli.demo.catalog import PRODUCTION
from twinline.cli.demo.stage import Stage

NEEDS = ("releases",)


def play(stage: Stage) -> None:
    """Write each to a file, and read it again."""
    live = stage.client.slots.get(PRODUCTION).live
    assert live is not None
    bundle, model = live.bundle.digest[:12], live.model.name
    bom, statement = stage.folder / "bom.json", stage.folder / "statement.json"
    stage.types(f"export cyclonedx {bundle} -o {bom}")
    made_of = {part["name"] for part in _read(bom)["components"]}
    stage.requires(model in made_of, f"{bom} names {made_of}, and not {model}")
    stage.types(f"export intoto {bundle} -o {statement}")
    stage.requires(bool(_read(statement)["signatures"]), f"{statement} is not signed")
    _openlineage(stage)


def _openlineage(stage: Stage) -> None:
    """Only minutes that are over are told, so a demo that is quick has none yet."""
    events = stage.folder / "openlineage.jsonl"
    first = list(stage.client.slots.history(PRODUCTION))[-1].at
    is_over = f"{datetime.now(UTC):%H:%M}" != f"{first:%H:%M}"
    stage.types(f"export openlineage {PRODUCTION.environment} --from 1h -o {events}")
    told = [json.loads(line) for line in events.read_text().splitlines()]
    stage.requires(bool(told) or not is_over, f"{events} is empty")
    stage.requires(all(event["eventType"] == "COMPLETE" for event in told), f"not all of {events}")
    stage.tells(f"{len(told)} events of minutes that are over; --follow --to tells each to come.")


def _read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text())
