"""Requests: the newest that fit, a page at a time, and all of them as CSV."""

from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import Depends, Response
from pydantic import Field

from twinline.db.session import Reading
from twinline.inferences.affected import LookedFor
from twinline.language.errors import Invalid, TwinlineError
from twinline.language.records import Inference
from twinline.language.records import Page as Listed
from twinline.lineage import explanations, impacts
from twinline.web import addresses, rendering, selections
from twinline.web.gate import Reader
from twinline.web.page import Page
from twinline.web.problems import page_router
from twinline.web.selections import AskedWhereAndHow, Choices, FieldText, WhereAndHow

router = page_router()

REQUESTS = 50
"""Requests on a page."""

_SCHEMES = {"bundle": "bundles", "prompt": "prompts", "model": "models"}


@dataclass(frozen=True)
class Asked:
    """Which requests are meant, as it was typed."""

    bundle: str
    prompt: str
    model: str
    decision: str
    trace: str
    where: WhereAndHow

    @property
    def query(self) -> dict[str, str]:
        """As the address says it."""
        said = asdict(self)
        del said["where"]
        return {**said, **self.where.query}

    @property
    def narrows(self) -> bool:
        """Whether anything is narrowed by it."""
        return any(value.strip() for value in self.query.values())

    @property
    def nodes(self) -> list[str]:
        """The references of the parts; who types `support/answer/7` means that prompt."""
        typed = ((scheme, getattr(self, part).strip()) for part, scheme in _SCHEMES.items())
        return [text if ":/" in text else f"{scheme}:/{text}" for scheme, text in typed if text]

    @property
    def alone(self) -> bool:
        """Whether a decision or a trace is looked up: the ledger finds those by themselves.

        Raises:
            Invalid: anything else is asked beside.
        """
        given = [name for name, value in self.query.items() if value.strip()]
        looked_up = [name for name in given if name in ("decision", "trace")]
        if looked_up and len(given) > 1:
            others = ", ".join(name for name in given if name != looked_up[0])
            raise Invalid(
                f"The {looked_up[0]} {self.query[looked_up[0]]!r} is looked up by itself: leave "
                f"the other fields empty ({others}).",
                field=looked_up[0],
            )
        return bool(looked_up)


def _asked(
    where: AskedWhereAndHow,
    bundle: FieldText = "",
    prompt: FieldText = "",
    model: FieldText = "",
    decision: FieldText = "",
    trace: FieldText = "",
) -> Asked:
    return Asked(bundle, prompt, model, decision, trace, where)


AskedFor = Annotated[Asked, Depends(_asked)]


class InferencesPage(Page, template="inferences.html"):
    """The requests that fit."""

    heading = "Requests"

    asked: Asked = Field(
        title="Filters",
        description="What narrows the list. A decision and a trace are looked up by themselves; "
        "everything else can be combined. Times are UTC: from the first moment on, up to but not "
        "including the second.",
    )
    choices: Choices = Field(description="The environments and slots that there are.")
    refused: str = Field(description="What was wrong with the filters.")
    requests: tuple[Inference, ...] = Field(
        description="One line a request, the newest first: when, in which slot and by which "
        "deployment, with which bundle, and what came of it. Empty: not known (yet). A click on "
        "its id tells the whole story of one."
    )
    looked_to: datetime | None = Field(
        description="A status or a score that is rare is looked for among some thousand requests "
        "at a time: back to this moment."
    )
    newest: str = Field(description="Leads back to the newest, when this is a later page.")
    older: str = Field(description="Leads to the requests before these.")
    csv: str = Field(
        title="CSV", description="All requests that fit, however many there are, as a file."
    )


@router.get("/inferences")
def inferences(by: Reader, asked: AskedFor, cursor: FieldText = "") -> Response:
    """The newest requests that fit."""
    found, refused, status = LookedFor(Listed[Inference](items=()), None), "", 200
    with by.reading() as tx:
        choices = selections.choices(tx)
        try:
            found = _found(tx, asked, cursor or None)
        except TwinlineError as error:
            refused, status = error.detail, error.status
    here = partial(addresses.asked, "/inferences", **asked.query)
    in_a_file = not refused and not (asked.decision.strip() or asked.trace.strip())
    page = InferencesPage(
        asked=asked,
        choices=choices,
        refused=refused,
        requests=found.page.items,
        looked_to=found.looked_to,
        newest=here() if cursor else "",
        older=here(cursor=found.page.next) if found.page.next else "",
        csv=addresses.asked("/inferences.csv", **asked.query) if in_a_file else "",
    )
    return rendering.answer(by, page, status)


@router.get("/inferences.csv")
def file(by: Reader, asked: AskedFor) -> Response:
    """All requests that fit, as a file."""
    if asked.alone:
        raise Invalid("A decision or a trace has no file; its page lists all of its requests.")
    wanted = asked.where.filter()
    scope = partial(impacts.scope_of_all, nodes=asked.nodes, wanted=wanted)
    return selections.csv(by.reading, scope, wanted, "requests.csv")


def _found(tx: Reading, asked: Asked, cursor: str | None) -> LookedFor:
    if asked.alone:
        found = explanations.find(
            tx,
            trace_id=asked.trace.strip() or None,
            decision=asked.decision.strip() or None,
            cursor=cursor,
            limit=REQUESTS,
        )
        return LookedFor(found, None)
    wanted = asked.where.filter()
    return impacts.requests_of_all(tx, asked.nodes, wanted, cursor=cursor, limit=REQUESTS)
