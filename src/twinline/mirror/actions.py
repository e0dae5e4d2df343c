"""What reading MLflow changes in the catalog: each verb within one transaction."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from twinline.access.actions import audit
from twinline.db.graph import find_nodes
from twinline.db.session import Reading, Writing
from twinline.language import cursors
from twinline.language.errors import Conflict, MlflowUnavailable, NotFound
from twinline.language.nearest import nearest, not_found
from twinline.language.records import (
    Json,
    Learnt,
    MirrorAlias,
    MirrorDrift,
    MirrorKind,
    MirrorTag,
    ModelVersion,
    Page,
    RetireRequest,
    SyncRequest,
)
from twinline.language.refs import ModelVersionRef, PromptVersionRef, parse_ref
from twinline.lineage import retirements
from twinline.mirror import (
    answers,
    content,
    history_store,
    marks,
    meaning_store,
    places_store,
    rules,
    store,
)
from twinline.mirror.marks import Mark, mark_many
from twinline.mirror.naming import Place, catalog_name, recreated
from twinline.mirror.reading import Found
from twinline.mirror.rules import Facts
from twinline.mirror.store import Kept, Series
from twinline.models import actions as models
from twinline.prompts import actions as prompts
from twinline.withdrawals import actions as withdrawals

VersionRef = ModelVersionRef | PromptVersionRef


NO_SERVER = "No MLflow server is configured: set TWINLINE_MLFLOW_URL and restart."


def no_server(name: str, known: Collection[str]) -> NotFound:
    """The error for an MLflow server that the settings do not name."""
    return NotFound(
        f"There is no MLflow server {name!r}; the settings name {', '.join(sorted(known))}. "
        "TWINLINE_MLFLOW_SERVERS adds others.",
        kind="MLflow server",
        name=name,
        nearest=nearest(name, known),
    )


class Seen(NamedTuple):
    """A version as MLflow has it now, with how it was made."""

    version: answers.Version
    facts: Facts = Facts()


class Gone(NamedTuple):
    """A series that is no longer under its name: ``now`` is what has the name instead, ``heir``
    what the series is by another name."""

    series: Series
    now: answers.RegisteredModel | None
    heir: answers.RegisteredModel | None


# --- names -----------------------------------------------------------------------------


def kind_of(model: answers.RegisteredModel) -> MirrorKind:
    """Whether a name in MLflow is a model's or a prompt's."""
    return "prompt" if model.is_prompt else "model"


def is_it(series: Series, model: answers.RegisteredModel | None) -> bool:
    """Whether what MLflow has under the name of a series is still that series."""
    known = (series.kind, series.created_ms)
    return model is not None and known == (kind_of(model), model.created_ms)


def keep_series(tx: Writing, place: Place, model: answers.RegisteredModel) -> Series:
    """The series of a name that is there; made, or opened again, when it is not known so.

    Whatever else is known to have been made at the same moment is marked: it may have
    become this by a new name.

    Raises:
        Conflict: what had the name before is not known to have ended.
    """
    kind = kind_of(model)
    places_store.know(tx, place)
    places_store.take_turn(tx, place)
    there = store.series_named(tx, place, [model.name]).get(model.name)
    if there is not None and not is_it(there, model):
        raise Conflict(
            f"{model.name!r} was made again in MLflow while it was read. Ask again.",
            name=model.name,
        )
    known = store.series_ever(tx, place, kind, model.name, model.created_ms)
    if known is not None:
        store.reopen_series(tx, known.id)
        return known
    for other in store.series_made_at(tx, place, model.created_ms):
        mark_many(tx, place, other.kind, [other.name], "sweep")
    name = _free_name(tx, place, kind, model.name)
    return store.add_series(tx, place, kind, model.name, model.created_ms, name)


def end(tx: Writing, place: Place, gone: Collection[Gone], learnt: Learnt) -> None:
    """End series, and keep what became of them: all together, because the name that one has
    now may have been another's. What somebody else ended meanwhile is left alone."""
    places_store.take_turn(tx, place)
    left = [one for one in gone if store.is_there(tx, one.series.id)]
    ended = [(one, _ended(tx, one.series, renamed=one.heir is not None)) for one in left]
    for one, was in ended:
        _succeeded(tx, place, one, was, learnt)


def _ended(tx: Writing, series: Series, *, renamed: bool) -> Json:
    was: Json = {
        "name": series.name,
        "catalog_name": series.catalog_name,
        "created_ms": series.created_ms,
        "versions": sorted(store.numbers(tx, series.id)),
    }
    store.set_state(tx, series.id, "renamed" if renamed else "deleted")
    store.end_series(tx, series.id)
    if series.kind == "model" and store.has_versions(tx, series.id):
        models.place_aliases(tx, series.catalog_name, {})
    return was


