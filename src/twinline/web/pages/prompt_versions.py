"""One version of a prompt: what it says, where it is live, and what it says with values."""

from typing import NamedTuple

from fastapi import Request, Response
from pydantic import Field

from twinline.bundles import actions as bundles
from twinline.db.session import Reading, Writing
from twinline.deployments import actions as deployments
from twinline.deployments.actions import LivePrompt
from twinline.evaluations import actions as evaluations
from twinline.inferences import actions as inferences
from twinline.language.errors import Conflict, Invalid
from twinline.language.records import (
    Bundle,
    Evaluation,
    Inclusion,
    LiftRequest,
    Number,
    Pairing,
    Prompt,
    PromptVersion,
    Prospect,
    RetireRequest,
    Service,
    Withdrawal,
)
from twinline.language.refs import PromptVersionRef
from twinline.lineage import prospects, retirements
from twinline.prompts import actions, inclusions
from twinline.prompts.paths import PathName
from twinline.web import addresses, deeds, forms, previews, rendering
from twinline.web.deeds import Deed, Typed
from twinline.web.gate import Reader, ReleaserOrRefused, SentFields
from twinline.web.page import Page
from twinline.web.pages.prompts import since
from twinline.web.previews import Preview, Text, shortened
from twinline.web.problems import page_router
from twinline.withdrawals import actions as withdrawals

router = page_router()

VARIABLES, EXAMPLES, PAIRS, INCLUSIONS, LIVE = 60, 5, 10, 20, 4


class Pair(NamedTuple):
    """A bundle that is built on the version, what was said of the pair, and what it scored."""

    bundle: Bundle
    pairing: Pairing | None
    evaluations: tuple[Evaluation, ...]


class VersionPage(Page, template="prompt_version.html"):
    """A version of a prompt."""

    prompt: Prompt = Field(description="The prompt, with where its labels stand.")
    version: PromptVersion = Field(
        description="What changed, who made it and when, its labels, and the digest of its content."
    )
    against: tuple[Withdrawal, ...] = Field(
        title="withdrawn",
        description="Why nothing new should be built on it: it, or what it came from, is retired "
        "or recalled.",
    )
    written: Text = Field(
        title="template",
        description="As it was typed; characters that nobody sees are shown by their code, and a "
        "space at the end of a line as a dot.",
    )
    composed: Text | None = Field(
        description="The template with what it includes in its place, when it includes anything."
    )
    live: tuple[LivePrompt, ...] = Field(
        title="compare with what is live",
        description="The newest versions of the prompt that are live.",
    )
    prospect: Prospect = Field(
        title="would affect",
        description="Where it is live, with its requests in the last 24 hours; which slots could "
        "roll back to it; and whom to tell.",
    )
    served: Service | None = Field(description="What it answered in the last 30 days.")
    pairs: tuple[Pair, ...] = Field(
        title="models",
        description="The bundles that are built on it: the model of each, what people or "
        "evaluations say of the pair, and the newest result of each suite.",
    )
    evaluations: tuple[Evaluation, ...] = Field(
        description="The newest result of each suite for the version by itself."
    )
    includes: tuple[Inclusion, ...] = Field(description="What stands in it.")
    included_by: tuple[Inclusion, ...] = Field(description="Where it stands.")
    no_preview: str = Field(description="Why it is not rendered here.")
    fields: tuple[previews.Field, ...] = Field(
        title="values", description="A field for each variable, and for a chat's messages."
    )
    preview: Preview | None = Field(
        description="What the version says with these values, by the rules by which the client "
        "renders it in an application."
    )
    deed: Deed = Field(
        title="the form", description="Why it is retired, or let go on; it is carried out once."
    )

    @property
    def title(self) -> str:
        """The version as people say it."""
        return f"{self.version.name} version {self.version.number}"

    @property
    def here(self) -> str:
        """The page's own address."""
        return addresses.prompt_version(self.version.name, self.version.number)

    @property
    def others_live(self) -> list[int]:
        """Other versions that are live, the newest first."""
        numbers = {one.prompt.number for one in self.live} - {self.version.number}
        return sorted(numbers, reverse=True)

    @property
    def variables_more(self) -> int:
        """Variables that the page leaves out."""
        return max(len(self.version.variables) - VARIABLES, 0)

    @property
    def examples_more(self) -> int:
        """Examples that the page leaves out."""
        return max(len(self.version.examples) - EXAMPLES, 0)

    @property
    def pairs_more(self) -> int:
        """Bundles that the page leaves out."""
        return max(len(self.prospect.bundles) - PAIRS, 0)

    @property
    def retired(self) -> Withdrawal | None:
        """Its own retirement, if it is retired."""
        node = str(self.version.ref)
        found = (one for one in self.against if one.node == node and one.kind == "retired")
        return next(found, None)


