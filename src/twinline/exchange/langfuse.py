"""Prompts as Langfuse's API and exports have them: a JSON list, one object a version.

Langfuse knows neither declarations nor includes, so it is given the composed text; what it has
no place for rides in the member ``twinline`` of the config.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from twinline.exchange import found
from twinline.exchange.beside import beside, restored
from twinline.exchange.found import Found, gathered
from twinline.langfuse import rules
from twinline.langfuse.records import NewPrompt
from twinline.language import strict_json
from twinline.language.errors import Invalid, MalformedJson
from twinline.language.identity import as_json
from twinline.language.records import ImportedItem, ImportReport, Json, PromptItem
from twinline.language.refs import PromptVersionRef

BYTES_MAX = 64 << 20
_SENT = frozenset(field.alias or name for name, field in NewPrompt.model_fields.items())


def read(file: Path) -> Found:
    """The versions in a file: a JSON list, an object with such a list as ``data``, one object,
    or an object a line.

    Raises:
        Invalid: the file cannot be read, is no JSON, or is larger than 64 MB.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(BYTES_MAX + 1)
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}.") from error
    if len(content) > BYTES_MAX:
        raise Invalid(f"{file} is larger than {BYTES_MAX:,} bytes.")
    return gathered(
        (f"{file.name}[{place}]", partial(_item, f"{file.name}[{place}]", make))
        for place, make in enumerate(_rows(content))
    )


def written(items: Iterable[PromptItem]) -> str:
    """Versions as a JSON list."""
    rows = [_row(item) for item in items]
    return json.dumps(rows, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def write(file: Path, items: Iterable[PromptItem]) -> ImportReport:
    """Write versions as a JSON list.

    Raises:
        Invalid: the file cannot be written.
    """
    kept = tuple(items)
    try:
        file.write_text(written(kept), "utf-8", newline="\n")
    except OSError as error:
        raise Invalid(f"{file} cannot be written: {error.strerror}.") from error
    return ImportReport(kept=True, items=tuple(_told(file, item) for item in kept))


def _rows(content: bytes) -> Iterator[Callable[[], Any]]:
    """Reads one object each."""
    try:
        whole: Any = strict_json.loads(content)
    except MalformedJson:
        lines = [line for line in content.split(b"\n") if line.strip()]
        if len(lines) < 2 or not all(line.startswith(b"{") for line in lines):
            raise
        yield from (partial(strict_json.loads, line) for line in lines)
        return
    match whole:
        case [*rows] | {"data": [*rows]}:
            yield from (partial(_itself, row) for row in rows)
        case _:
            yield partial(_itself, whole)


def _itself(row: Any) -> Any:
    return row


def _item(place: str, make: Callable[[], Any]) -> PromptItem:
    row = make()
    if not isinstance(row, dict):
        raise Invalid("It is no object with a name and a prompt.")
    sent: Json = row  # pyright: ignore[reportUnknownVariableType] -- any JSON object
    try:
        new = NewPrompt.model_validate({name: sent[name] for name in _SENT & sent.keys()})
    except ValidationError as error:
        raise Invalid(found.said(error)) from error
    try:
        shown = rules.new_version(new, {})
    except ValidationError as error:
        raise Invalid(found.said(error)) from error
    origin = {"place": place, "author": sent.get("createdBy") or "", "at": sent.get("createdAt")}
    carried = (new.config or {}).get(rules.OURS)
    return restored(carried, shown, {"origin": origin, "number": sent.get("version")})


def _row(item: PromptItem) -> Json:
    new = item.version
    row: Json = {
        "name": new.name,
        "version": item.number,
        "type": new.kind,
        "prompt": as_json(item.composed or new.template),
        "config": new.parameters,
        "labels": list(new.labels),
        "tags": list(rules.shown_tags(new.tags or {})),
        "commitMessage": new.message or None,
        **_made(item),
    }
    sent = NewPrompt.model_validate({name: row[name] for name in _SENT})
    shown = rules.new_version(sent.model_copy(update={"labels": ()}), {})
    return {**row, "config": {**new.parameters, rules.OURS: beside(item, shown)}}


def _made(item: PromptItem) -> Mapping[str, Any]:
    origin = item.origin.model_dump(mode="json")
    return {"createdBy": origin["author"] or None, "createdAt": origin["at"]}


def _told(file: Path, item: PromptItem) -> ImportedItem:
    return ImportedItem(
        place=str(file),
        name=item.version.name,
        outcome="created",
        version=PromptVersionRef(item.version.name, item.number) if item.number else None,
        digest=item.digest,
    )
