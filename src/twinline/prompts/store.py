"""Prompts, their versions and label moves, in SQL."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    FromClause,
    RowMapping,
    ScalarSelect,
    Select,
    case,
    exists,
    func,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert

from twinline.db.graph import add_edge, add_nodes, find_node
from twinline.db.names import near
from twinline.db.schema import label_move, prompt, prompt_label, prompt_version, withdrawal
from twinline.db.session import Reading, Writing
from twinline.language.identity import as_json, without_defaults
from twinline.language.names import LATEST, SEMANTIC_PATTERN
from twinline.language.records import (
    LabelMove,
    NewPromptVersion,
    Origin,
    Prompt,
    PromptVersion,
    WithdrawalKind,
)
from twinline.language.refs import PromptVersionRef
from twinline.prompts import rules
from twinline.prompts.label_store import places
from twinline.prompts.rules import Content

TOPIC = "prompt"
"""What is announced, with the name, when a prompt may have changed."""


def _in_force(kind: WithdrawalKind, version: FromClause) -> tuple[ColumnElement[bool], ...]:
    of = (withdrawal.c.node_id == version.c.node_id, withdrawal.c.kind == kind)
    return (*of, withdrawal.c.lifted_at.is_(None))


def _since(kind: WithdrawalKind) -> ScalarSelect[datetime]:
    query = select(withdrawal.c.at).where(*_in_force(kind, prompt_version))
    return query.correlate(prompt_version).scalar_subquery()


_retired_at, _recalled_at = _since("retired"), _since("recalled")
_whole = func.coalesce(prompt_version.c.composed, prompt_version.c.template)
_first_text = case(
    (prompt_version.c.kind == "text", _whole[()].astext),
    else_=func.coalesce(_whole[("0", "content")].astext, ""),
)
_one_version = prompt_version.alias("one_version")
_in_use = exists().where(
    _one_version.c.prompt_id == prompt.c.id,
    ~exists().where(*_in_force("retired", _one_version)),
)
# Within a select of its own, lest PostgreSQL join all versions to find a page of prompts.
all_retired = select(~_in_use.correlate(prompt)).correlate(prompt).scalar_subquery()
"""Of a row of ``prompt``: whether nobody should build on any version of it any more."""


_LAST_CHANGES = text("""
select prompt.name, newest.number, newest.author, newest.message, newest.created_at as made_at,
    newest.withdrawn, move.label, move.number as moved_to, move.actor as moved_by, move.reason,
    move.at as moved_at
from prompt
join lateral (
    select number, author, message, created_at, array(
        select kind from withdrawal where node_id = version.node_id and lifted_at is null
        order by kind) as withdrawn
    from prompt_version version where prompt_id = prompt.id order by number desc limit 1
) newest on true
left join lateral (
    select label, number, actor, reason, at from label_move where prompt_id = prompt.id
    order by id desc limit 1
) move on true
where prompt.name = any(:names)
""")


class LastChange(NamedTuple):
    """A prompt's newest version without its text, what is in force against it, and the last
    move of a label (None: no label ever moved; ``moved_to`` None: it was taken off)."""

    name: str
    number: int
    author: str
    message: str
    made_at: datetime
    withdrawn: list[WithdrawalKind]
    label: str | None
    moved_to: int | None
    moved_by: str | None
    reason: str | None
    moved_at: datetime | None

    @property
    def moved_last(self) -> bool:
        """Whether a label moved after the newest version was made."""
        return self.moved_at is not None and self.moved_at > self.made_at


def last_changes(tx: Reading, names: Collection[str]) -> tuple[LastChange, ...]:
    """The newest version of each of these prompts, and the last move of its labels."""
    rows = tx.rows(_LAST_CHANGES, {"names": list(names)})
    members: Iterator[dict[str, Any]] = (dict(row) for row in rows)
    return tuple(LastChange(**one) for one in members)


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


def lock_those_there(tx: Writing, names: Collection[str]) -> None:
    """Lock the series of these prompts that there are, by name, as whoever takes several does;
    `lock_series` then does not wait for them."""
    query = select(prompt.c.id).where(prompt.c.name.in_(names))
    tx.run(query.order_by(prompt.c.name.collate("C")).with_for_update(key_share=True))


def describe(tx: Writing, id: int, changes: dict[str, Any]) -> dict[str, Any]:
    """Change a prompt's description or tags; those that it had before."""
    before = tx.row(select(prompt.c.description, prompt.c.tags).where(prompt.c.id == id))
    assert before is not None
    if changes:
        tx.run(prompt.update().where(prompt.c.id == id).values(changes))
    return dict(before)


