"""Impact: everything that is downstream of a node, counted first, then listed."""

from functools import partial
from typing import Annotated

from fastapi import Query, Response
from markupsafe import Markup
from pydantic import Field

from twinline.bundles import actions as bundles
from twinline.db.session import Reading
from twinline.language.errors import Invalid, TwinlineError
from twinline.language.records import DayImpact, Impact, Inference, Lineage, Withdrawal
from twinline.language.records import Page as Listed
from twinline.language.refs import (
    BundleRef,
    DeploymentRef,
    EvaluationRef,
    ModelVersionRef,
    PromptVersionRef,
    Ref,
    SlotRef,
    parse_ref,
)
from twinline.lineage import impacts, walks
from twinline.models import actions as models
from twinline.prompts import searching
from twinline.prompts.rules import Wanted
from twinline.web import addresses, pictures, rendering, selections
from twinline.web.gate import Reader
from twinline.web.page import Page
from twinline.web.problems import page_router
from twinline.web.selections import LENGTH, AskedWhere, Choices, FieldText, Where
from twinline.withdrawals import actions as withdrawals

router = page_router()

REQUESTS, EXAMPLES = 25, 3
"""Requests on a page, and examples of each kind when nothing is asked yet."""

DEPTH, NODES = 8, 100
"""How far down the picture goes, and how many nodes it has at most."""

DAYS = 31
"""Days that are listed, the newest first."""

NodeText = Annotated[str, Query(alias="node", max_length=LENGTH)]


class Found(Page, template="impact.html"):
    """What is downstream of a node."""

    impact: Impact = Field(description="The counts, from the rollups: exact, in whole hours.")
    ref: Ref = Field(description="The node, by its exact reference.")
    withdrawn: tuple[Withdrawal, ...] = Field(
        description="What is in force against it, or what it came from."
    )
    walk: Lineage = Field(description="What came from it, as far as it is drawn.")
    picture: Markup = Field(description="The same as a picture.")
    requests: Listed[Inference] = Field(description="The newest requests.")

    @property
    def recallable(self) -> bool:
        """Whether it can be recalled: what serves, or was found, cannot."""
        return not isinstance(self.ref, SlotRef | DeploymentRef | EvaluationRef)

    @property
    def kind(self) -> str:
        """What kind of node it is."""
        return self.walk.nodes[0].kind

    @property
    def days(self) -> tuple[DayImpact, ...]:
        """The newest days, the newest first."""
        return tuple(sorted(self.impact.days, key=lambda one: one.day, reverse=True)[:DAYS])


class ImpactPage(Page, template="impact.html"):
    """Everything downstream of a node."""

    node: str = Field(
        description="What may be wrong: a version of a prompt or model, a run, a dataset, a "
        "bundle, a slot, a deployment, an evaluation or a node of your own, by its reference. A "
        "label or an alias stands for what it names now."
    )
    where: Where = Field(
        title="Filters",
        description="Only requests of an environment or a slot, or of a time in UTC, which the "
        "counts widen to whole hours.",
    )
    choices: Choices = Field(description="The environments and slots that there are.")
    refused: str = Field(description="What was wrong with the question.")
    examples: tuple[str, ...] = Field(description="Nodes to begin with, when none is asked yet.")
    found: Found | None = Field(
        title="Counts, slots, people, picture and requests",
        description="How many requests, errors and decisions it touched (exact, from the rollups; "
        "who the users were is not kept, only your own decision references), where it is live "
        "now, whom to tell, what came from it, and the newest of the requests.",
    )
    newest: str = Field(description="Leads back to the newest requests, from a later page.")
    older: str = Field(description="Leads to the requests before these.")
    csv: str = Field(title="CSV", description="All of these requests as a file.")

    @property
    def title(self) -> str:
        """Of which node."""
        return f"Impact of {self.found.impact.root}" if self.found else "Impact"


@router.get("/impact")
def impact(by: Reader, where: AskedWhere, typed: NodeText = "", cursor: FieldText = "") -> Response:
    """What a node touched; without a node, how to ask."""
    node = typed.strip()
    found, refused, status = None, "", 200
    with by.reading() as tx:
        choices = selections.choices(tx)
        try:
            found = _found(tx, node, where, cursor or None) if node else None
        except TwinlineError as error:
            refused, status = error.detail, error.status
        examples = () if found else _examples(tx)
    here = partial(addresses.asked, node=node, **where.query)
    older = found.requests.next if found else None
    page = ImpactPage(
        node=typed,
        where=where,
        choices=choices,
        refused=refused,
        examples=examples,
        found=found,
        newest=here("/impact") if found and cursor else "",
        older=here("/impact", cursor=older) if older else "",
        csv=here("/impact.csv") if found else "",
    )
    return rendering.answer(by, page, status)


@router.get("/impact.csv")
def file(by: Reader, where: AskedWhere, typed: NodeText = "") -> Response:
    """Every request downstream of a node, as a file."""
    if not typed.strip():
        raise Invalid("Of what? Give a node: /impact.csv?node=prompts:/support/answer/7")
    wanted = where.filter()
    scope = partial(impacts.scope, text=typed.strip(), wanted=wanted)
    return selections.csv(by.reading, scope, wanted, "impact.csv")


def _found(tx: Reading, node: str, where: Where, cursor: str | None) -> Found:
    wanted = where.filter()
    counted = impacts.impact(tx, node, wanted)
    walk = walks.walk(tx, counted.root, direction="downstream", depth=DEPTH, limit=NODES)
    ref = parse_ref(counted.root)
    return Found(
        impact=counted,
        ref=ref,
        withdrawn=_withdrawn(tx, ref),
        walk=walk,
        picture=pictures.lineage(walk),
        requests=impacts.requests(tx, node, wanted, cursor=cursor, limit=REQUESTS),
    )


def _withdrawn(tx: Reading, ref: Ref) -> tuple[Withdrawal, ...]:
    if isinstance(ref, BundleRef | PromptVersionRef | ModelVersionRef):
        return withdrawals.against(tx, ref)
    recalled = withdrawals.standing(tx, ref, "recalled")
    return (recalled,) if recalled else ()


def _examples(tx: Reading) -> tuple[str, ...]:
    prompts = searching.list_prompts(tx, Wanted(), cursor=None, limit=EXAMPLES)
    known = models.list_models(tx, cursor=None, limit=EXAMPLES)
    newest = bundles.list_bundles(tx, cursor=None, limit=EXAMPLES)
    return (
        *(str(PromptVersionRef(one.name, one.latest)) for one in prompts.items),
        *(str(ModelVersionRef(one.name, one.latest)) for one in known.items),
        *(str(one.ref) for one in newest.items),
    )
