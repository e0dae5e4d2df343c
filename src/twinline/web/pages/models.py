"""Models and their versions: facts, where they are live, evidence, lineage."""

from typing import Annotated, NamedTuple

from fastapi import Path, Request, Response
from markupsafe import Markup
from pydantic import Field

from twinline.access.gate import Cursor
from twinline.aliases import actions as aliases
from twinline.bundles import actions as bundles
from twinline.db.session import Reading
from twinline.evaluations import actions as evaluations
from twinline.inferences import actions as inferences
from twinline.language.names import FreeName
from twinline.language.records import (
    AliasLink,
    Bundle,
    Evaluation,
    MirrorDrift,
    Model,
    ModelVersion,
    Number,
    Run,
    Service,
    Withdrawal,
)
from twinline.language.refs import ModelVersionRef, SlotRef
from twinline.lineage import reaches
from twinline.lineage.walks import around
from twinline.mirror import actions as mirror
from twinline.models import actions
from twinline.web import addresses, facts, live, mlflow_pages, pictures, rendering, walks
from twinline.web.facts import Difference, Fact
from twinline.web.gate import Reader
from twinline.web.live import Live
from twinline.web.page import Page
from twinline.web.problems import page_router
from twinline.withdrawals import actions as withdrawals

router = page_router()

MODELS, VERSIONS, BUNDLES = 100, 50, 20
"""Rows of each list on a page."""
LINKS, DRIFT = 100, 100
"""Alias links and findings of the mirror that are shown of a model."""
DRAWN_MOST = 120
"""Things in the small picture."""

PathName = Annotated[FreeName, Path()]


class Place(NamedTuple):
    """A slot, and the versions of a model that are live in it."""

    slot: SlotRef
    numbers: tuple[int, ...]


class ModelsPage(Page, template="models.html"):
    """All models."""

    heading = "Models"

    models: tuple[Model, ...] = Field(
        description="By name: where each is from, its newest version and since when it is known."
    )
    live: dict[str, tuple[Place, ...]] = Field(
        description="The slots whose policy names versions of the model, be it by default, in a "
        "rule, an arm, a fallback or a shadow; and which versions."
    )
    not_looked_at: str = Field(
        description="Which slots were not looked through for what is live; empty: all were."
    )
    older: str = Field(description="Leads to the models after these.")


class ModelPage(Page, template="model.html"):
    """A model with its versions."""

    model: Model = Field(description="The model: where it is from, since when it is known.")
    mlflow: str = Field(description="Leads to the same in MLflow, where the server is known.")
    versions: tuple[ModelVersion, ...] = Field(
        description="The newest first, with aliases, and where each came from."
    )
    withdrawn: dict[int, tuple[Withdrawal, ...]] = Field(
        description="What keeps a version from going live: it was recalled or retired, or what "
        "it came from was."
    )
    live: dict[int, tuple[SlotRef, ...]] = Field(
        description="The slots whose policy names a version, be it by default, in a rule, an arm, "
        "a fallback or a shadow."
    )
    not_looked_at: str = Field(
        description="Which slots were not looked through for what is live; empty: all were."
    )
    older: str = Field(description="Leads to the versions before these.")
    links: tuple[AliasLink, ...] = Field(
        description="Aliases in MLflow that go with slots where this model is, and whether they "
        f"agree; up to {LINKS}."
    )
    more_links: bool = Field(description="Whether there are more of these.")
    drift: tuple[MirrorDrift, ...] = Field(
        description=f"What MLflow no longer has as the catalog knows it, the newest {DRIFT}."
    )
    more_drift: bool = Field(description="Whether there is more of that.")

    @property
    def title(self) -> str:
        """The model's name."""
        return self.model.name


class ModelVersionPage(Page, template="model_version.html"):
    """A version of a model."""

    version: ModelVersion = Field(description="The version, with its aliases and its digest.")
    facts: tuple[Fact, ...] = Field(
        description="What is known of it and of the run that made it: parameters, metrics, tags."
    )
    mlflow: str = Field(description="Leads to the same in MLflow, where the server is known.")
    run_in_mlflow: str = Field(description="Leads to its run in MLflow.")
    run: Run | None = Field(description="The run that made it.")
    withdrawn: tuple[Withdrawal, ...] = Field(
        description="What keeps it from going live: it was recalled or retired, or what it came "
        "from was."
    )
    live: tuple[SlotRef, ...] = Field(
        description="The slots where it is live now, also by an arm of a split alone."
    )
    service: Service = Field(description="What its bundles shown below served, counted.")
    others: tuple[int, ...] = Field(description="Other versions, to compare with.")
    against: ModelVersion | None = Field(
        description="The version that it is compared with: the one that is live, unless another "
        "was asked for."
    )
    against_live: tuple[SlotRef, ...] = Field(description="Where that one is live.")
    not_looked_at: str = Field(
        description="Which slots were not looked through for what is live; empty: all were."
    )
    differences: tuple[Difference, ...] = Field(
        description="The facts that are otherwise in that version."
    )
    bundles: tuple[Bundle, ...] = Field(description="The pairs that it is in, the newest first.")
    more_bundles: str = Field(description="Leads to all of these pairs.")
    evaluations: tuple[Evaluation, ...] = Field(
        description="How it scored, the newest result of each suite."
    )
    picture: Markup = Field(description="What it came from, and what was made of it.")
    rows: tuple[walks.Row, ...] = Field(description="The same as a table.")
    left_out: str = Field(description="What is not shown of its lineage, and why.")

    @property
    def title(self) -> str:
        """The model's name and the number."""
        return f"{self.version.name} v{self.version.number}"


