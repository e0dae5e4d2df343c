"""Prompts, their versions and label moves, in SQL."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, func, select
from sqlalchemy.dialects.postgresql import insert

from twinline.db.graph import add_edge, add_node, find_node
from twinline.db.names import near
from twinline.db.schema import label_move, prompt, prompt_version
from twinline.db.session import Reading, Writing
from twinline.language.records import LabelMove, NewPromptVersion, Prompt, PromptVersion
from twinline.language.refs import PromptVersionRef
from twinline.prompts import rules
from twinline.prompts.label_store import places

TOPIC = "prompt"
"""What is announced, with the name, when a prompt may have changed."""


def lock_series(tx: Writing, name: str) -> int:
    """The id of the prompt, made when there is none; its numbers and labels are ours
    until this transaction ends, and then everybody hears that they may have changed."""
    tx.announce(f"{TOPIC} {name}")
    tx.run(
        insert(prompt)
        .values(name=name, description="", tags={}, created_at=func.clock_timestamp())
        .on_conflict_do_nothing()
    )
    return tx.value(
        select(prompt.c.id).where(prompt.c.name == name).with_for_update(key_share=True)
    )


def describe(tx: Writing, id: int, changes: dict[str, Any]) -> dict[str, Any]:
    """Change a prompt's description or tags; those that it had before."""
    before = tx.row(select(prompt.c.description, prompt.c.tags).where(prompt.c.id == id))
    assert before is not None
    if changes:
        tx.run(prompt.update().where(prompt.c.id == id).values(changes))
    return dict(before)


def number_with(tx: Reading, id: int, digest: str) -> int | None:
    """The number of the version with this content."""
    wanted = (prompt_version.c.prompt_id == id, prompt_version.c.digest == digest)
    return tx.value(select(prompt_version.c.number).where(*wanted))


def add_version(tx: Writing, id: int, new: NewPromptVersion, digest: str) -> int:
    """Append a version under the lock of `lock_series`; its number."""
    number = (tx.value(_latest(id)) or 0) + 1
    node_id = add_node(tx, "prompt", PromptVersionRef(new.name, number))
    content = new.model_dump(mode="json", include={"template", "parameters"})
    variables = [variable.model_dump() for variable in rules.variables(new.template)]
    tx.run(
        prompt_version.insert().values(
            node_id=node_id,
            prompt_id=id,
            number=number,
            kind=new.kind,
            variables=variables,
            digest=digest,
            message=new.message,
            author=tx.actor,
            created_at=func.clock_timestamp(),
            **content,
        )
    )
    origin = find_node(tx, new.derived_from) if new.derived_from else None
    if origin is not None:
        add_edge(tx, origin, node_id, "derived")
    return number


