"""What a thing came from and what came of it: as a picture, as a table and as CSV."""

from typing import Annotated, get_args

from fastapi import Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from markupsafe import Markup
from pydantic import Field

from twinline.db.session import Reading
from twinline.language.errors import Invalid, TwinlineError
from twinline.language.records import Lineage, Node, NodeKind
from twinline.language.refs import CustomRef, DatasetRef, ModelVersionRef, RunRef, parse_ref
from twinline.lineage import customs
from twinline.lineage.walks import around
from twinline.models import actions as models
from twinline.web import addresses, facts, forms, mlflow_pages, pictures, rendering, walks
from twinline.web.facts import Fact
from twinline.web.gate import Reader
from twinline.web.page import Page
from twinline.web.problems import page_router

router = page_router()

ALL = 100
"""Hops that are as good as all."""
DRAWN_MOST = 1_000
"""Things that are drawn at most."""
LISTED_MOST = 5_000
"""Things in the CSV."""
ROWS = 200
"""Rows of the table on a page."""

DEPTHS = ("0", "1", "2", "3", "5", "10", "all")
EXAMPLES = (
    ("prompts:/support/answer/7", "a prompt version, also as prompts:/support/answer@production"),
    ("models:/churn/3", "a model version; an alias works too: models:/churn@champion"),
    ("datasets:/tickets/5e1f0a7c", "a dataset, by name and digest"),
    ("runs:/3fa9c1", "a training run, by its MLflow id"),
    ("bundles:/9f86d081884c", "a bundle, by 12 or more characters of its digest"),
    ("routes:/support-answer@production", "a slot: a route in an environment"),
    ("deployments:/support-answer@production/12", "a deployment of a slot"),
    ("evaluations:/4", "an evaluation"),
    ("nodes:/vector-index/tickets", "something of your own, by type and name"),
)  # fmt: skip


class Asked:
    """What is asked of a walk, as the address says it."""

    def __init__(
        self,
        node: Annotated[str, Query(max_length=1000)] = "",
        up: Annotated[str, Query(max_length=10)] = "all",
        down: Annotated[str, Query(max_length=10)] = "all",
        at: Annotated[str, Query(max_length=50)] = "",
        kind: Annotated[list[str], Query(max_length=20)] = [],  # noqa: B006 -- FastAPI copies it
        open: Annotated[list[str], Query(max_length=50)] = [],  # noqa: B006 -- likewise
        begin: Annotated[int, Query(ge=0, le=LISTED_MOST)] = 0,
    ) -> None:
        self.node, self.up, self.down, self.at = node.strip(), up, down, at
        self.kinds, self.opened, self.begin = tuple(kind), tuple(open), begin

    def walk(self, tx: Reading, limit: int) -> Lineage:
        """The walk that is asked for: the one query for picture, table and CSV.

        Raises:
            TwinlineError: there is no such thing, or what is asked makes no sense.
        """
        return around(
            tx,
            self.node,
            up=_depth(self.up, "up"),
            down=_depth(self.down, "down"),
            limit=limit,
            kinds=[_kind(one) for one in self.kinds],
            as_of=forms.moment(self.at, "at"),
        )

    def address(self, page: str = "/lineage", **more: object) -> str:
        """The same question, of another page or with something else."""
        said = {
            "node": self.node,
            "up": self.up if self.up != "all" else "",
            "down": self.down if self.down != "all" else "",
            "at": self.at,
            "kind": list(self.kinds),
            "open": list(self.opened),
        } | more
        return addresses.asked(page, **{name: value or None for name, value in said.items()})


AskedOf = Annotated[Asked, Depends()]


def _depth(text: str, name: str) -> int:
    if text == "all":
        return ALL
    if text.isascii() and text.isdigit() and int(text) <= ALL:
        return int(text)
    raise Invalid(
        f"{name}: {text!r} is no depth; give a number of hops from 0 to {ALL}, or all.", field=name
    )


def _kind(text: str) -> NodeKind:
    for known in get_args(NodeKind):
        if text == known:
            return known
    said = ", ".join(get_args(NodeKind))
    raise Invalid(f"kind: {text!r} is no kind; take some of {said}.", field="kind")


class Form(Page, template="lineage.html"):
    """The form above each walk."""

    heading = "Lineage"

    node: str = Field(description="The reference whose lineage is asked for.")
    up: str = Field(description="How many hops upstream: to what it came from.")
    down: str = Field(description="How many hops downstream: to what came of it.")
    at: str = Field(description="The moment whose lineage is shown, in UTC; empty: now.")
    kinds: tuple[str, ...] = Field(description="The kinds of things that are shown; none: all.")
    depths: tuple[str, ...] = Field(description="The depths to choose from.")
    every_kind: tuple[str, ...] = Field(description="The kinds to choose from.")
    wrong: str = Field(default="", description="Why nothing can be shown.")


class AskPage(Form, template="lineage_ask.html"):
    """Nothing is asked yet, or it could not be found."""

    nearest: tuple[tuple[str, str], ...] = Field(
        description="References most like the one that is not there, with their lineage."
    )
    examples: tuple[tuple[str, str], ...] = Field(description="How things are referred to.")


