"""Models, their versions, runs and datasets, in SQL."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import RowMapping, Select, Text, cast, delete, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from twinline.db.graph import add_edge, add_node, add_nodes
from twinline.db.names import near
from twinline.db.schema import dataset, edge, model, model_name, model_version, node, run
from twinline.db.session import Reading, Writing
from twinline.language.records import (
    Dataset,
    DatasetFacts,
    Model,
    ModelName,
    ModelVersion,
    NewModelName,
    NewModelVersion,
    Run,
    RunFacts,
)
from twinline.language.refs import DatasetRef, ModelVersionRef, RunRef


class Identified(NamedTuple):
    """A version to be added, and the digest that it is known by."""

    new: NewModelVersion
    digest: str


def lock_series(tx: Writing, name: str, source: str) -> tuple[int, str]:
    """The id and source of the model, made when there is none; its numbers and aliases
    are ours until this transaction ends."""
    tx.run(
        insert(model)
        .values(name=name, source=source, created_at=func.clock_timestamp())
        .on_conflict_do_nothing()
    )
    wanted = select(model.c.id, model.c.source).where(model.c.name == name)
    row = tx.row(wanted.with_for_update(key_share=True))
    assert row is not None
    return row["id"], row["source"]


def number_with(tx: Reading, id: int, digest: str) -> int | None:
    """The newest number of a version with this identity."""
    wanted = (model_version.c.model_id == id, model_version.c.digest == digest)
    return tx.value(select(func.max(model_version.c.number)).where(*wanted))


def next_number(tx: Reading, id: int) -> int:
    """The lowest number above all that the model has."""
    return (tx.value(_latest(id)) or 0) + 1


def digests(tx: Reading, id: int, numbers: Collection[int]) -> dict[int, str]:
    """The identities of those of these versions that there are, by number."""
    query = select(model_version.c.number, model_version.c.digest)
    known = (model_version.c.model_id == id, model_version.c.number.in_(numbers))
    return {row["number"]: row["digest"] for row in tx.rows(query.where(*known))}


def add_versions(tx: Writing, id: int, added: Mapping[int, Identified]) -> None:
    """Add versions by number under the lock of `lock_series`, with their runs and the
    lineage to them."""
    refs = {number: str(ModelVersionRef(new.name, number)) for number, (new, _) in added.items()}
    made_by = {new.run.id: new.run for new, _ in added.values() if new.run}
    runs = {run_id: add_run(tx, facts) for run_id, facts in made_by.items()}
    nodes = add_nodes(tx, "model", refs.values())
    made = model_version.insert().values(model_id=id, created_at=func.clock_timestamp())
    rows = [
        {
            "node_id": nodes[refs[number]],
            "number": number,
            "run_node_id": runs[new.run.id] if new.run else None,
            "digest": digest,
            **new.model_dump(mode="json", include={"source_uri", "pinned", *_FOLLOWS}),
        }
        for number, (new, digest) in added.items()
    ]
    tx.run_many(made, rows)
    for number, (new, _) in added.items():
        if new.run:
            add_edge(tx, runs[new.run.id], nodes[refs[number]], "made")


def follow(tx: Writing, id: int, number: int, new: NewModelVersion) -> None:
    """Take over what the registry says now about a version that we have."""
    tx.run(
        update(model_version)
        .where(model_version.c.model_id == id, model_version.c.number == number)
        .values(new.model_dump(mode="json", include=_FOLLOWS))
    )


def take_aliases(tx: Writing, id: int, number: int, aliases: tuple[str, ...]) -> None:
    """Take aliases from the model's other versions: they name another one now."""
    others = (
        model_version.c.model_id == id,
        model_version.c.number != number,
        model_version.c.aliases.has_any(cast(list(aliases), ARRAY(Text))),
    )
    for row in tx.rows(select(model_version.c.number, model_version.c.aliases).where(*others)):
        left = [alias for alias in row["aliases"] if alias not in aliases]
        tx.run(
            update(model_version)
            .where(model_version.c.model_id == id, model_version.c.number == row["number"])
            .values(aliases=left)
        )


def aliased(tx: Reading, name: str, numbers: Collection[int]) -> dict[int, list[str]]:
    """The aliases of those versions that have any, and of these."""
    query = select(model_version.c.number, model_version.c.aliases).join(model)
    some = or_(model_version.c.aliases != [], model_version.c.number.in_(numbers))
    rows = tx.rows(query.where(model.c.name == name, some))
    return {row["number"]: row["aliases"] for row in rows}