def numbers_with(tx: Reading, id: int, digests: Collection[str]) -> dict[str, int]:
    """The numbers of the versions with these contents, by digest."""
    query = select(prompt_version.c.digest, prompt_version.c.number)
    wanted = (prompt_version.c.prompt_id == id, prompt_version.c.digest.in_(digests))
    return {row["digest"]: row["number"] for row in tx.rows(query.where(*wanted))}


def add_versions(
    tx: Writing,
    id: int,
    added: Collection[tuple[NewPromptVersion, Content]],
    origin: Origin | None = None,
) -> dict[str, int]:
    """Append versions of different contents under the lock of `lock_series`; their numbers, by
    digest. ``origin`` is where they were imported from."""
    if not added:
        return {}
    first = (tx.value(_latest(id)) or 0) + 1
    numbers = {content.digest: number for number, (_, content) in enumerate(added, first)}
    refs = {
        content.digest: str(PromptVersionRef(new.name, numbers[content.digest]))
        for new, content in added
    }
    nodes = add_nodes(tx, "prompt", refs.values())
    made = prompt_version.insert().values(
        prompt_id=id,
        author=tx.actor,
        created_at=func.clock_timestamp(),
        origin=origin.model_dump(mode="json") if origin else None,
    )
    rows = [_row(new, content) for new, content in added]
    for row in rows:
        row |= {"node_id": nodes[refs[row["digest"]]], "number": numbers[row["digest"]]}
    tx.run_many(made, rows)
    for new, content in added:
        _add_edges(tx, nodes[refs[content.digest]], new, content)
    return numbers


def _row(new: NewPromptVersion, content: Content) -> dict[str, Any]:
    return {
        "kind": new.kind,
        "composed": as_json(content.composed) if content.composed else None,
        "includes": [one.model_dump(mode="json") for one in content.includes],
        "variables": [without_defaults(variable) for variable in content.variables],
        "notes": [note.model_dump() for note in content.notes],
        "digest": content.digest,
        "message": new.message,
        **new.model_dump(mode="json", include={"template", "parameters", "syntax", "examples"}),
    }


def _add_edges(tx: Writing, node_id: int, new: NewPromptVersion, content: Content) -> None:
    origin = find_node(tx, new.derived_from) if new.derived_from else None
    if origin is not None:
        add_edge(tx, origin, node_id, "derived")
    for pinned in dict.fromkeys(one.version for one in content.includes):
        piece = find_node(tx, pinned)
        assert piece is not None
        add_edge(tx, piece, node_id, "included")