def _succeeded(tx: Writing, place: Place, gone: Gone, was: Json, learnt: Learnt) -> None:
    series, now, heir = gone
    successor = heir or now
    after: Json | None = None
    if successor is not None:
        kept = keep_series(tx, place, successor)
        mark_many(tx, place, kept.kind, [kept.name], learnt)
        after = {
            "name": kept.name,
            "catalog_name": kept.catalog_name,
            "created_ms": kept.created_ms,
        }
    kind = "renamed" if heir else "recreated" if now else "deleted"
    store.add_drift(tx, series.id, kind, learnt, before=was, after=after)
    audit(tx, f"mirror.{kind}", f"{place}: {series.name}", before=was, after=after)


def settle(
    tx: Writing, series: Series, model: answers.RegisteredModel, mark: Mark, *, whole: bool
) -> None:
    """A name was read to its end: its aliases and tags are these. Unless it was read
    ``whole``, because versions went away meanwhile, it stays marked."""
    aliases = {alias.alias: alias.version for alias in model.aliases}
    change = rules.changes(store.aliases(tx, series.id), aliases)
    store.move_aliases(tx, series.id, change.left, change.begun, mark.learnt)
    if series.kind == "model" and store.has_versions(tx, series.id):
        # Even where none moved: under an alias's number there may be another version now.
        ours = store.numbers_in_catalog(tx, series.id)
        placed = {alias: number for alias, number in aliases.items() if number in ours}
        models.place_aliases(tx, series.catalog_name, placed)
    _keep_tags(tx, series.id, {None: content.tags(model.tags)}, mark.learnt)
    history_store.name_actors(tx, mark.place, series)
    fingerprint = content.series_fingerprint(model) if whole else None
    store.settle_series(tx, series.id, model.updated_ms, fingerprint)
    if whole:
        marks.clear(tx, mark)


def forget(tx: Writing, mark: Mark) -> None:
    """There is nothing by this name any more, and that is known."""
    marks.clear(tx, mark)


def _free_name(tx: Reading, place: Place, kind: MirrorKind, name: str) -> str:
    """What the catalog calls a new series: a name is never given to a second one."""
    base = catalog_name(place, kind, name)
    known = models.find_model(tx, base) if kind == "model" else None
    if known is not None and known.source != "mlflow":
        base = f"{place}/{name}"
    times = 0
    while store.catalog_name_is_taken(tx, kind, recreated(base, times)):
        times += 1
    return recreated(base, times)


# --- versions --------------------------------------------------------------------------


def unread(
    tx: Reading, series: Series, versions: Collection[answers.Version]
) -> list[answers.Version]:
    """Those of these versions that the mirror does not know as they are now."""
    known = store.versions(tx, series.id, [version.version for version in versions])
    return [
        version
        for version in versions
        if (kept := known.get(version.version)) is None
        or kept.fingerprint != content.fingerprint(series.kind, version)
    ]


def keep_versions(
    tx: Writing,
    series: Series,
    model: answers.RegisteredModel,
    seen: Sequence[Seen],
    learnt: Learnt,
) -> Series:
    """Keep versions as MLflow has them now; the series, which may have got another name.

    What has another content under the same number is drift: the version that we have stays
    what it is, and is retired.
    """
    store.lock_series(tx, series.id)
    known = store.versions(tx, series.id, [one.version.version for one in seen])
    for one in seen:
        kept = known.get(one.version.version)
        if kept is not None and not _same(series, kept, one.version):
            _replace(tx, series, kept, one.version, learnt)
    if series.kind == "model" and not store.has_versions(tx, series.id):
        series = _named_apart(tx, series, model, seen[0])
    refs = _made_known(tx, series, model, seen)
    _keep(tx, series, seen, refs)
    tags: dict[int | None, dict[str, str]] = {
        one.version.version: content.tags(one.version.tags) for one in seen
    }
    _keep_tags(tx, series.id, tags, learnt)
    return series


def lose_versions(tx: Writing, series: Series, numbers: Collection[int], learnt: Learnt) -> None:
    """Versions are gone from MLflow."""
    for number, kept in sorted(store.versions(tx, series.id, numbers).items()):
        was: Json = {"digest": kept.digest, "created_ms": kept.created_ms}
        store.add_drift(tx, series.id, "deleted", learnt, number=number, before=was)
        audit(tx, "mirror.deleted", _words(series, number), before=was)
    store.set_state(tx, series.id, "deleted", numbers)


