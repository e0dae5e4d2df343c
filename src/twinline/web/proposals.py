"""What somebody would deploy to a slot, and what that would change there."""

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from twinline.bundles import actions as bundles
from twinline.db.session import Reading, Writing
from twinline.deployments import actions as deployments
from twinline.evaluations import requirements
from twinline.evaluations.rules import Candidate
from twinline.language import strict_json
from twinline.language.errors import Invalid, NotFound, TwinlineError
from twinline.language.records import (
    Bundle,
    Deployment,
    Finding,
    MissingEvaluation,
    NewBundle,
    NewDeployment,
    PairPreflight,
)
from twinline.language.refs import BundleRef, DeploymentRef, SlotRef
from twinline.models import actions as models
from twinline.prompts import actions as prompts
from twinline.rollbacks.pairs import Pairs
from twinline.routing.lint import lint
from twinline.routing.policy import Policy, complete, read_policy, single, substitute
from twinline.web import addresses, forms, policies, swaps
from twinline.web.swaps import Swap

BUNDLES_MOST = 50
"""Bundles of a policy that is looked at on a page."""


@dataclass(frozen=True)
class Choice:
    """What was chosen, as text: a bundle, a pair, or a whole policy.

    ``keep`` lets the rules of the live policy stand, and puts the bundle or pair only where
    its default bundle is.
    """

    bundle: str = ""
    model: str = ""
    prompt: str = ""
    parameters: str = ""
    policy: str = ""
    keep: str = ""

    @property
    def pair(self) -> bool:
        """Whether both sides of a pair were chosen."""
        return bool(self.model and self.prompt)

    @property
    def made(self) -> bool:
        """Whether enough was chosen to look at; one side of a pair alone is not."""
        return bool(self.bundle or self.pair or self.policy)


@dataclass(frozen=True)
class Place:
    """A place in the policy, and which bundle is named there now and then."""

    name: str
    was: BundleRef | None
    becomes: BundleRef | None


@dataclass(frozen=True)
class Proposal:
    """What would be deployed; ``new`` is a pair that nobody made into a bundle yet."""

    policy: Policy
    named: tuple[Bundle, ...]
    new: NewBundle | None = None
    document: str = ""

    def deployment(self, reason: str) -> NewDeployment:
        """What is asked for, to be checked as any deployment is."""
        if self.document:
            sent = _document(self.document)
            return forms.filled(NewDeployment, {"policy": sent, "reason": reason})
        if self.policy == single(self.policy.default.bundle):
            bundle = self.policy.default.bundle
            return forms.filled(NewDeployment, {"bundle": bundle, "reason": reason})
        document = self.policy.document()
        return forms.filled(NewDeployment, {"policy": document, "reason": reason})


@dataclass(frozen=True)
class Outlook:
    """What a proposal would change in a slot, and what stands against it.

    ``policy`` is what changes beside the bundle that everybody gets; None when nothing does.
    ``missing`` is what the slot requires and any bundle of the proposed policy lacks.
    """

    swaps: tuple[Swap, ...]
    policy: policies.Change | None
    places: tuple[Place, ...]
    findings: tuple[Finding, ...]
    stopped: tuple[str, ...]
    missing: tuple[MissingEvaluation, ...]
    nothing_new: bool


def read(tx: Reading, live: Deployment | None, choice: Choice) -> Proposal:
    """What a choice means in a slot.

    Raises:
        Invalid: it means nothing, or several things.
        NotFound, Conflict: it names what is not there.
    """
    ways = [choice.bundle, choice.model or choice.prompt, choice.policy]
    if sum(bool(way) for way in ways) != 1:
        raise Invalid("Choose one: a bundle, a pair, or a policy.", field="bundle")
    if choice.policy:
        return _policy(tx, live, choice.policy)
    if choice.bundle:
        known = bundles.read(tx, forms.bundle(choice.bundle))
        return Proposal(_in_place(live, known.ref, choice.keep), (known,))
    return _pair(tx, live, choice)


def again(live: Deployment, earlier: Deployment) -> str:
    """Where it is looked at what deploying an earlier deployment again would change; empty:
    its policy is what is live.

    Its default bundle comes in, and where the live policy has rules, they stand; where that
    bundle is the live default, its whole policy comes in.
    """
    if earlier.digest == live.digest:
        return ""
    if earlier.bundle == live.bundle:
        return addresses.deploy(live.slot.short, again=str(earlier.number))
    keep = "yes" if read_policy(live.policy) != single(live.bundle) else ""
    return addresses.deploy(live.slot.short, bundle=earlier.bundle.digest, keep=keep)


def choice_of(tx: Reading, ref: DeploymentRef) -> Choice:
    """What was deployed earlier, to be chosen again: its policy, or all that is in it.

    Raises:
        NotFound: there is no such deployment.
    """
    found = deployments.find(tx, ref)
    if found is None:
        raise NotFound(f"There is no {ref}.", kind="deployment", name=str(ref))
    if read_policy(found.policy) == single(found.bundle):
        return Choice(bundle=found.bundle.digest)
    return Choice(policy=json.dumps(found.policy, ensure_ascii=False, indent=2))


def exact(choice: Choice, proposal: Proposal) -> Choice:
    """The same choice, which means the same for ever: a pair by its versions, not by labels."""
    if not (choice.model or choice.prompt):
        return choice
    (pair,) = proposal.named
    return replace(choice, model=str(pair.model), prompt=str(pair.prompt))


