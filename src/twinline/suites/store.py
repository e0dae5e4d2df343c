"""Suites, where they are attached and required, in SQL."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import RowMapping, Select, delete, func, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from twinline.db.names import near
from twinline.db.schema import suite, suite_attachment, suite_requirement
from twinline.db.session import Reading, Writing
from twinline.language.records import NewRequirement, NewSuite, Suite
from twinline.language.records.suites import EVERY_PROMPT

_attached = (
    select(suite_attachment.c.prompts)
    .where(suite_attachment.c.suite == suite.c.name)
    .order_by(suite_attachment.c.prompts)
    .scalar_subquery()
)
_required = (
    select(func.to_jsonb(literal_column("suite_requirement")))
    .where(suite_requirement.c.suite == suite.c.name)
    .order_by(suite_requirement.c.place)
    .scalar_subquery()
)


def add(tx: Writing, name: str, new: NewSuite) -> bool:
    """Make a suite; False when there is one of that name, also one made at the same time."""
    made = insert(suite).values(name=name, **_values(tx, new), scores=new.scores)
    return bool(tx.values(made.on_conflict_do_nothing().returning(suite.c.name)))


def change(tx: Writing, name: str, new: NewSuite) -> None:
    """Say anew what a suite is, but for what it scores."""
    tx.run(update(suite).where(suite.c.name == name).values(**_values(tx, new)))


def lock(tx: Writing, name: str) -> None:
    """Nobody else changes, attaches or asks for this suite until the transaction ends."""
    tx.row(select(suite.c.name).where(suite.c.name == name).with_for_update(key_share=True))


def find(tx: Reading, name: str) -> Suite | None:
    """A suite by its name."""
    row = tx.row(_suites().where(suite.c.name == name))
    return _suite(row) if row else None


def page(tx: Reading, *, after: str | None, limit: int) -> tuple[Suite, ...]:
    """Suites by name."""
    query = _suites().order_by(suite.c.name).limit(limit)
    if after is not None:
        query = query.where(suite.c.name > after)
    return tuple(_suite(row) for row in tx.rows(query))


def names(tx: Reading, word: str) -> list[str]:
    """Names of suites, to compare a wrong one with."""
    return tx.values(near(suite.c.name, word))


def attach(tx: Writing, name: str, prompts: str) -> bool:
    """Attach a suite to prompts; False when it is."""
    return _add(tx, insert(suite_attachment).values(suite=name, prompts=prompts))


def detach(tx: Writing, name: str, prompts: str) -> bool:
    """Detach a suite; False when it was not attached."""
    held = (suite_attachment.c.suite == name, suite_attachment.c.prompts == prompts)
    return bool(
        tx.values(delete(suite_attachment).where(*held).returning(suite_attachment.c.suite))
    )


def attached_to(tx: Reading, prompt: str) -> list[str]:
    """The suites that evaluate new versions of a prompt, by name."""
    meant = suite_attachment.c.prompts
    query = (
        select(suite_attachment.c.suite)
        .where(
            or_(
                meant.in_([prompt, EVERY_PROMPT]),
                meant.endswith("/") & func.starts_with(prompt, meant),
            )
        )
        .group_by(suite_attachment.c.suite)
        .order_by(suite_attachment.c.suite)
    )
    return tx.values(query)


def require(tx: Writing, name: str, new: NewRequirement) -> bool:
    """Require a suite in a place; False when it is."""
    facts = {**new.model_dump(), "actor": tx.actor, "at": func.clock_timestamp()}
    return _add(tx, insert(suite_requirement).values(suite=name, **facts))


def release(tx: Writing, name: str, place: str) -> bool:
    """Require a suite no more; False when it was not."""
    held = (suite_requirement.c.suite == name, suite_requirement.c.place == place)
    gone = delete(suite_requirement).where(*held).returning(suite_requirement.c.suite)
    return bool(tx.values(gone))


def required_in(tx: Reading, places: Collection[str]) -> tuple[Suite, ...]:
    """The suites that are required in any of these places, by name."""
    wanted = select(suite_requirement.c.suite).where(suite_requirement.c.place.in_(places))
    query = _suites().where(suite.c.name.in_(wanted)).order_by(suite.c.name)
    return tuple(_suite(row) for row in tx.rows(query))


def required_anywhere(tx: Reading) -> tuple[Suite, ...]:
    """The suites that are required in any place, by name."""
    wanted = select(suite_requirement.c.suite)
    query = _suites().where(suite.c.name.in_(wanted)).order_by(suite.c.name)
    return tuple(_suite(row) for row in tx.rows(query))


def _add(tx: Writing, statement: Any) -> bool:
    return bool(tx.values(statement.on_conflict_do_nothing().returning(statement.table.c.suite)))


def _suites() -> Select[Any]:
    return select(
        suite,
        func.array(_attached).label("prompts"),
        func.array(_required).label("required_in"),
    )


def _suite(row: RowMapping) -> Suite:
    return Suite.model_validate(dict(row))


def _values(tx: Writing, new: NewSuite) -> dict[str, Any]:
    said = new.model_dump(exclude={"scores", "reason"})
    return {**said, "actor": tx.actor, "at": func.clock_timestamp()}
