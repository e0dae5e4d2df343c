"""Where labels are and which are protected, in SQL."""

from sqlalchemy import RowMapping, func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert

from twinline.db.schema import label_move, prompt, prompt_label, protected_label
from twinline.db.session import Reading, Writing
from twinline.language.records import LabelMove, ProtectedLabel


def place(tx: Reading, id: int, label: str) -> int | None:
    """The number that a label of a prompt points to; None when the prompt has no such label."""
    wanted = (prompt_label.c.prompt_id == id, prompt_label.c.label == label)
    return tx.value(select(prompt_label.c.number).where(*wanted))


def places(tx: Reading, *ids: int) -> dict[int, dict[str, int]]:
    """Where each label of these prompts points now, by prompt."""
    named: dict[int, dict[str, int]] = {id: {} for id in ids}
    query = select(prompt_label).where(prompt_label.c.prompt_id.in_(ids))
    for row in tx.rows(query.order_by(prompt_label.c.label)):
        named[row["prompt_id"]][row["label"]] = row["number"]
    return named


def add_move(
    tx: Writing, id: int, label: str, number: int | None, previous: int | None, reason: str
) -> LabelMove:
    """Append to a label's history; the database itself keeps where the label is now."""
    added = insert(label_move).values(
        prompt_id=id,
        label=label,
        number=number,
        previous=previous,
        reason=reason,
        actor=tx.actor,
        at=func.clock_timestamp(),
    )
    name = select(prompt.c.name).where(prompt.c.id == id).scalar_subquery().label("name")
    row = tx.row(added.returning(label_move, name))
    assert row is not None
    return LabelMove.model_validate(dict(row))


def newest_moves(tx: Reading, id: int) -> tuple[LabelMove, ...]:
    """The newest move of each label that a prompt has or had, by label."""
    query = (
        select(label_move, prompt.c.name)
        .join(prompt, prompt.c.id == label_move.c.prompt_id)
        .where(label_move.c.prompt_id == id)
        .ext(distinct_on(label_move.c.label))
        .order_by(label_move.c.label, label_move.c.id.desc())
    )
    return tuple(LabelMove.model_validate(dict(row)) for row in tx.rows(query))


def protections(tx: Reading, label: str | None = None) -> tuple[ProtectedLabel, ...]:
    """Which labels are protected and where, by label and domain; those of one label if given."""
    query = select(protected_label).order_by(protected_label.c.label, protected_label.c.domain)
    if label is not None:
        query = query.where(protected_label.c.label == label)
    return tuple(map(_protection, tx.rows(query)))


def protect(tx: Writing, label: str, domain: str, reason: str) -> ProtectedLabel:
    """Protect a label in a domain; the newest reason stays."""
    said = {"reason": reason, "actor": tx.actor, "at": func.clock_timestamp()}
    row = tx.row(
        insert(protected_label)
        .values(label=label, domain=domain, **said)
        .on_conflict_do_update(index_elements=["label", "domain"], set_=said)
        .returning(protected_label)
    )
    assert row is not None
    return _protection(row)


def unprotect(tx: Writing, label: str, domain: str) -> ProtectedLabel | None:
    """Let everybody move a label in a domain again; None when it was not protected there."""
    row = tx.row(
        protected_label.delete()
        .where(protected_label.c.label == label, protected_label.c.domain == domain)
        .returning(protected_label)
    )
    return _protection(row) if row else None


def _protection(row: RowMapping) -> ProtectedLabel:
    return ProtectedLabel.model_validate(dict(row))