def set_aliases(tx: Writing, name: str, number: int, aliases: tuple[str, ...]) -> None:
    """These are a version's aliases, and no others."""
    it = (model.c.id == model_version.c.model_id, model.c.name == name)
    tx.run(
        update(model_version)
        .where(*it, model_version.c.number == number)
        .values(aliases=list(aliases))
    )


def add_run(tx: Writing, facts: RunFacts) -> int:
    """The node of a run, made with its datasets when there is none."""
    node_id = add_node(tx, "run", RunRef(facts.id))
    tx.run(
        insert(run)
        .values(
            node_id=node_id,
            created_at=func.clock_timestamp(),
            started_at=facts.started_at,
            ended_at=facts.ended_at,
            **facts.model_dump(mode="json", exclude={"started_at", "ended_at", "datasets"}),
        )
        .on_conflict_do_nothing()
    )
    # In one order, so that runs that used the same new datasets cannot deadlock.
    for used in sorted(facts.datasets, key=lambda one: (one.name, one.digest)):
        add_edge(tx, add_dataset(tx, used), node_id, "trained")
    return node_id


def add_dataset(tx: Writing, facts: DatasetFacts) -> int:
    """The node of a dataset, made when there is none."""
    node_id = add_node(tx, "dataset", DatasetRef(facts.name, facts.digest))
    tx.run(
        insert(dataset)
        .values(
            node_id=node_id,
            created_at=func.clock_timestamp(),
            **facts.model_dump(mode="json", exclude={"context"}),
        )
        .on_conflict_do_nothing()
    )
    return node_id


def version(tx: Reading, name: str, number: int) -> ModelVersion | None:
    """One version of a model."""
    row = tx.row(_versions().where(model.c.name == name, model_version.c.number == number))
    return _version(row) if row else None


def numbered(tx: Reading, name: str, numbers: Collection[int]) -> tuple[ModelVersion, ...]:
    """Those of these versions that there are, in their order."""
    query = _versions().where(model.c.name == name, model_version.c.number.in_(numbers))
    return tuple(_version(row) for row in tx.rows(query.order_by(model_version.c.number)))


def versions(
    tx: Reading, name: str, *, before: int | None = None, limit: int | None = None
) -> tuple[ModelVersion, ...]:
    """The versions of a model below the number ``before``, the newest first."""
    query = _versions().where(model.c.name == name).order_by(model_version.c.number.desc())
    if before is not None:
        query = query.where(model_version.c.number < before)
    query = query.limit(limit)
    return tuple(_version(row) for row in tx.rows(query))


def version_history(tx: Reading, name: str) -> tuple[tuple[datetime, int], ...]:
    """When each version of a model was made known, the oldest first."""
    query = (
        select(model_version.c.created_at, model_version.c.number)
        .join(model, model.c.id == model_version.c.model_id)
        .where(model.c.name == name)
        .order_by(model_version.c.created_at, model_version.c.number)
    )
    return tuple((row["created_at"], row["number"]) for row in tx.rows(query))


def with_source(tx: Reading, uri: str) -> ModelVersion | None:
    """The newest version that is at this address."""
    query = _versions().where(model_version.c.source_uri == uri)
    row = tx.row(query.order_by(model_version.c.node_id.desc()).limit(1))
    return _version(row) if row else None


def keep_name(tx: Writing, new: NewModelName) -> None:
    """Say which version a name stands for; the version exists."""
    values = {
        "version": select(node.c.id).where(node.c.ref == str(new.version)).scalar_subquery(),
        "reason": new.reason,
        "actor": tx.actor,
        "at": func.clock_timestamp(),
    }
    made = insert(model_name).values(provider=new.provider, name=new.name, **values)
    tx.run(made.on_conflict_do_update(index_elements=["provider", "name"], set_=values))


def drop_name(tx: Writing, provider: str, name: str) -> None:
    """Let a name stand for nothing."""
    is_it = (model_name.c.provider == provider, model_name.c.name == name)
    tx.run(delete(model_name).where(*is_it))


def find_name(tx: Reading, provider: str, name: str) -> ModelName | None:
    """What a name stands for, as it was entered."""
    row = tx.row(_names().where(model_name.c.provider == provider, model_name.c.name == name))
    return ModelName.model_validate(dict(row)) if row else None


def model_names(tx: Reading) -> tuple[ModelName, ...]:
    """All names that stand for versions, by provider and name."""
    rows = tx.rows(_names().order_by(model_name.c.provider, model_name.c.name))
    return tuple(ModelName.model_validate(dict(row)) for row in rows)


