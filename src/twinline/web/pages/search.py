"""Find anything: an exact hit leads straight to its page, everything else is listed by kind."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field

from twinline.bundles import actions as bundles
from twinline.db.graph import find_node
from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.environments import actions as environments
from twinline.inferences import actions as inferences
from twinline.language.errors import Conflict, Invalid, InvalidReference, NotFound, TwinlineError
from twinline.language.records import Dataset, Prompt, Slot
from twinline.language.refs import (
    BundleRef,
    DecisionRef,
    InferenceRef,
    ModelAliasRef,
    PromptLabelRef,
    Ref,
    SlotRef,
    parse_ref,
)
from twinline.lineage import nodes
from twinline.models import actions as models
from twinline.prompts import actions as prompts
from twinline.prompts import searching
from twinline.prompts.rules import Wanted
from twinline.web import addresses, forms, rendering
from twinline.web.gate import Reader
from twinline.web.page import Page
from twinline.web.problems import page_router

router = page_router()

EACH = 20
"""Results of a kind that are shown."""

# What people write without its scheme, as pages and tables print it.
_SCHEMES = ("prompts", "models", "routes", "deployments", "datasets", "nodes")
_DIGEST = re.compile(r"[0-9a-f]{12,64}")


class Hit(NamedTuple):
    """Something that is called exactly so: its kind, its name, and its page."""

    kind: str
    name: str
    address: str


class SearchPage(Page, template="search.html"):
    """What was found."""

    heading = "Find"

    q: str = Field(
        title="Find",
        description="A reference, a name or a part of one, words of a prompt's text, 12 or more "
        "characters of a bundle's digest, the id of a run or a request, a decision or a trace. "
        "What is called exactly so is shown at once; in double quotes it is looked for in texts.",
    )
    refused: str = Field(description="Why there is nothing of this reference, or in this search.")
    hits: tuple[Hit, ...] = Field(
        title="Exact", description="Several things that are called exactly so."
    )
    prompts: tuple[Prompt, ...] = Field(
        description="Prompts with these words in their name, their description, their tags or the "
        "text of the newest or a labelled version, the best first."
    )
    models: tuple[str, ...] = Field(description="Models with this in their name.")
    slots: tuple[SlotRef, ...] = Field(description="Slots with this in their name.")
    datasets: tuple[Dataset, ...] = Field(description="Datasets of exactly this name.")
    nearest: tuple[Hit, ...] = Field(
        description="When nothing was found: what is called almost so."
    )
    most: int = Field(title="At most", description="How many of each kind are shown.")

    @property
    def found(self) -> bool:
        """Whether there is anything."""
        return any((self.hits, self.prompts, self.models, self.slots, self.datasets))


@router.get("/search")
def search(by: Reader, q: Annotated[str, Query(max_length=1000)] = "") -> Response:
    """What is called so, or holds it."""
    asked = q.strip()
    with by.reading() as tx:
        hits, refused = _exact(tx, asked) if asked else ((), "")
        if len(hits) == 1:
            return forms.to(hits[0].address)
        page = _listed(tx, q, hits, refused)
    return rendering.answer(by, page)


def _exact(tx: Reading, asked: str) -> tuple[tuple[Hit, ...], str]:
    """What is called exactly so, each once; of a reference, why there is none."""
    if ":/" in asked:
        try:
            return (_of(tx, parse_ref(asked)),), ""
        except TwinlineError as error:
            return (), error.detail
    hits: dict[str, Hit] = {}
    for find in _FINDERS:
        for hit in find(tx, asked):
            hits.setdefault(hit.address, hit)
    return tuple(hits.values()), ""


def _of(tx: Reading, ref: Ref) -> Hit:
    match ref:
        case InferenceRef():
            return _hit("inference", inferences.read(tx, ref.id).ref)
        case DecisionRef():
            if not inferences.find(tx, None, ref.reference, cursor=None, limit=1).items:
                raise NotFound(f"No request carries the decision {ref.reference!r}.")
            return _hit("decision", ref)
        case _:
            _, exact = nodes.find(tx, ref_text := str(ref))
            return Hit(_KINDS[exact.scheme], ref_text, addresses.of(exact))


_KINDS = {
    "prompts": "prompt",
    "models": "model",
    "runs": "run",
    "datasets": "dataset",
    "bundles": "bundle",
    "routes": "slot",
    "deployments": "deployment",
    "evaluations": "evaluation",
    "nodes": "custom",
}


def _hit(kind: str, ref: Ref) -> Hit:
    return Hit(kind, str(ref), addresses.of(ref))


def _without_scheme(tx: Reading, asked: str) -> Iterator[Hit]:
    """As tables print it: ``support/answer/7``, ``support-answer@production``."""
    for scheme in _SCHEMES:
        with suppress(InvalidReference):
            ref = parse_ref(f"{scheme}:/{asked}")
            if find_node(tx, ref) is not None:
                yield _hit(_KINDS[scheme], ref)
            elif isinstance(ref, PromptLabelRef | ModelAliasRef):
                with suppress(NotFound):
                    yield _of(tx, ref)


def _by_name(tx: Reading, asked: str) -> Iterator[Hit]:
    if models.find_model(tx, asked):
        yield Hit("model", asked, addresses.model(asked))
    with suppress(Invalid):
        found = searching.list_prompts(tx, Wanted(asked, retired=True), cursor=None, limit=1)
        if found.items and found.items[0].name == asked:
            yield Hit("prompt", asked, addresses.prompt(asked))
    if environments.find(tx, asked):
        yield Hit("environment", asked, addresses.environment(asked))


def _by_digest(tx: Reading, asked: str) -> Iterator[Hit]:
    if _DIGEST.fullmatch(asked.lower()):
        with suppress(NotFound, Conflict):
            yield _hit("bundle", bundles.read(tx, BundleRef(asked.lower())).ref)


def _by_id(tx: Reading, asked: str) -> Iterator[Hit]:
    with suppress(InvalidReference):
        if find_node(tx, run := parse_ref(f"runs:/{asked}")) is not None:
            yield _hit("run", run)
    with suppress(ValueError, NotFound):
        yield _hit("inference", inferences.read(tx, UUID(asked)).ref)


def _by_requests(tx: Reading, asked: str) -> Iterator[Hit]:
    if inferences.find(tx, None, asked, cursor=None, limit=1).items:
        yield Hit("decision", asked, addresses.asked("/inferences", decision=asked))
    if inferences.find(tx, asked, None, cursor=None, limit=1).items:
        yield Hit("trace", asked, addresses.asked("/inferences", trace=asked))


_FINDERS: tuple[Callable[[Reading, str], Iterator[Hit]], ...] = (
    _without_scheme,
    _by_name,
    _by_digest,
    _by_id,
    _by_requests,
)


def _listed(tx: Reading, q: str, hits: tuple[Hit, ...], refused: str) -> SearchPage:
    asked = q.strip()
    page = SearchPage(
        q=q,
        refused=refused,
        hits=hits,
        prompts=(),
        models=(),
        slots=(),
        datasets=(),
        nearest=(),
        most=EACH,
    )
    if not asked:
        return page
    name = asked.partition(":/")[2] or asked
    found: dict[str, object] = {
        "models": models.names_with(tx, name, EACH),
        "slots": deployments.slots_with(tx, name, EACH),
        "datasets": models.datasets_named(tx, name, EACH),
    }
    try:
        wanted = Wanted(name, retired=True)
        found["prompts"] = searching.list_prompts(tx, wanted, cursor=None, limit=EACH).items
    except Invalid as error:
        found["refused"] = refused or error.detail
    page = page.model_copy(update=found)
    return page if page.found else page.model_copy(update={"nearest": _almost(tx, name)})


def _almost(tx: Reading, name: str) -> tuple[Hit, ...]:
    """What is called almost so."""
    near: list[Hit] = []
    for kind, read, address in (
        ("dataset", models.list_datasets, _again),
        ("slot", _slot, addresses.slot),
        ("prompt", prompts.read_prompt, addresses.prompt),
        ("model", models.read_model, addresses.model),
    ):
        try:
            with suppress(InvalidReference):
                read(tx, name)
        except NotFound as error:
            near += [Hit(kind, it, address(it)) for it in error.fields["nearest"]]
    return tuple(near)


def _slot(tx: Reading, name: str) -> Slot:
    return deployments.read_slot(tx, SlotRef.parse(name))


def _again(name: str) -> str:
    """Where this name is looked for; a dataset's page is that of one digest."""
    return addresses.asked("/search", q=name)