def keep_found(tx: Writing, place: Place, found: Found) -> tuple[ModelVersion, bool]:
    """A version that somebody asked for, by the name that the mirror has for it; and whether
    it had to be made.

    Raises:
        Conflict: what had the name before is not known to have ended; or the catalog knows
            another version under this number (`VersionChanged`).
    """
    series = keep_series(tx, place, found.model)
    new = rules.record(found.model, found.version, found.facts, name=series.catalog_name)
    known = models.has_version(tx, ModelVersionRef(series.catalog_name, found.version.version))
    one = Seen(found.version, found.facts)
    series = keep_versions(tx, series, found.model, [one], "sweep")
    version, made = models.register(tx, new.model_copy(update={"name": series.catalog_name}))
    return version, made or not known


def _same(series: Series, kept: Kept, version: answers.Version) -> bool:
    return (kept.created_ms, kept.digest) == _key(series, version)


def _key(series: Series, version: answers.Version) -> tuple[int, str]:
    """What makes a version under its number this version."""
    return version.created_ms, content.identity(series.kind, version)


def _replace(
    tx: Writing, series: Series, kept: Kept, version: answers.Version, learnt: Learnt
) -> None:
    was: Json = {"digest": kept.digest, "created_ms": kept.created_ms}
    now: Json = {
        "digest": content.identity(series.kind, version),
        "created_ms": version.created_ms,
    }
    kind = "tampered" if kept.created_ms == version.created_ms else "recreated"
    number = version.version
    store.add_drift(tx, series.id, kind, learnt, number=number, before=was, after=now)
    audit(tx, f"mirror.{kind}", _words(series, number), before=was, after=now)
    store.set_state(tx, series.id, "replaced", [number])


def _keep(
    tx: Writing, series: Series, seen: Collection[Seen], refs: Mapping[int, VersionRef | None]
) -> None:
    nodes = find_nodes(tx, [str(ref) for ref in refs.values() if ref is not None])
    store.keep_versions(
        tx,
        series.id,
        [
            store.Present(
                one.version.version,
                one.version.created_ms,
                content.identity(series.kind, one.version),
                content.fingerprint(series.kind, one.version),
                nodes.get(str(refs[one.version.version])),
            )
            for one in seen
        ],
    )
    for ref in store.no_more_retired(tx, nodes.values()):
        _restore(tx, ref)


def _made_known(
    tx: Writing, series: Series, model: answers.RegisteredModel, seen: Sequence[Seen]
) -> Mapping[int, VersionRef | None]:
    """What versions are in the catalog; None when another one has the number there, because
    a model's number is MLflow's own and no second version can get it."""
    name = series.catalog_name
    if series.kind == "prompt":
        return _made_prompts(tx, series, seen)
    versions = {
        one.version.version: rules.record(model, one.version, one.facts, name=name) for one in seen
    }
    return models.register_all(tx, name, "mlflow", versions)


def _made_prompts(
    tx: Writing, series: Series, seen: Sequence[Seen]
) -> Mapping[int, VersionRef | None]:
    """What was kept once stays the version that it is, however we would write it down today:
    the digest of a text depends on that, and another one would be another version."""
    name = series.catalog_name
    held = store.held(tx, series.id, [one.version.version for one in seen])
    known: dict[int, VersionRef | None] = {}
    for one in seen:
        ref = held.get((one.version.version, *_key(series, one.version)))
        if ref is not None:
            known[one.version.version] = PromptVersionRef.parse(ref)
    fresh = [one.version for one in seen if one.version.version not in known]
    if fresh:
        made = prompts.create_all(tx, name, [content.prompt(name, version) for version in fresh])
        known |= {version.version: ref for version, ref in zip(fresh, made, strict=True)}
    return known


def _named_apart(
    tx: Writing, series: Series, model: answers.RegisteredModel, first: Seen
) -> Series:
    """The series before its first version is kept: by another name, when the catalog knows
    that version otherwise. It was read before there was a mirror, and made again since."""
    new = rules.record(model, first.version, first.facts, name=series.catalog_name)
    if not models.knows_otherwise(tx, new):
        return series
    times = 1
    while store.catalog_name_is_taken(tx, "model", recreated(series.catalog_name, times)):
        times += 1
    name = recreated(series.catalog_name, times)
    store.call_series(tx, series.id, name)
    return series._replace(catalog_name=name)