def _names() -> Select[Any]:
    columns = [column for column in model_name.c if column.name != "version"]
    return select(*columns, node.c.ref.label("version")).join(
        node, node.c.id == model_name.c.version
    )


def made_between(
    tx: Reading, names: Collection[str], since: datetime, until: datetime, limit: int
) -> tuple[ModelVersion, ...]:
    """These models' versions that were made known then, the newest first."""
    made = model_version.c.created_at
    query = _versions().where(model.c.name.in_(names), made > since, made <= until)
    return tuple(_version(row) for row in tx.rows(query.order_by(made.desc()).limit(limit)))


def number_by_alias(tx: Reading, name: str, alias: str) -> int | None:
    """The number of the version that an alias names."""
    query = select(model_version.c.number).join(model, model.c.id == model_version.c.model_id)
    named = (model.c.name == name, model_version.c.aliases.has_key(alias))
    return tx.value(query.where(*named).order_by(model_version.c.number.desc()).limit(1))


def aliases(tx: Reading, name: str) -> list[str]:
    """The aliases of a model's versions."""
    each = func.jsonb_array_elements_text(model_version.c.aliases).table_valued("value")
    query = select(each.c.value).select_from(model_version).join(each, true())
    return tx.values(
        query.join(model, model.c.id == model_version.c.model_id).where(model.c.name == name)
    )


def find(tx: Reading, name: str) -> Model | None:
    """A model by its name."""
    row = tx.row(_models().where(model.c.name == name))
    return Model.model_validate(dict(row)) if row else None


def page(tx: Reading, *, after: str | None, limit: int) -> tuple[Model, ...]:
    """Models by name."""
    query = _models().order_by(model.c.name).limit(limit)
    if after is not None:
        query = query.where(model.c.name > after)
    return tuple(Model.model_validate(dict(row)) for row in tx.rows(query))


def names(tx: Reading, word: str) -> list[str]:
    """Names of models, for finding those like ``word``."""
    return tx.values(near(model.c.name, word))


def names_with(tx: Reading, part: str, limit: int) -> list[str]:
    """Names of models that hold ``part``, in whatever case, by name."""
    query = select(model.c.name).where(model.c.name.icontains(part, autoescape=True))
    return tx.values(query.order_by(model.c.name).limit(limit))


def find_run(tx: Reading, id: str) -> Run | None:
    """A run by its MLflow id, with the datasets that went into it."""
    row = tx.row(select(run).where(run.c.id == id))
    if row is None:
        return None
    used = select(node.c.ref).join(edge, edge.c.source == node.c.id)
    trained = (edge.c.target == row["node_id"], edge.c.kind == "trained")
    refs = tx.values(used.where(*trained).order_by(node.c.ref))
    return Run.model_validate({**row, "ref": RunRef(id), "datasets": refs})


def runs_like(tx: Reading, id: str) -> list[str]:
    """Run ids that begin as ``id`` does."""
    return tx.values(select(run.c.id).where(run.c.id.startswith(id[:4], autoescape=True)).limit(5))


def datasets(tx: Reading, name: str, limit: int | None = None) -> tuple[Dataset, ...]:
    """The datasets of a name, the newest first; all, or up to ``limit``."""
    query = select(dataset).where(dataset.c.name == name).order_by(dataset.c.created_at.desc())
    return tuple(_dataset(row) for row in tx.rows(query.limit(limit)))


def dataset_names(tx: Reading, word: str) -> list[str]:
    """Names of datasets, for finding those like ``word``."""
    return tx.values(near(dataset.c.name, word))


_FOLLOWS = {"params", "metrics", "tags", "aliases"}


def _latest(id: int) -> Select[Any]:
    return select(func.max(model_version.c.number)).where(model_version.c.model_id == id)


def _models() -> Select[Any]:
    latest = (
        select(func.max(model_version.c.number))
        .where(model_version.c.model_id == model.c.id)
        .scalar_subquery()
    )
    return select(model, latest.label("latest"))


def _versions() -> Select[Any]:
    made_by = node.alias()
    return (
        select(model_version, model.c.name, model.c.source, made_by.c.ref.label("run"))
        .join(model, model.c.id == model_version.c.model_id)
        .outerjoin(made_by, made_by.c.id == model_version.c.run_node_id)
    )


def _version(row: RowMapping) -> ModelVersion:
    ref = ModelVersionRef(row["name"], row["number"])
    return ModelVersion.model_validate({**row, "ref": ref})


def _dataset(row: RowMapping) -> Dataset:
    ref = DatasetRef(row["name"], row["digest"])
    return Dataset.model_validate({**row, "ref": ref})