def make(tx: Writing, proposal: Proposal) -> None:
    """Make the bundle of a pair that is new.

    Raises:
        VersionWithdrawn: a side of it is retired or recalled.
    """
    if proposal.new:
        bundles.propose(tx, proposal.new)


def outlook(tx: Reading, slot: SlotRef, live: Deployment | None, proposal: Proposal) -> Outlook:
    """What a proposal would change."""
    standing = read_policy(live.policy) if live else None
    before = dict(standing.places()) if standing else {}
    after = dict(proposal.policy.places())
    known, preflights = Pairs(tx), dict[BundleRef, PairPreflight]()
    for one in proposal.named:
        if one.model and one.prompt:
            preflights[one.ref] = known.preflight(slot, one, one.model, one.prompt)
    made = bundles.read_all(tx, {*before.values(), *after.values()})
    every = {one.ref: one for one in proposal.named} | made
    return Outlook(
        swaps=tuple(_swaps(tx, live, before, after, preflights, made)),
        policy=policies.change(
            standing,
            proposal.policy,
            every,
            (f"deployment {live.number}" if live else "nothing", "what would be deployed"),
        ),
        places=tuple(
            Place(name, before.get(name), after.get(name))
            for name in dict.fromkeys([*after, *before])
        ),
        findings=lint(proposal.policy),
        stopped=tuple(dict.fromkeys(_stopped(tx, proposal, known, preflights))),
        missing=_missing(tx, slot, proposal.policy, every),
        nothing_new=standing is not None and proposal.policy.digest == standing.digest,
    )


def _swaps(
    tx: Reading,
    live: Deployment | None,
    before: Mapping[str, BundleRef],
    after: Mapping[str, BundleRef],
    preflights: Mapping[BundleRef, PairPreflight],
    made: Mapping[BundleRef, Bundle],
) -> Iterator[Swap]:
    seen = set[BundleRef]()
    for place, ref in after.items():
        old = before.get(place) or (live.bundle if live else None)
        if ref in seen or ref not in preflights or (ref == old and len(after) > 1):
            continue
        seen.add(ref)
        yield swaps.swap(tx, made.get(old) if old else None, preflights[ref], made)


def _stopped(
    tx: Reading,
    proposal: Proposal,
    known: Pairs,
    preflights: Mapping[BundleRef, PairPreflight],
) -> Iterator[str]:
    """Why it cannot go live, whatever the slot requires."""
    foreseen = proposal.named[0].ref if proposal.new else None
    try:
        deployments.deployable(tx, proposal.policy, foreseen)
    except TwinlineError as refused:
        yield refused.detail
    if foreseen is None:
        return
    pair = preflights[foreseen]
    if pair.verdict == "blocked":
        yield f"{pair.prompt} with {pair.model}: {pair.why}"
    else:
        yield from (why for side in (pair.prompt, pair.model) if (why := known.why_unfit(side)))


def _missing(
    tx: Reading, slot: SlotRef, policy: Policy, known: Mapping[BundleRef, Bundle]
) -> tuple[MissingEvaluation, ...]:
    named = (known[ref] for ref in policy.bundles() if ref in known)
    pairs = (Candidate(one.ref, one.model, one.prompt) for one in named if one.model and one.prompt)
    return requirements.missing(tx, slot, pairs)


def _policy(tx: Reading, live: Deployment | None, text: str) -> Proposal:
    policy = complete(_document(text), live.policy if live else None, _salt)
    if len(policy.bundles()) > BUNDLES_MOST:
        raise Invalid(
            f"This policy names {len(policy.bundles())} bundles; a page looks over at most "
            f"{BUNDLES_MOST}, each with its evidence. Deploy it from a file: "
            "`twinline deploy SLOT --policy FILE`.",
            field="policy",
        )
    named = tuple(bundles.read(tx, ref) for ref in policy.bundles())
    whole = {ref: one.ref for ref, one in zip(policy.bundles(), named, strict=True)}
    return Proposal(substitute(policy, whole.__getitem__), named, document=text)


def _document(text: str) -> dict[str, object]:
    found = strict_json.loads(text.encode())
    if not isinstance(found, dict):
        raise Invalid("This is no JSON object, as in {}.", field="policy")
    return found  # pyright: ignore[reportUnknownVariableType] -- JSON's members are text


def _pair(tx: Reading, live: Deployment | None, choice: Choice) -> Proposal:
    parameters = _document(choice.parameters) if choice.parameters.strip() else {}
    new = forms.filled(
        NewBundle,
        {"model": choice.model, "prompt": choice.prompt, "parameters": parameters},
    )
    known = bundles.find_pair(tx, new)
    foreseen = known or _foreseen(tx, new)
    policy = _in_place(live, foreseen.ref, choice.keep)
    return Proposal(policy, (foreseen,), new=None if known else new)


def _foreseen(tx: Reading, new: NewBundle) -> Bundle:
    """The bundle that a pair would be."""
    model, prompt = models.read_version(tx, new.model), prompts.read_version(tx, new.prompt)
    ref = bundles.foresee(tx, model.ref, prompt.ref, new.parameters)
    return Bundle(
        ref=ref,
        digest=ref.digest,
        kind="pair",
        model=model.ref,
        prompt=prompt.ref,
        pinned=model.pinned,
        parameters=new.parameters,
        words=None,
        created_at=datetime.now(UTC),
    )


def _in_place(live: Deployment | None, ref: BundleRef, keep: str) -> Policy:
    if live is None or not keep:
        return single(ref)
    return substitute(read_policy(live.policy), lambda old: ref if old == live.bundle else old)


def _salt() -> str:
    return secrets.token_hex(8)