def _keep_tags(
    tx: Writing, series_id: int, seen: Mapping[int | None, dict[str, str]], learnt: Learnt
) -> None:
    known = store.tags(tx, series_id, seen.keys())
    found = {number: rules.changes(known[number], tags) for number, tags in seen.items()}
    left = [(number, key) for number, change in found.items() for key in change.left]
    begun = [
        (number, key, value)
        for number, change in found.items()
        for key, value in change.begun.items()
    ]
    store.change_tags(tx, series_id, left, begun, learnt)


def _words(series: Series, number: int) -> str:
    return f"{series.kind}s:/{series.catalog_name}: MLflow's version {number}"


# --- what is gone ----------------------------------------------------------------------


def retire_some(tx: Writing, server: str, limit: int) -> int:
    """Retire versions that are gone or replaced, unless they are live; how many there were."""
    left = store.to_retire(tx, server, limit)
    for id, ref in left:
        reason = f"it is no longer what MLflow server {server!r} has under its name"
        try:
            retirements.retire(tx, RetireRequest(node=ref, reason=reason))
        except Conflict:  # live: people decide what to do about it, the drift says so
            store.set_retired(tx, id, False)
        else:
            store.set_retired(tx, id, True)
    return len(left)


def _restore(tx: Writing, ref: str) -> None:
    """It is there again as it was: what the mirror retired because it was not, it lets go on."""
    parsed = parse_ref(ref)
    assert isinstance(parsed, ModelVersionRef | PromptVersionRef)
    for one in withdrawals.against(tx, parsed):
        ours = (one.kind, one.actor, one.node) == ("retired", tx.actor, ref)
        if ours:
            withdrawals.lift(tx, "retired", one.number, "MLflow has it again as it was")


# --- looking ---------------------------------------------------------------------------


def origin(tx: Reading, name: str, kind: MirrorKind) -> tuple[Place, str] | None:
    """The place in MLflow of what the catalog calls so, and its name there; None: it is not
    from a mirror."""
    return meaning_store.origin(tx, kind, name)


def list_drift(tx: Reading, *, cursor: str | None, limit: int) -> Page[MirrorDrift]:
    """What MLflow no longer has as the catalog knows it, the newest finding first."""
    before = cursors.decode("drift", cursor, int)
    items = store.drift(tx, before=before, limit=limit)
    return cursors.page("drift", items, limit, lambda last: last.id)


def drift_of(tx: Reading, model: str, limit: int) -> tuple[MirrorDrift, ...]:
    """Likewise of what the catalog calls so, up to ``limit``."""
    return store.drift(tx, model, limit=limit)


def list_aliases(
    tx: Reading, name: str, kind: MirrorKind, *, cursor: str | None, limit: int
) -> Page[MirrorAlias]:
    """Where the aliases were of what the catalog calls so, the newest first.

    Raises:
        NotFound: nothing that the mirror knows is called so.
    """
    listing = f"aliases of {kind} {name}"
    before = cursors.decode(listing, cursor, int)
    items = history_store.aliases(tx, _called(tx, name, kind), before=before, limit=limit)
    return cursors.page(listing, items, limit, lambda last: last.id)


def list_tags(
    tx: Reading, name: str, kind: MirrorKind, *, cursor: str | None, limit: int
) -> Page[MirrorTag]:
    """What the tags were of what the catalog calls so and of its versions, the newest first.

    Raises:
        NotFound: nothing that the mirror knows is called so.
    """
    listing = f"tags of {kind} {name}"
    before = cursors.decode(listing, cursor, int)
    items = history_store.tags(tx, _called(tx, name, kind), before=before, limit=limit)
    return cursors.page(listing, items, limit, lambda last: last.id)


def _called(tx: Reading, name: str, kind: MirrorKind) -> int:
    series_id = meaning_store.called(tx, kind, name)
    if series_id is None:
        near = history_store.near_names(tx, kind, name)
        raise not_found(f"mirrored {kind}", name, near)
    return series_id


def ask_sync(tx: Writing, places: Collection[Place], wanted: SyncRequest) -> None:
    """Have places swept now.

    Raises:
        MlflowUnavailable: the settings name no server at all.
        NotFound: they name others.
    """
    if not places:
        raise MlflowUnavailable(NO_SERVER)
    asked = [place for place in places if wanted.server in (None, place.server)]
    if not asked:
        raise no_server(str(wanted.server), {place.server for place in places})
    for place in asked:
        places_store.know(tx, place)
        places_store.ask_sweep(tx, place, full=wanted.full)
        audit(tx, "mirror.sync", str(place), after=wanted.model_dump(mode="json"))
    tx.announce(marks.TOPIC)
