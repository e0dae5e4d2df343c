"""Register model versions and read them, their runs and their datasets."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from twinline.access.actions import audit, events_about, events_between
from twinline.db.session import Reading, Writing
from twinline.language import cursors
from twinline.language.errors import Conflict, NotFound, VersionChanged
from twinline.language.names import LATEST
from twinline.language.nearest import not_found
from twinline.language.records import (
    AuditEvent,
    Dataset,
    Model,
    ModelName,
    ModelSource,
    ModelVersion,
    NewModelName,
    NewModelVersion,
    Page,
    Run,
)
from twinline.language.records.models import DatasetFacts
from twinline.language.refs import DatasetRef, ModelAliasRef, ModelVersionRef
from twinline.models import rules, store

HISTORY_MOST = 1_000
ALIAS_EVENTS = ("model.register", "model.update")
"""What the audit log calls that which may move an alias; it has an index of them."""


class AliasMove(NamedTuple):
    """An alias that came to name another version of a model."""

    name: str
    alias: str
    ref: ModelVersionRef
    actor: str
    at: datetime


def register(tx: Writing, new: NewModelVersion) -> tuple[ModelVersion, bool]:
    """The version with this identity, and whether it had to be made.

    Raises:
        VersionChanged: the number exists with another identity.
        Conflict: the model comes from another source.
    """
    id = _lock_series(tx, new.name, new.source)
    digest = rules.identity_digest(new)
    number = new.number or store.number_with(tx, id, digest) or store.next_number(tx, id)
    existing = store.version(tx, new.name, number)
    if existing and existing.digest != digest:
        raise _changed(existing, new)
    if existing:
        store.follow(tx, id, number, new)
    else:
        store.add_versions(tx, id, {number: store.Identified(new, digest)})
    if new.aliases:
        store.take_aliases(tx, id, number, new.aliases)
    version = read_version(tx, ModelVersionRef(new.name, number))
    if version != existing:
        action = "model.update" if existing else "model.register"
        before = existing.model_dump(mode="json") if existing else None
        audit(tx, action, str(version.ref), before=before, after=version.model_dump(mode="json"))
    return version, existing is None


def register_all(
    tx: Writing, name: str, source: ModelSource, versions: Mapping[int, NewModelVersion]
) -> dict[int, ModelVersionRef | None]:
    """As `register` for many versions of one model, by number, in few statements.

    None: the number exists with another identity.

    Raises:
        Conflict: the model comes from another source.
    """
    id = _lock_series(tx, name, source)
    digests = {number: rules.identity_digest(new) for number, new in versions.items()}
    known = store.digests(tx, id, versions.keys())
    taken = {number for number, digest in known.items() if digest != digests[number]}
    # Aliases are taken from other versions, and what is known may have moved: one by one.
    single = [number for number, new in versions.items() if number in known or new.aliases]
    plain = [number for number in versions if number not in single]
    store.add_versions(
        tx, id, {number: store.Identified(versions[number], digests[number]) for number in plain}
    )
    for version in store.numbered(tx, name, plain):
        audit(tx, "model.register", str(version.ref), after=version.model_dump(mode="json"))
    for number in single:
        if number not in taken:
            register(tx, versions[number])
    return {
        number: None if number in taken else ModelVersionRef(name, number) for number in versions
    }


def place_aliases(tx: Writing, name: str, aliases: Mapping[str, int]) -> None:
    """Take over where the registry has a model's aliases now, and that it has no others.

    Versions that only lose some come first, so that the audit log ends with where they are.
    """
    known = store.aliased(tx, name, aliases.values())
    placed = {
        number: tuple(sorted(alias for alias, on in aliases.items() if on == number))
        for number in sorted(known)
    }
    gains = {number: not set(now) <= set(known[number]) for number, now in placed.items()}
    for number, now in sorted(placed.items(), key=lambda one: gains[one[0]]):
        if now != tuple(sorted(known[number])):
            before = read_version(tx, ModelVersionRef(name, number))
            store.set_aliases(tx, name, number, now)
            after = before.model_copy(update={"aliases": now})
            audit(
                tx,
                "model.update",
                str(after.ref),
                before=before.model_dump(mode="json"),
                after=after.model_dump(mode="json"),
            )


def read_version(tx: Reading, ref: ModelVersionRef | ModelAliasRef) -> ModelVersion:
    """The version that a number or an alias names.

    Raises:
        NotFound: there is no such model, number or alias.
    """
    number = ref.number if isinstance(ref, ModelVersionRef) else _aliased(tx, ref)
    version = store.version(tx, ref.name, number)
    if version is None:
        read_model(tx, ref.name)
        known = [known.number for known in store.versions(tx, ref.name, limit=11)]
        raise NotFound(
            f"The model {ref.name!r} has no version {number}; it has {_some(known)}.",
            kind="model version",
            name=str(ref),
            latest=known[0],
        )
    return version


def find_model(tx: Reading, name: str) -> Model | None:
    """A model by its name, if there is one."""
    return store.find(tx, name)


def has_version(tx: Reading, ref: ModelVersionRef) -> bool:
    """Whether a version is known."""
    return store.version(tx, ref.name, ref.number) is not None


def knows_otherwise(tx: Reading, new: NewModelVersion) -> bool:
    """Whether the number of a version is taken by one with another identity."""
    known = store.version(tx, new.name, new.number) if new.number else None
    return known is not None and known.digest != rules.identity_digest(new)


def read_model(tx: Reading, name: str) -> Model:
    """A model by its name.

    Raises:
        NotFound: there is no such model.
    """
    found = store.find(tx, name)
    if found is None:
        raise not_found("model", name, store.names(tx, name))
    return found


def list_versions(tx: Reading, name: str, *, cursor: str | None, limit: int) -> Page[ModelVersion]:
    """The versions of a model, the newest first.

    Raises:
        NotFound: there is no such model.
    """
    read_model(tx, name)
    listing = f"versions of model {name}"
    before = cursors.decode(listing, cursor, int)
    items = store.versions(tx, name, before=before, limit=limit)
    return cursors.page(listing, items, limit, lambda last: last.number)


def list_models(tx: Reading, *, cursor: str | None, limit: int) -> Page[Model]:
    """Models by name."""
    items = store.page(tx, after=cursors.decode("models", cursor, str), limit=limit)
    return cursors.page("models", items, limit, lambda last: last.name)


def names_with(tx: Reading, part: str, limit: int) -> tuple[str, ...]:
    """The names of models that hold ``part``, in whatever case, by name."""
    return tuple(store.names_with(tx, part, limit))


def read_run(tx: Reading, id: str) -> Run:
    """A run by its MLflow id.

    Raises:
        NotFound: no model version that we know came from it.
    """
    found = store.find_run(tx, id)
    if found is None:
        raise not_found("run", id, store.runs_like(tx, id))
    return found


def read_dataset(tx: Reading, ref: DatasetRef) -> Dataset:
    """A dataset by name and digest.

    Raises:
        NotFound: there is no such dataset.
    """
    known = {dataset.ref: dataset for dataset in store.datasets(tx, ref.name)}
    if ref not in known:
        names = [str(dataset) for dataset in known] or store.dataset_names(tx, ref.name)
        raise not_found("dataset", str(ref) if known else ref.name, names)
    return known[ref]


def keep_dataset(tx: Writing, facts: DatasetFacts) -> None:
    """Know a dataset, also before any run that we know used it."""
    store.add_dataset(tx, facts)


def list_datasets(tx: Reading, name: str) -> Page[Dataset]:
    """The datasets of a name, one for each digest, the newest first.

    Raises:
        NotFound: there is no dataset of that name.
    """
    found = store.datasets(tx, name)
    if not found:
        raise not_found("dataset", name, store.dataset_names(tx, name))
    return Page(items=found)


def datasets_named(tx: Reading, name: str, limit: int) -> tuple[Dataset, ...]:
    """Up to ``limit`` datasets of a name, the newest first; nothing when there is none."""
    return store.datasets(tx, name, limit)


def made_between(
    tx: Reading, names: Collection[str], since: datetime, until: datetime, limit: int
) -> tuple[ModelVersion, ...]:
    """These models' versions that were made known then, the newest first."""
    return store.made_between(tx, names, since, until, limit)


