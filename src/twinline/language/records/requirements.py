"""What bundles lack before they may go live somewhere, and who was let off."""

from pydantic import Field

from twinline.language.records.base import Instant, Reason, Record, Request
from twinline.language.records.evaluations import EvaluationSubject
from twinline.language.records.suites import Place, SuiteName
from twinline.language.refs import BundleRef, EvaluationRef, SlotRef


class NewWaiver(Request):
    """Let a bundle go live without having passed a suite."""

    suite: SuiteName
    bundle: BundleRef
    place: Place
    reason: Reason


class Waiver(Record):
    """Who let a bundle go live without having passed a suite, where and why."""

    number: int
    suite: str
    bundle: BundleRef
    place: str
    reason: str
    actor: str
    at: Instant


class MissingEvaluation(Record):
    """A suite that a slot requires and a bundle has not passed."""

    suite: str
    bundle: BundleRef
    subject: EvaluationSubject = Field(description="What the suite scores of that bundle.")
    newest: EvaluationRef | None = Field(
        description="The result that does not pass by what the suite is today; None: never run."
    )
    why: str = Field(description="What is wrong with it, in words.")
    command: str = Field(description="How the suite is run.")

    def __str__(self) -> str:
        return f"the suite {self.suite!r}: {self.subject} {self.why}"


class MissingEvaluations(Record):
    """What a bundle lacks before it can be deployed to a slot."""

    slot: SlotRef
    bundle: BundleRef
    missing: tuple[MissingEvaluation, ...]