@router.get("/prompts/{name:path}/versions/{number}")
def version(name: PathName, number: Number, by: Reader, request: Request) -> Response:
    """One version; with ``preview`` what it says with the values of the query."""
    asked = request.query_params
    typed = {key: asked[key].replace("\r\n", "\n") for key in asked}
    with by.reading() as tx:
        shown = _page(tx, PromptVersionRef(name, number), typed, deeds.FIRST)
    bad = shown.preview is not None and shown.preview.errors
    return rendering.answer(by, shown, 422 if bad else 200)


@router.post("/prompts/{name:path}/versions/{number}")
def change(name: PathName, number: Number, sent: SentFields, by: ReleaserOrRefused) -> Response:
    """Retire a version, or let people build on it again."""
    ref = PromptVersionRef(name, number)

    def act(tx: Writing) -> tuple[str, str]:
        word = _change(tx, ref, sent.text("act"), sent.text(deeds.REASON).strip())
        return addresses.prompt_version(name, number), word

    def again(tx: Reading, typed: Typed) -> Page:
        return _page(tx, ref, {}, typed)

    return deeds.carried_out(by, sent, act, again)


def _page(tx: Reading, ref: PromptVersionRef, values: dict[str, str], typed: Typed) -> VersionPage:
    found = actions.read_version(tx, ref)
    prospect = prospects.foresee(tx, "retirement", str(ref))
    no_preview = previews.why_not(found)
    return VersionPage(
        prompt=actions.read_prompt(tx, ref.name),
        version=found,
        against=withdrawals.against(tx, ref),
        written=shortened(found.template),
        composed=shortened(found.composed) if found.composed else None,
        live=deployments.live_of(tx, [ref.name], also=[ref.number - 1], versions=LIVE, slots=1),
        prospect=prospect,
        served=inferences.by_prompt(tx, ref.name, [ref.number], since()).get(ref.number),
        pairs=_pairs(tx, prospect),
        evaluations=evaluations.newest_of_all(tx, [ref]),
        includes=inclusions.includes(tx, ref, cursor=None, limit=INCLUSIONS).items,
        included_by=_included_by(tx, ref),
        no_preview=no_preview,
        fields=() if no_preview else previews.fields(found, values),
        preview=None if no_preview else _preview(found, values),
        deed=deeds.deed(tx, typed, "", ()),
    )


def _preview(found: PromptVersion, typed: dict[str, str]) -> Preview | None:
    return previews.preview(found, typed) if "preview" in typed else None


def _included_by(tx: Reading, ref: PromptVersionRef) -> tuple[Inclusion, ...]:
    return inclusions.included_by(tx, ref.name, ref.number, cursor=None, limit=INCLUSIONS).items


def _pairs(tx: Reading, prospect: Prospect) -> tuple[Pair, ...]:
    """The newest bundles."""
    wanted = prospect.bundles[-PAIRS:][::-1]
    found = bundles.read_all(tx, wanted)
    scored = evaluations.newest_of_all(tx, wanted) if wanted else ()
    return tuple(
        Pair(
            bundle=found[one],
            pairing=_pairing(tx, found[one]),
            evaluations=tuple(result for result in scored if result.subject == one),
        )
        for one in wanted
    )


def _pairing(tx: Reading, bundle: Bundle) -> Pairing | None:
    if bundle.model is None or bundle.prompt is None:
        return None
    return bundles.pairing(tx, bundle.model, bundle.prompt)


def _change(tx: Writing, ref: PromptVersionRef, act: str, reason: str) -> str:
    match act:
        case "retire":
            wanted = forms.filled(RetireRequest, {"node": str(ref), "reason": reason})
            _, made = retirements.retire(tx, wanted)
            if not made:
                raise Conflict(f"{ref} is retired already.", name=str(ref))
            return "version-retired"
        case "unretire":
            wanted = forms.filled(LiftRequest, {"reason": reason})
            found = withdrawals.standing(tx, ref, "retired")
            if found is None:
                return _let_go_before(tx, ref)
            withdrawals.lift(tx, "retired", found.number, wanted.reason)
            return "version-unretired"
        case _:
            raise Invalid(f"{act!r} is nothing that can be done to a version.", field="act")


def _let_go_before(tx: Reading, ref: PromptVersionRef) -> str:
    if retirements.let_go(tx, ref):
        return "version-let-go-before"
    raise Conflict(f"{ref} was never retired; there is nothing to let go on.", name=str(ref))