class LineagePage(Form, template="lineage.html"):
    """A walk."""

    root: Node = Field(description="The thing itself.")
    counts: walks.Counts = Field(description="How many things are upstream and downstream.")
    left_out: str = Field(description="What is not shown, and why.")
    facts: tuple[Fact, ...] = Field(
        description="What is known of a dataset, a run or something of your own."
    )
    live: tuple[str, ...] = Field(description="Where the thing itself is live.")
    own_page: str = Field(description="Leads to the page that tells most of it.")
    mlflow: str = Field(description="Leads to the same in MLflow, where the server is known.")
    picture: Markup | None = Field(
        description="A card for each name, a row for each version. Solid blue lines lead from "
        "what it came from, dashed orange ones to what came of it."
    )
    drawn_most: int = Field(description="How many things are drawn at most.")
    rows: tuple[walks.Row, ...] = Field(
        description="The same things: how each hangs together with what is nearer, and how many "
        "hops away it is."
    )
    first: int = Field(description="The number of the table's first row.")
    total: int = Field(description="How many rows there are.")
    earlier: str = Field(description="Leads to the rows before.")
    later: str = Field(description="Leads to the rows after.")
    csv: str = Field(description="Leads to all rows as CSV.")
    csv_most: int = Field(description="How many things are in the CSV at most.")
    all_kinds: str = Field(description="Leads to the same without the filter of kinds.")
    closed: str = Field(description="Leads to the same with no card opened by hand.")

    @property
    def title(self) -> str:
        """The thing's reference."""
        return f"Lineage of {self.root.ref}"


@router.get("/lineage")
def lineage(by: Reader, request: Request, asked: AskedOf) -> Response:
    """A walk, or the form that asks for one."""
    if not asked.node:
        return rendering.answer(by, _ask(asked))
    try:
        with by.reading() as tx:
            walk = asked.walk(tx, DRAWN_MOST + 1)
            known, mlflow = _facts(request, tx, walk)
    except TwinlineError as refused:
        return rendering.answer(by, _ask(asked, refused), refused.status)
    return rendering.answer(by, _page(asked, walk, known, mlflow))


@router.get("/lineage.csv")
def csv(by: Reader, asked: AskedOf) -> Response:
    """The same walk as CSV; when it is cut short, the name of the file says so."""
    with by.reading() as tx:
        walk = asked.walk(tx, LISTED_MOST)
    cut = f"-nearest-{LISTED_MOST}" if len(walk.nodes) == LISTED_MOST and walk.left_out else ""
    return StreamingResponse(
        walks.csv(walk),
        media_type="text/csv; charset=utf-8",
        headers={
            **rendering.HEADERS,
            "Content-Disposition": f'attachment; filename="lineage{cut}.csv"',
        },
    )


def _said(asked: Asked) -> dict[str, object]:
    return {
        "node": asked.node,
        "up": asked.up,
        "down": asked.down,
        "at": asked.at,
        "kinds": asked.kinds,
        "depths": DEPTHS,
        "every_kind": get_args(NodeKind),
    }


def _ask(asked: Asked, refused: TwinlineError | None = None) -> AskPage:
    near = refused.fields.get("nearest", ()) if refused else ()
    return AskPage.model_validate(
        {
            **_said(asked),
            "wrong": refused.detail if refused else "",
            "nearest": tuple((str(one), addresses.asked("/search", q=one)) for one in near),
            "examples": EXAMPLES,
        }
    )


def _page(asked: Asked, walk: Lineage, known: list[Fact], mlflow: str) -> LineagePage:
    rows = walks.rows(walk)
    begin = min(asked.begin, max(len(rows) - 1, 0)) // ROWS * ROWS
    root = next(node for node in walk.nodes if node.ref == walk.root)
    own = addresses.of(walk.root)
    return LineagePage.model_validate(
        {
            **_said(asked),
            "root": root,
            "counts": walks.counts(walk),
            "left_out": walk.why_left_out or "",
            "facts": known,
            "live": [
                edge.target.removeprefix("routes:/")
                for edge in walk.edges
                if edge.kind == "live_in" and edge.source == walk.root
            ],
            "own_page": own if not own.startswith("/lineage") else "",
            "mlflow": mlflow,
            "picture": _picture(asked, walk) if len(walk.nodes) <= DRAWN_MOST else None,
            "drawn_most": DRAWN_MOST,
            "rows": rows[begin : begin + ROWS],
            "first": begin + 1,
            "total": len(rows),
            "earlier": asked.address(begin=begin - ROWS) + "#table" if begin else "",
            "later": _later(asked, begin, len(rows)),
            "csv": asked.address("/lineage.csv", open=None),
            "csv_most": LISTED_MOST,
            "all_kinds": asked.address(kind=None) if asked.kinds else "",
            "closed": asked.address(open=None) if asked.opened else "",
        }
    )


def _later(asked: Asked, begin: int, total: int) -> str:
    return asked.address(begin=begin + ROWS) + "#table" if begin + ROWS < total else ""


def _picture(asked: Asked, walk: Lineage) -> Markup:
    def unfold(family: str) -> str:
        return asked.address(open=[*asked.opened, family])

    return pictures.lineage(walk, opened=asked.opened, unfold=unfold)


def _facts(request: Request, tx: Reading, walk: Lineage) -> tuple[list[Fact], str]:
    """What is known of a thing that has no page but this, and where MLflow has it."""
    match parse_ref(walk.root):
        case DatasetRef() as ref:
            return facts.of_dataset(models.read_dataset(tx, ref)), ""
        case RunRef() as ref:
            run, made = models.read_run(tx, ref.id), _made(tx, walk.root)
            return facts.of_run(run), mlflow_pages.run(request, tx, run, made)
        case CustomRef() as ref:
            return facts.of_custom_node(customs.read(tx, ref)), ""
        case _:
            return [], ""


def _made(tx: Reading, run: str) -> ModelVersionRef | None:
    """A model version that came of a run."""
    near = around(tx, run, up=0, down=1, limit=2, kinds=("model",))
    found = [parse_ref(node.ref) for node in near.nodes if node.kind == "model"]
    return next((ref for ref in found if isinstance(ref, ModelVersionRef)), None)