def aliases_moved(
    tx: Reading, names: Collection[str], since: datetime, until: datetime, limit: int
) -> tuple[AliasMove, ...]:
    """Moves of these models' aliases after ``since`` and up to ``until``, the newest first.

    As far as they are known: aliases move in their registry, and are seen here when a
    version is registered or read again. Of the events from then, ``limit`` are looked at.
    """
    prefixes = [f"models:/{name}/" for name in names]
    events = events_between(tx, ALIAS_EVENTS, prefixes, since, until, limit)
    return tuple(move for event in events for move in _alias_moves(event))


def alias_history(tx: Reading, name: str, alias: str) -> tuple[tuple[datetime, int | None], ...]:
    """When an alias came to be on which version (None: on none), the oldest first.

    As far as it is known: see `aliases_moved`. Of the events on this model the last 1,000
    are looked at; ``latest`` came to each version when that was made known.
    """
    if alias == LATEST:
        return store.version_history(tx, name)
    events = events_about(tx, ALIAS_EVENTS, f"models:/{name}/", HISTORY_MOST)
    return rules.alias_history(reversed(events), alias)


def version_history(tx: Reading, name: str) -> tuple[tuple[datetime, int], ...]:
    """When each version of a model was made known, the oldest first; empty for an unknown
    one."""
    return store.version_history(tx, name)