def moves(
    tx: Reading, name: str, *, before: int | None, limit: int, semantic: bool = True
) -> tuple[LabelMove, ...]:
    """Moves of a prompt's labels before the one with id ``before``, the newest first; without
    ``semantic`` those of labels that are no semantic versions."""
    query = (
        select(label_move, prompt.c.name)
        .join(prompt, prompt.c.id == label_move.c.prompt_id)
        .where(prompt.c.name == name)
        .order_by(label_move.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(label_move.c.id < before)
    if not semantic:
        query = query.where(~label_move.c.label.regexp_match(SEMANTIC_PATTERN))
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


def version_nodes(tx: Reading, id: int) -> list[int]:
    """The nodes of a prompt's versions, the oldest first."""
    query = select(prompt_version.c.node_id).where(prompt_version.c.prompt_id == id)
    return tx.values(query.order_by(prompt_version.c.number))


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


def with_ids(tx: Reading, ids: Sequence[int]) -> tuple[Prompt, ...]:
    """These prompts, in this order."""
    found = {row["id"]: row for row in tx.rows(_prompts().where(prompt.c.id.in_(ids)))}
    named = places(tx, *ids)
    return tuple(_prompt(found[id], named[id]) for id in ids)


def version(tx: Reading, name: str, number: int) -> PromptVersion | None:
    """One version of a prompt."""
    found = versions(tx, name, before=number + 1, limit=1)
    return found[0] if found and found[0].number == number else None


def with_nodes(tx: Reading, ids: Collection[int]) -> dict[int, PromptVersion]:
    """These versions, by node."""
    of_one = _one_version.c.prompt_id == prompt_version.c.prompt_id
    latest = select(func.max(_one_version.c.number)).where(of_one).scalar_subquery()
    query = _versions().add_columns(latest.label("latest"))
    rows = tx.rows(query.where(prompt_version.c.node_id.in_(ids)))
    named = places(tx, *{row["prompt_id"] for row in rows})
    return {
        row["node_id"]: _version(
            row, rules.labels_of(row["number"], named[row["prompt_id"]], row["latest"])
        )
        for row in rows
    }


def standing(tx: Reading, name: str) -> list[int]:
    """The numbers of a prompt's versions that are not withdrawn themselves, highest first."""
    withdrawn = exists().where(
        withdrawal.c.node_id == prompt_version.c.node_id, withdrawal.c.lifted_at.is_(None)
    )
    query = select(prompt_version.c.number).join(prompt, prompt.c.id == prompt_version.c.prompt_id)
    fit = query.where(prompt.c.name == name, ~withdrawn)
    return tx.values(fit.order_by(prompt_version.c.number.desc()))


def versions(
    tx: Reading,
    name: str,
    *,
    before: int | None,
    limit: int,
    retired: bool = True,
    saying: str | None = None,
) -> tuple[PromptVersion, ...]:
    """The versions of a prompt below the number ``before``, the newest first; without
    ``retired`` those that are not, and with ``saying`` those whose whole text is this, or
    whose chat begins with it, but for white space."""
    query = _versions().where(prompt.c.name == name).order_by(prompt_version.c.number.desc())
    if before is not None:
        query = query.where(prompt_version.c.number < before)
    if not retired:
        query = query.where(_retired_at.is_(None))
    if saying is not None:
        query = query.where(_unspaced(_first_text) == _unspaced(literal(saying)))
    rows = tx.rows(query.limit(limit))
    if not rows:
        return ()
    id = rows[0]["prompt_id"]
    named, latest = places(tx, id)[id], tx.value(_latest(id))
    return tuple(_version(row, rules.labels_of(row["number"], named, latest)) for row in rows)


def export(
    tx: Reading,
    *,
    name: str | None,
    domain: str | None,
    label: str | None,
    after: tuple[str, int],
    limit: int,
) -> tuple[tuple[Prompt, PromptVersion], ...]:
    """Versions with their prompts, by name and number, after this one; retired ones too."""
    place = tuple_(prompt.c.name, prompt_version.c.number)
    query = _versions().where(place > after).order_by(prompt.c.name, prompt_version.c.number)
    if name is not None:
        query = query.where(prompt.c.name == name)
    if domain is not None:
        query = query.where(prompt.c.name.startswith(f"{domain}/", autoescape=True))
    if label is not None:
        query = query.where(_is_on(label))
    rows = tx.rows(query.limit(limit))
    prompts = {one.name: one for one in with_ids(tx, [*{row["prompt_id"] for row in rows}])}
    return tuple((prompts[row["name"]], _labelled(row, prompts[row["name"]])) for row in rows)


def _is_on(label: str) -> ColumnElement[bool]:
    later = _one_version.c.number > prompt_version.c.number
    if label == LATEST:
        return ~exists().where(_one_version.c.prompt_id == prompt_version.c.prompt_id, later)
    return exists().where(
        prompt_label.c.prompt_id == prompt_version.c.prompt_id,
        prompt_label.c.label == label,
        prompt_label.c.number == prompt_version.c.number,
    )


def _labelled(row: RowMapping, of: Prompt) -> PromptVersion:
    return _version(row, rules.labels_of(row["number"], of.labels, of.latest))


def names(tx: Reading, word: str) -> list[str]:
    """Names of prompts, for finding those like ``word``."""
    return tx.values(near(prompt.c.name, word))


def _unspaced(said: ColumnElement[str]) -> ColumnElement[str]:
    return func.regexp_replace(said, r"\s", "", "g")


def _latest(id: int) -> Select[Any]:
    return select(func.max(prompt_version.c.number)).where(prompt_version.c.prompt_id == id)


def _prompts() -> Select[Any]:
    latest = (
        select(func.max(prompt_version.c.number))
        .where(prompt_version.c.prompt_id == prompt.c.id)
        .scalar_subquery()
    )
    return select(prompt, latest.label("latest"), all_retired.label("retired"))


def _versions() -> Select[Any]:
    withdrawn = (_retired_at.label("retired_at"), _recalled_at.label("recalled_at"))
    of = prompt.c.id == prompt_version.c.prompt_id
    return select(prompt_version, prompt.c.name, *withdrawn).join(prompt, of)


def _prompt(row: RowMapping, named: dict[str, int]) -> Prompt:
    domain = rules.domain_of(row["name"])
    return Prompt.model_validate({**row, "labels": named, "domain": domain})


def _version(row: RowMapping, named: tuple[str, ...]) -> PromptVersion:
    ref = PromptVersionRef(row["name"], row["number"])
    return PromptVersion.model_validate({**row, "ref": ref, "labels": named})
