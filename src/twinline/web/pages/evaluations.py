"""One evaluation: what a suite found, case by case, and against the result before."""

from typing import Annotated

from fastapi import Query, Response
from pydantic import Field

from twinline.access.gate import Cursor
from twinline.evaluations import actions
from twinline.evaluations.api import PathNumber
from twinline.language.records import CaseResult, Evaluation, SuiteComparison
from twinline.language.refs import EvaluationRef
from twinline.web import addresses, rendering
from twinline.web.gate import Reader
from twinline.web.page import Page
from twinline.web.problems import page_router

router = page_router()

CASES = 100
"""Cases on a page."""
OTHERS = 20
"""Results of the same suite to compare with."""
TOLD = 50
"""Cases that went the other way, told by name."""


class EvaluationPage(Page, template="evaluation.html"):
    """What a suite found."""

    found: Evaluation = Field(
        description="The score, what it had to reach, and how many cases passed and failed; on "
        "what it was scored, and by whom."
    )
    cases: tuple[CaseResult, ...] = Field(description="How each case went, by its id.")
    failed: bool = Field(description="Whether only the cases that failed are shown.")
    more: str = Field(description="Leads to the cases after these.")
    compared: SuiteComparison | None = Field(
        description="This result against the one before it: of the same subject, or else of "
        "another version of the same prompt or model. A case is fixed when it failed there and "
        "passes here, broken when it passed there and fails here."
    )
    others: tuple[Evaluation, ...] = Field(
        description="Other results of the suite, to compare with."
    )
    told: int = Field(description="How many cases that went the other way are told by name.")

    @property
    def title(self) -> str:
        """The suite, and the number."""
        return f"{self.found.suite}, evaluation {self.found.ref.number}"


@router.get("/evaluations/{number}")
def evaluation(
    by: Reader,
    number: PathNumber,
    failed: bool = False,
    against: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    cursor: Cursor = None,
) -> Response:
    """One result."""
    with by.reading() as tx:
        found = actions.read(tx, EvaluationRef(number))
        cases = actions.cases(tx, found.ref, failed=failed, cursor=cursor, limit=CASES)
        other = actions.read(tx, EvaluationRef(against)) if against else actions.previous(tx, found)
        others = actions.list_evaluations(tx, None, found.suite, cursor=None, limit=OTHERS)
        compared = actions.compare_results(tx, other, found) if other else None
    asked = {"failed": "1" if failed else "", "against": against, "cursor": cases.next}
    page = EvaluationPage(
        found=found,
        cases=cases.items,
        failed=failed,
        more=addresses.asked(addresses.of(found.ref), **asked) if cases.next else "",
        compared=compared,
        others=tuple(one for one in others.items if one.ref != found.ref),
        told=TOLD,
    )
    return rendering.answer(by, page)