def with_source(tx: Reading, uri: str) -> ModelVersion | None:
    """The newest version that is at this address, as ``openai:/gpt-4o-2024-08-06``."""
    return store.with_source(tx, uri)


def keep_name(tx: Writing, new: NewModelName) -> ModelName:
    """Say which version is meant where somebody says this provider and model.

    Raises:
        NotFound: there is no such version.
    """
    read_version(tx, new.version)
    before = store.find_name(tx, new.provider, new.name)
    store.keep_name(tx, new)
    kept = store.find_name(tx, new.provider, new.name)
    assert kept is not None
    audit(
        tx,
        "model.name",
        f"{new.provider} {new.name}",
        why=new.reason,
        before=before.model_dump(mode="json") if before else None,
        after=kept.model_dump(mode="json"),
    )
    return kept


def drop_name(tx: Writing, provider: str, name: str) -> ModelName:
    """Let a name stand for nothing any more; what it stood for.

    Raises:
        NotFound: it stands for nothing.
    """
    before = store.find_name(tx, provider, name)
    if before is None:
        known = [f"{one.provider} {one.name}" for one in store.model_names(tx)]
        raise not_found("model name", f"{provider} {name}", known)
    store.drop_name(tx, provider, name)
    dropped = before.model_dump(mode="json")
    audit(tx, "model.name.drop", f"{provider} {name}", before=dropped)
    return before


def names(tx: Reading) -> Page[ModelName]:
    """All names that stand for versions, by provider and name."""
    return Page(items=store.model_names(tx))


def _lock_series(tx: Writing, name: str, source: ModelSource) -> int:
    id, known = store.lock_series(tx, name, source)
    if known != source:
        raise Conflict(
            f"The model {name!r} is registered with source {known!r}, not {source!r}; "
            "take another name.",
            name=name,
            source=known,
        )
    return id


def _alias_moves(event: AuditEvent) -> Iterator[AliasMove]:
    ref = ModelVersionRef.parse(event.subject)
    before, after = event.before or {}, event.after or {}
    for alias in after.get("aliases", ()):
        if alias not in before.get("aliases", ()):
            yield AliasMove(ref.name, alias, ref, event.actor, event.at)


def _aliased(tx: Reading, ref: ModelAliasRef) -> int:
    if ref.alias == LATEST:
        return read_model(tx, ref.name).latest
    number = store.number_by_alias(tx, ref.name, ref.alias)
    if number is None:
        read_model(tx, ref.name)
        known = store.aliases(tx, ref.name)
        raise not_found(f"alias of model {ref.name!r}", ref.alias, known)
    return number


def _changed(existing: ModelVersion, new: NewModelVersion) -> VersionChanged:
    return VersionChanged(
        f"{existing.ref} is known with source {existing.source_uri!r} and run {existing.run}, but "
        f"comes back with source {new.source_uri!r} and run "
        f"{new.run.id if new.run else None}: it was replaced or deleted and made again in its "
        "registry. Register it under another number or name.",
        name=str(existing.ref),
        digest=existing.digest,
    )


def _some(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:10]))
    return shown + (" ..." if len(numbers) > 10 else "")
