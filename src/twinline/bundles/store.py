"""Bundles and pairings, in SQL."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, func, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on, insert

from twinline.db.arrays import any_text
from twinline.db.graph import add_edge, add_node, find_node
from twinline.db.schema import bundle, model, model_version, node, pairing, prompt, prompt_version
from twinline.db.session import Reading, Writing
from twinline.language.records import Bundle, NewPairing, Pairing
from twinline.language.refs import BundleRef, ModelVersionRef, PromptVersionRef

Sides = tuple[ModelVersionRef, PromptVersionRef]

_model_node, _prompt_node = node.alias(), node.alias()


def find(tx: Reading, prefix: str) -> tuple[Bundle, ...]:
    """The bundles whose digest begins with ``prefix``: two at most, to see ambiguity."""
    begins = (bundle.c.digest >= prefix, bundle.c.digest < prefix + "g")
    return tuple(_bundle(row) for row in tx.rows(_bundles().where(*begins).limit(2)))


def find_all(tx: Reading, refs: Collection[BundleRef]) -> tuple[Bundle, ...]:
    """The bundles with these whole digests."""
    query = _bundles().where(bundle.c.digest == any_text(ref.digest for ref in refs))
    return tuple(_bundle(row) for row in tx.rows(query))


def pairings_between(
    tx: Reading, refs: Collection[BundleRef], since: datetime, until: datetime, limit: int
) -> tuple[Pairing, ...]:
    """Statements about the pairs in these bundles after ``since`` and up to ``until``, the
    newest first."""
    pairs = select(bundle.c.model_version, bundle.c.prompt_version).where(
        bundle.c.digest == any_text(ref.digest for ref in refs)
    )
    query = (
        _pairings()
        .where(
            tuple_(pairing.c.model_version, pairing.c.prompt_version).in_(pairs),
            pairing.c.at > since,
            pairing.c.at <= until,
        )
        .order_by(pairing.c.id.desc())
        .limit(limit)
    )
    return tuple(Pairing.model_validate(dict(row)) for row in tx.rows(query))


def page(
    tx: Reading,
    *,
    of_model: ModelVersionRef | str | None = None,
    of_prompt: PromptVersionRef | str | None = None,
    before: int | None,
    limit: int,
) -> tuple[Bundle, ...]:
    """Bundles, the newest first; of a model or a prompt by its name, or of a version."""
    query = _bundles().order_by(bundle.c.node_id.desc()).limit(limit)
    if of_model is not None:
        query = query.where(bundle.c.model_version.in_(_models(of_model)))
    if of_prompt is not None:
        query = query.where(bundle.c.prompt_version.in_(_prompts(of_prompt)))
    if before is not None:
        query = query.where(bundle.c.node_id < before)
    return tuple(_bundle(row) for row in tx.rows(query))


def id_of(tx: Reading, ref: BundleRef) -> int:
    """Where a bundle stands in the order of `page`."""
    return tx.value(select(bundle.c.node_id).where(bundle.c.digest == ref.digest))


def add_pair(
    tx: Writing,
    digest: str,
    model: ModelVersionRef,
    prompt: PromptVersionRef,
    parameters: dict[str, Any],
) -> bool:
    """Make a bundle of a pair, with the lineage to it; False when it exists."""
    node_id = add_node(tx, "bundle", BundleRef(digest))
    sides = {"model_version": find_node(tx, model), "prompt_version": find_node(tx, prompt)}
    made = _add(tx, node_id, digest=digest, kind="pair", parameters=parameters, **sides)
    if made:
        assert sides["model_version"] is not None
        assert sides["prompt_version"] is not None
        add_edge(tx, sides["model_version"], node_id, "model_of")
        add_edge(tx, sides["prompt_version"], node_id, "prompt_of")
    return made


def add_unresolved(tx: Writing, digest: str, words: dict[str, Any]) -> bool:
    """Make a bundle that stands for words which could not be resolved."""
    node_id = add_node(tx, "bundle", BundleRef(digest))
    return _add(tx, node_id, digest=digest, kind="unresolved", parameters={}, words=words)


def add_pairing(tx: Writing, new: NewPairing) -> None:
    """Append a statement about a pair; both versions exist."""
    tx.run(
        pairing.insert().values(
            model_version=find_node(tx, new.model),
            prompt_version=find_node(tx, new.prompt),
            actor=tx.actor,
            at=func.clock_timestamp(),
            **new.model_dump(include={"status", "evidence", "reason"}),
        )
    )


def newest_pairings(tx: Reading, pairs: Collection[Sides]) -> tuple[Pairing, ...]:
    """The newest statement about each of these pairs; of most there is none."""
    key = pairing.c.model_version, pairing.c.prompt_version
    query = (
        _pairings()
        .where(
            _model_node.c.ref == any_text({str(model) for model, _ in pairs}),
            _prompt_node.c.ref == any_text({str(prompt) for _, prompt in pairs}),
        )
        .ext(distinct_on(*key))
        .order_by(*key, pairing.c.id.desc())
    )
    found = (Pairing.model_validate(dict(row)) for row in tx.rows(query))
    return tuple(one for one in found if (one.model, one.prompt) in pairs)


def side_digests(
    tx: Reading, refs: Collection[ModelVersionRef | PromptVersionRef]
) -> dict[str, str]:
    """The content digests of those of these versions that there are, by reference."""
    digest = func.coalesce(model_version.c.digest, prompt_version.c.digest)
    query = (
        select(node.c.ref, digest.label("digest"))
        .select_from(node)
        .outerjoin(model_version, model_version.c.node_id == node.c.id)
        .outerjoin(prompt_version, prompt_version.c.node_id == node.c.id)
        .where(node.c.ref == any_text({str(one) for one in refs}))
    )
    return {row["ref"]: row["digest"] for row in tx.rows(query)}


def _add(tx: Writing, node_id: int, **values: Any) -> bool:
    made = tx.value(
        insert(bundle)
        .values(node_id=node_id, created_at=func.clock_timestamp(), **values)
        .on_conflict_do_nothing()
        .returning(bundle.c.node_id)
    )
    return made is not None


def _models(wanted: ModelVersionRef | str) -> Select[Any]:
    if isinstance(wanted, ModelVersionRef):
        return select(node.c.id).where(node.c.ref == str(wanted))
    id = select(model.c.id).where(model.c.name == wanted).scalar_subquery()
    return select(model_version.c.node_id).where(model_version.c.model_id == id)


def _prompts(wanted: PromptVersionRef | str) -> Select[Any]:
    if isinstance(wanted, PromptVersionRef):
        return select(node.c.id).where(node.c.ref == str(wanted))
    id = select(prompt.c.id).where(prompt.c.name == wanted).scalar_subquery()
    return select(prompt_version.c.node_id).where(prompt_version.c.prompt_id == id)


def _pairings() -> Select[Any]:
    return (
        select(
            *(one for one in pairing.c if one.name not in {"model_version", "prompt_version"}),
            _model_node.c.ref.label("model"),
            _prompt_node.c.ref.label("prompt"),
        )
        .join(_model_node, _model_node.c.id == pairing.c.model_version)
        .join(_prompt_node, _prompt_node.c.id == pairing.c.prompt_version)
    )


def _bundles() -> Select[Any]:
    return (
        select(
            bundle,
            _model_node.c.ref.label("model"),
            _prompt_node.c.ref.label("prompt"),
            model_version.c.pinned,
        )
        .outerjoin(_model_node, _model_node.c.id == bundle.c.model_version)
        .outerjoin(model_version, model_version.c.node_id == bundle.c.model_version)
        .outerjoin(_prompt_node, _prompt_node.c.id == bundle.c.prompt_version)
    )


def _bundle(row: RowMapping) -> Bundle:
    return Bundle.model_validate({**row, "ref": BundleRef(row["digest"])})
