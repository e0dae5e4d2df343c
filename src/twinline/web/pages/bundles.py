"""Bundles: the pairs, what is known of one, and what differs between two."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from fastapi import Response
from markupsafe import Markup
from pydantic import Field

from twinline.bundles import actions
from twinline.bundles.api import Digest
from twinline.db.session import Reading
from twinline.evaluations import actions as evaluations
from twinline.exports import actions as exports
from twinline.inferences import actions as inferences
from twinline.kills import actions as kills
from twinline.language.errors import TwinlineError
from twinline.language.records import (
    Bundle,
    Evaluation,
    Impact,
    Kill,
    Pairing,
    RequestFilter,
    Service,
    SuiteComparison,
    Withdrawal,
)
from twinline.language.refs import BundleRef, ModelVersionRef, SlotRef
from twinline.lineage import impacts
from twinline.lineage.walks import around
from twinline.models import actions as models
from twinline.prompts import comparing
from twinline.web import addresses, facts, forms, live, pictures, rendering, walks
from twinline.web.facts import Difference, Fact
from twinline.web.gate import Reader
from twinline.web.page import Page
from twinline.web.problems import page_router
from twinline.web.selections import FieldText
from twinline.withdrawals import actions as withdrawals

router = page_router()

BUNDLES = 50
"""Bundles on a page."""
DRAWN_MOST = 120
"""Things in the picture of a bundle."""
CONTEXT_LINES = 3
"""Equal lines around each change of a prompt, unless everything is asked for."""


class BundlesPage(Page, template="bundles.html"):
    """Bundles, the newest first."""

    heading = "Bundles"

    bundles: tuple[Bundle, ...] = Field(
        description="Each a model version, a prompt version and parameters; known by the digest "
        "of all three."
    )
    live: dict[str, tuple[SlotRef, ...]] = Field(
        description="The slots whose policy names it, be it by default, in a rule, an arm, a "
        "fallback or a shadow."
    )
    not_looked_at: str = Field(
        description="Which slots were not looked through for what is live; empty: all were."
    )
    model: str = Field(description="Only bundles of this model, or of this version of it.")
    prompt: str = Field(description="Only bundles of this prompt, or of this version of it.")
    wrong: str = Field(description="Why nothing is shown.")
    older: str = Field(description="Leads to the bundles before these.")


class BundlePage(Page, template="bundle.html"):
    """A bundle, and everything that speaks for it or against."""

    bundle: Bundle = Field(description="The pair: model version, prompt version, parameters.")
    pair: Markup = Field(description="Its two sides, and what they make.")
    parameters: tuple[Fact, ...] = Field(description="What the pair is called with.")
    words: tuple[Fact, ...] = Field(
        description="Of a bundle that stands for a pair that could not be found: what was sent."
    )
    withdrawn: tuple[Withdrawal, ...] = Field(
        description="What keeps it from going live: it, a side of it, or what that came from was "
        "recalled or retired."
    )
    stopped: Kill | None = Field(
        description="Why it is stopped now by its kill switch: policies go on with their fallback."
    )
    pairing: Pairing | None = Field(
        description="What people last said of this model version with this prompt version."
    )
    evaluations: tuple[Evaluation, ...] = Field(
        description="How the pair scored, the newest result of each suite."
    )
    sides: tuple[Evaluation, ...] = Field(description="Likewise how either side scored alone.")
    impact: Impact = Field(description="Where it is live, and what it served by slot.")
    service: Service = Field(description="What it served in all, from the counts.")
    live: tuple[str, ...] = Field(
        description="Bundles that are live now where this one is not: to compare it with."
    )
    not_looked_at: str = Field(
        description="Which slots were not looked through for what is live; empty: all were."
    )
    picture: Markup = Field(description="What it came from, and where it went.")
    rows: tuple[walks.Row, ...] = Field(description="The same as a table.")
    counts: walks.Counts = Field(description="How many things are upstream and downstream.")
    left_out: str = Field(description="What is not shown of its lineage, and why.")

    @property
    def title(self) -> str:
        """The beginning of the digest."""
        return f"Bundle {self.bundle.digest[:12]}"


class ComparisonPage(Page, template="bundle_comparison.html"):
    """What differs between two bundles."""

    heading = "Compare bundles"

    typed_old: str = Field(description="The bundle that the changes are from.")
    typed_new: str = Field(description="The bundle that they lead to.")
    every: bool = Field(description="Whether what is the same is shown as well.")
    wrong: str = Field(default="", description="Why they cannot be compared.")
    old: Bundle | None = Field(default=None, description="The one that the changes are from.")
    new: Bundle | None = Field(default=None, description="The one that they lead to.")
    sides: tuple[Difference, ...] = Field(
        default=(), description="Which model version and which prompt version each has."
    )
    model: tuple[Difference, ...] = Field(
        default=(), description="What is known of the two model versions and their runs."
    )
    parameters: tuple[Difference, ...] = Field(
        default=(), description="What the two pairs are called with."
    )
    prompt: Markup | None = Field(
        default=None, description="What differs between the two prompts, to the word."
    )
    same_prompt: bool = Field(default=False, description="Whether they share a prompt version.")
    suites: tuple[SuiteComparison, ...] = Field(
        default=(), description="How both scored, suite by suite."
    )
    turned: str = Field(default="", description="Leads to the comparison the other way round.")


@router.get("/bundles")
def list_bundles(
    by: Reader, model: FieldText = "", prompt: FieldText = "", cursor: FieldText = ""
) -> Response:
    """Bundles, a page at a time."""
    model, prompt = model.strip(), prompt.strip()
    page = BundlesPage(
        bundles=(), live={}, not_looked_at="", model=model, prompt=prompt, wrong="", older=""
    )
    try:
        with by.reading() as tx:
            found = actions.list_bundles(
                tx, model=model, prompt=prompt, cursor=cursor or None, limit=BUNDLES
            )
            found_live = live.look(tx)
    except TwinlineError as refused:
        wrong = page.model_copy(update={"wrong": refused.detail})
        return rendering.answer(by, wrong, refused.status)
    older = {"model": model, "prompt": prompt, "cursor": found.next}
    told = {
        "bundles": found.items,
        "live": found_live.by(_digest),
        "not_looked_at": found_live.not_looked_at,
        "older": addresses.asked("/bundles", **older) if found.next else "",
    }
    return rendering.answer(by, page.model_copy(update=told))


@router.get("/bundles/compare")
def compare(by: Reader, old: FieldText = "", new: FieldText = "", all: bool = False) -> Response:
    """Two bundles side by side."""
    page = ComparisonPage(typed_old=old, typed_new=new, every=all)
    if not (old and new):
        return rendering.answer(by, page)
    try:
        with by.reading() as tx:
            sides = (actions.read(tx, forms.bundle(typed)) for typed in (old, new))
            told = _compared(tx, *sides, every=all)
    except TwinlineError as refused:
        wrong = page.model_copy(update={"wrong": refused.detail})
        return rendering.answer(by, wrong, refused.status)
    return rendering.answer(by, page.model_copy(update=told))


@router.get("/bundles/{digest}")
def bundle(by: Reader, digest: Digest) -> Response:
    """One bundle."""
    with by.reading() as tx:
        page = _bundle(tx, actions.read(tx, BundleRef(digest)))
    return rendering.answer(by, page)


@router.get("/bundles/{digest}/{format}.json")
def export(by: Reader, digest: Digest, format: Literal["cyclonedx", "intoto", "prov"]) -> Response:
    """What a bundle is made of or where it came from, as a file for other tools."""
    with by.reading() as tx:
        ref = actions.read(tx, BundleRef(digest)).ref
        match format:
            case "cyclonedx":
                _, document = exports.bill_of_materials(tx, str(ref))
            case "intoto":
                _, document = exports.signed_statement(tx, str(ref))
            case "prov":
                _, document = exports.provenance(tx, str(ref))
    name = f"{ref.digest[:12]}.{format}.json"
    return Response(
        json.dumps(document, ensure_ascii=False, indent=2, default=str),
        media_type="application/json",
        headers={
            **rendering.HEADERS,
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )


def _digest(one: Bundle) -> str:
    return one.digest


def _bundle(tx: Reading, found: Bundle) -> BundlePage:
    ref, sides = found.ref, (found.prompt, found.model)
    walk = around(tx, str(ref), up=100, down=2, limit=DRAWN_MOST)
    found_live = live.look(tx)
    pairing = None
    if found.model and found.prompt:
        pairing = actions.pairing(tx, found.model, found.prompt)
    return BundlePage(
        bundle=found,
        pair=pictures.bundle(found),
        parameters=tuple(facts.of_parameters(found.parameters)),
        words=tuple(facts.of_parameters(found.words or {})),
        withdrawn=withdrawals.against(tx, ref),
        stopped=kills.switches(tx).get(str(ref)),
        pairing=pairing,
        evaluations=evaluations.newest(tx, ref).items,
        sides=evaluations.newest_of_all(tx, [side for side in sides if side]),
        impact=impacts.impact(tx, str(ref), RequestFilter()),
        service=inferences.served(tx, [ref]),
        live=tuple(digest for digest in found_live.by(_digest) if digest != found.digest),
        not_looked_at=found_live.not_looked_at,
        picture=pictures.lineage(walk),
        rows=tuple(walks.rows(walk)),
        counts=walks.counts(walk),
        left_out=walk.why_left_out or "",
    )


def _compared(tx: Reading, old: Bundle, new: Bundle, *, every: bool) -> Mapping[str, Any]:
    """What a comparison tells of two bundles."""
    same_prompt = old.prompt == new.prompt
    suites = evaluations.compare(tx, str(old.ref), str(new.ref)).suites
    turned = {"old": new.digest, "new": old.digest, "all": "1" if every else ""}
    return {
        "old": old,
        "new": new,
        "sides": tuple(facts.differences(_sides(old), _sides(new), every=every)),
        "model": _of_models(tx, old.model, new.model, every=every),
        "parameters": tuple(
            facts.differences(
                facts.of_parameters(old.parameters),
                facts.of_parameters(new.parameters),
                every=every,
            )
        ),
        "prompt": None if same_prompt else _of_prompts(tx, old, new, every=every),
        "same_prompt": same_prompt,
        "suites": tuple(one for one in suites if every or _differs(one)),
        "turned": addresses.asked("/bundles/compare", **turned),
    }


def _sides(one: Bundle) -> list[Fact]:
    said = (("model", one.model), ("prompt", one.prompt))
    return [Fact(name, str(ref)) for name, ref in said if ref]


def _of_models(
    tx: Reading, old: ModelVersionRef | None, new: ModelVersionRef | None, *, every: bool
) -> tuple[Difference, ...]:
    if old == new and not every:
        return ()
    known = [_model_facts(tx, ref) for ref in (old, new)]
    return tuple(facts.differences(*known, every=every))


def _model_facts(tx: Reading, ref: ModelVersionRef | None) -> list[Fact]:
    if ref is None:
        return []
    version = models.read_version(tx, ref)
    run = models.read_run(tx, version.run.id) if version.run else None
    return facts.of_model_version(version, run)


def _of_prompts(tx: Reading, old: Bundle, new: Bundle, *, every: bool) -> Markup | None:
    if old.prompt is None or new.prompt is None:
        return None
    context = None if every else CONTEXT_LINES
    sides = str(old.prompt), str(new.prompt)
    return pictures.diff(comparing.compare(tx, new.prompt.name, *sides, context=context))


def _differs(one: SuiteComparison) -> bool:
    return bool(one.difference or one.turned or one.old is None or one.new is None)