def moves(tx: Reading, name: str, *, before: int | None, limit: int) -> tuple[LabelMove, ...]:
    """Moves of a prompt's labels before the one with id ``before``, the newest first."""
    query = (
        select(label_move, prompt.c.name)
        .join(prompt, prompt.c.id == label_move.c.prompt_id)
        .where(prompt.c.name == name)
        .order_by(label_move.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(label_move.c.id < before)
    return tuple(LabelMove.model_validate(dict(row)) for row in tx.rows(query))


def moves_between(
    tx: Reading, names: Collection[str], since: datetime, until: datetime, limit: int
) -> tuple[LabelMove, ...]:
    """Moves of these prompts' labels after ``since`` and up to ``until``, the newest first."""
    query = (
        select(label_move, prompt.c.name)
        .join(prompt, prompt.c.id == label_move.c.prompt_id)
        .where(prompt.c.name.in_(names), label_move.c.at > since, label_move.c.at <= until)
        .order_by(label_move.c.id.desc())
        .limit(limit)
    )
    return tuple(LabelMove.model_validate(dict(row)) for row in tx.rows(query))


def label_history(tx: Reading, name: str, label: str) -> tuple[tuple[datetime, int | None], ...]:
    """When a label of a prompt came to be on which version, None when it was removed; the
    oldest first."""
    query = (
        select(label_move.c.at, label_move.c.number)
        .join(prompt, prompt.c.id == label_move.c.prompt_id)
        .where(prompt.c.name == name, label_move.c.label == label)
        .order_by(label_move.c.id)
    )
    return tuple((row["at"], row["number"]) for row in tx.rows(query))


def version_history(tx: Reading, name: str) -> tuple[tuple[datetime, int], ...]:
    """When each version of a prompt was made, the oldest first."""
    query = (
        select(prompt_version.c.created_at, prompt_version.c.number)
        .join(prompt, prompt.c.id == prompt_version.c.prompt_id)
        .where(prompt.c.name == name)
        .order_by(prompt_version.c.number)
    )
    return tuple((row["created_at"], row["number"]) for row in tx.rows(query))


def made_between(
    tx: Reading, names: Collection[str], since: datetime, until: datetime, limit: int
) -> tuple[PromptVersion, ...]:
    """These prompts' versions that were made then, the newest first; without their labels."""
    made = prompt_version.c.created_at
    query = _versions().where(prompt.c.name.in_(names), made > since, made <= until)
    return tuple(_version(row, ()) for row in tx.rows(query.order_by(made.desc()).limit(limit)))


def find(tx: Reading, name: str) -> tuple[int, Prompt] | None:
    """A prompt and its id."""
    row = tx.row(_prompts().where(prompt.c.name == name))
    return (row["id"], _prompt(row, places(tx, row["id"])[row["id"]])) if row else None


def page(tx: Reading, *, search: str | None, after: str | None, limit: int) -> tuple[Prompt, ...]:
    """Prompts by name, those whose name or description holds ``search``."""
    query = _prompts().order_by(prompt.c.name).limit(limit)
    if search:
        query = query.where(
            prompt.c.name.icontains(search, autoescape=True)
            | prompt.c.description.icontains(search, autoescape=True)
        )
    if after is not None:
        query = query.where(prompt.c.name > after)
    rows = tx.rows(query)
    named = places(tx, *(row["id"] for row in rows))
    return tuple(_prompt(row, named[row["id"]]) for row in rows)


def version(tx: Reading, name: str, number: int) -> PromptVersion | None:
    """One version of a prompt."""
    found = versions(tx, name, before=number + 1, limit=1)
    return found[0] if found and found[0].number == number else None


def versions(
    tx: Reading, name: str, *, before: int | None, limit: int
) -> tuple[PromptVersion, ...]:
    """The versions of a prompt below the number ``before``, the newest first."""
    query = _versions().where(prompt.c.name == name).order_by(prompt_version.c.number.desc())
    if before is not None:
        query = query.where(prompt_version.c.number < before)
    rows = tx.rows(query.limit(limit))
    if not rows:
        return ()
    id = rows[0]["prompt_id"]
    named, latest = places(tx, id)[id], tx.value(_latest(id))
    return tuple(_version(row, rules.labels_of(row["number"], named, latest)) for row in rows)


def names(tx: Reading, word: str) -> list[str]:
    """Names of prompts, for finding those like ``word``."""
    return tx.values(near(prompt.c.name, word))


def _latest(id: int) -> Select[Any]:
    return select(func.max(prompt_version.c.number)).where(prompt_version.c.prompt_id == id)


def _prompts() -> Select[Any]:
    latest = (
        select(func.max(prompt_version.c.number))
        .where(prompt_version.c.prompt_id == prompt.c.id)
        .scalar_subquery()
    )
    return select(prompt, latest.label("latest"))


def _versions() -> Select[Any]:
    return select(prompt_version, prompt.c.name).join(
        prompt, prompt.c.id == prompt_version.c.prompt_id
    )


def _prompt(row: RowMapping, named: dict[str, int]) -> Prompt:
    return Prompt.model_validate({**row, "labels": named})


def _version(row: RowMapping, named: tuple[str, ...]) -> PromptVersion:
    ref = PromptVersionRef(row["name"], row["number"])
    return PromptVersion.model_validate({**row, "ref": ref, "labels": named})