@router.get("/models")
def list_models(by: Reader, cursor: Cursor = None) -> Response:
    """All models, a page at a time."""
    with by.reading() as tx:
        found = actions.list_models(tx, cursor=cursor, limit=MODELS)
        found_live = live.look(tx)
    older = addresses.asked("/models", cursor=found.next) if found.next else ""
    page = ModelsPage(
        models=found.items,
        live=_places(found_live),
        not_looked_at=found_live.not_looked_at,
        older=older,
    )
    return rendering.answer(by, page)


@router.get("/models/{name:path}/versions/{number}")
def model_version(
    by: Reader, request: Request, name: PathName, number: Number, against: Number | None = None
) -> Response:
    """One version."""
    with by.reading() as tx:
        page = _version_page(tx, request, ModelVersionRef(name, number), against)
    return rendering.answer(by, page)


@router.get("/models/{name:path}")
def model(by: Reader, request: Request, name: PathName, cursor: Cursor = None) -> Response:
    """A model with its versions."""
    with by.reading() as tx:
        known = actions.read_model(tx, name)
        found = actions.list_versions(tx, name, cursor=cursor, limit=VERSIONS)
        found_live = live.look(tx)
        of_model = _of_model(found_live, name)
        withdrawn = withdrawals.against_any(tx, [one.ref for one in found.items])
        links = aliases.links_with(tx, name, LINKS + 1)
        drift = mirror.drift_of(tx, name, DRIFT + 1)
        page = ModelPage(
            model=known,
            mlflow=mlflow_pages.model(request, tx, name),
            versions=found.items,
            withdrawn={ref.number: why for ref, why in withdrawn.items()},
            live={ref.number: slots for ref, slots in of_model.items()},
            not_looked_at=found_live.not_looked_at,
            older=addresses.asked(addresses.model(name), cursor=found.next) if found.next else "",
            links=links[:LINKS],
            more_links=len(links) > LINKS,
            drift=drift[:DRIFT],
            more_drift=len(drift) > DRIFT,
        )
    return rendering.answer(by, page)


def _version_page(
    tx: Reading, request: Request, ref: ModelVersionRef, against: int | None
) -> ModelVersionPage:
    version = actions.read_version(tx, ref)
    run = actions.read_run(tx, version.run.id) if version.run else None
    found_live = live.look(tx)
    of_model = _of_model(found_live, ref.name)
    other = _against(tx, ref, against, found_live)
    pairs = bundles.list_bundles(tx, model=str(ref), cursor=None, limit=BUNDLES)
    walk = around(tx, str(ref), up=100, down=1, limit=DRAWN_MOST)
    known = facts.of_model_version(version, run)
    numbers = actions.list_versions(tx, ref.name, cursor=None, limit=VERSIONS).items
    return ModelVersionPage(
        version=version,
        facts=tuple(known),
        mlflow=mlflow_pages.model_version(request, tx, version),
        run_in_mlflow=mlflow_pages.run(request, tx, run, ref) if run else "",
        run=run,
        withdrawn=withdrawals.against(tx, ref),
        live=live_now(tx, str(ref)),
        service=inferences.served(tx, [one.ref for one in pairs.items]),
        others=tuple(one.number for one in numbers if one.number != ref.number),
        against=other,
        against_live=of_model.get(other.ref, ()) if other else (),
        not_looked_at=found_live.not_looked_at,
        differences=tuple(_differences(tx, other, known)) if other else (),
        bundles=pairs.items,
        more_bundles=addresses.asked("/bundles", model=ref) if pairs.next else "",
        evaluations=evaluations.newest_of_all(tx, [ref]),
        picture=pictures.lineage(walk),
        rows=tuple(walks.rows(walk)),
        left_out=walk.why_left_out or "",
    )


def live_now(tx: Reading, ref: str) -> tuple[SlotRef, ...]:
    """The slots where a version or a bundle is live, also by an arm alone."""
    return reaches.reach(tx, ref).live


def _against(
    tx: Reading, ref: ModelVersionRef, asked: int | None, found: Live
) -> ModelVersion | None:
    """The version to compare with: the one that was asked for, else one that is live by
    default where this one is not."""
    if asked is not None:
        return actions.read_version(tx, ModelVersionRef(ref.name, asked))
    by_default = [slot.bundles[0].model for slot in found.slots]
    others = [one for one in by_default if one and one.name == ref.name]
    return actions.read_version(tx, others[0]) if others and ref not in others else None


def _differences(tx: Reading, old: ModelVersion, new: list[Fact]) -> list[Difference]:
    run = actions.read_run(tx, old.run.id) if old.run else None
    return facts.differences(facts.of_model_version(old, run), new, every=False)


def _places(found: Live) -> dict[str, tuple[Place, ...]]:
    """The slots where models are live, by the model's name."""
    places: dict[str, list[Place]] = {}
    for slot in found.slots:
        versions = sorted({one.model for one in slot.bundles if one.model}, key=_number)
        for name in dict.fromkeys(one.name for one in versions):
            numbers = tuple(one.number for one in versions if one.name == name)
            places.setdefault(name, []).append(Place(slot.ref, numbers))
    return {name: tuple(found) for name, found in places.items()}


def _number(one: ModelVersionRef) -> int:
    return one.number


def _of_model(found: Live, name: str) -> dict[ModelVersionRef, tuple[SlotRef, ...]]:
    """The slots where versions of a model are live."""
    by_version = found.by(lambda one: one.model)
    return {ref: slots for ref, slots in by_version.items() if ref.name == name}
