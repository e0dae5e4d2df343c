"""Pair a model version with a prompt version, and say what is known about pairs."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from twinline.access.actions import audit
from twinline.bundles import rules, store
from twinline.db.session import Reading, Writing
from twinline.language import cursors, identity
from twinline.language.errors import Conflict, InvalidReference, NotFound
from twinline.language.records import Bundle, NewBundle, NewPairing, Page, Pairing, ServedBundle
from twinline.language.refs import (
    BundleRef,
    ModelAliasRef,
    ModelVersionRef,
    PromptLabelRef,
    PromptVersionRef,
    parse_ref,
)
from twinline.models import actions as models
from twinline.prompts import actions as prompts
from twinline.withdrawals import actions as withdrawals


def pair(tx: Writing, new: NewBundle) -> tuple[Bundle, bool]:
    """The bundle of this pair, and whether it had to be made.

    Raises:
        NotFound: there is no such model version or prompt version.
    """
    model = models.read_version(tx, new.model)
    prompt = prompts.read_version(tx, new.prompt)
    digest = rules.pair_digest(model, prompt, new.parameters)
    made = store.add_pair(tx, digest, model.ref, prompt.ref, new.parameters)
    bundle = read(tx, BundleRef(digest))
    if made:
        audit(tx, "bundle.create", str(bundle.ref), after=bundle.model_dump(mode="json"))
    return bundle, made


def propose(tx: Writing, new: NewBundle) -> tuple[Bundle, bool]:
    """As `pair`, for somebody who wants to deploy it: a new bundle is not made of what is
    withdrawn. (What requests were served with is recorded whatever it is.)

    Raises:
        NotFound: there is no such model version or prompt version.
        VersionWithdrawn: the bundle is new, and a side of it is retired or recalled.
    """
    known = find_pair(tx, new)
    if known is None:
        for side in (
            models.read_version(tx, new.model).ref,
            prompts.read_version(tx, new.prompt).ref,
        ):
            withdrawals.refuse_withdrawn(tx, side, f"No new bundle is made of {side}")
    return pair(tx, new)


def find_pair(tx: Reading, new: NewBundle) -> Bundle | None:
    """The bundle of this pair, None when nobody made it yet.

    Raises:
        NotFound: there is no such model version or prompt version.
    """
    sides = models.read_version(tx, new.model), prompts.read_version(tx, new.prompt)
    return next(iter(store.find(tx, rules.pair_digest(*sides, new.parameters))), None)


def find_unresolved(tx: Reading, words: dict[str, Any]) -> Bundle | None:
    """The bundle that stands for these words, None when they are new."""
    return next(iter(store.find(tx, rules.unresolved_digest(words))), None)


def foresee(
    tx: Reading, model: ModelVersionRef, prompt: PromptVersionRef, parameters: dict[str, Any]
) -> BundleRef:
    """The reference that the bundle of a pair has or would have.

    Raises:
        NotFound: there is no such version.
    """
    return foresee_all(tx, [(model, prompt, parameters)])[0]


def foresee_all(
    tx: Reading, pairs: Sequence[tuple[ModelVersionRef, PromptVersionRef, dict[str, Any]]]
) -> list[BundleRef]:
    """The reference that the bundle of each of these pairs with its parameters has or would
    have.

    Raises:
        NotFound: there is no such version.
    """
    digests = store.side_digests(tx, {side for *sides, _ in pairs for side in sides})
    for model, prompt, _ in pairs:
        if str(model) not in digests:
            models.read_version(tx, model)
        if str(prompt) not in digests:
            prompts.read_version(tx, prompt)
    return [
        BundleRef(
            identity.pair_digest(
                model=model,
                model_digest=digests[str(model)],
                prompt=prompt,
                prompt_digest=digests[str(prompt)],
                parameters=parameters,
            )
        )
        for model, prompt, parameters in pairs
    ]


def keep_unresolved(tx: Writing, words: dict[str, Any]) -> Bundle:
    """The bundle that stands for words which could not be resolved."""
    digest = rules.unresolved_digest(words)
    if store.add_unresolved(tx, digest, words):
        audit(tx, "bundle.unresolved", str(BundleRef(digest)), after=words)
    return read(tx, BundleRef(digest))


def read(tx: Reading, ref: BundleRef) -> Bundle:
    """A bundle by its digest, or by 12 or more of its first characters.

    Raises:
        NotFound: no bundle begins so.
        Conflict: several do.
    """
    found = store.find(tx, ref.digest)
    match found:
        case (bundle,):
            return bundle
        case ():
            raise NotFound(
                f"There is no bundle whose digest begins with {ref.digest!r}; "
                "`twinline bundles list` shows them.",
                kind="bundle",
                name=str(ref),
            )
        case _:
            raise Conflict(
                f"Several bundles begin with {ref.digest!r}; give more characters.", name=str(ref)
            )


def read_all(tx: Reading, refs: Collection[BundleRef]) -> dict[BundleRef, Bundle]:
    """Bundles by their whole digests; those that do not exist are left out."""
    return {bundle.ref: bundle for bundle in store.find_all(tx, refs)}


def pairings_between(
    tx: Reading, refs: Collection[BundleRef], since: datetime, until: datetime, limit: int
) -> tuple[Pairing, ...]:
    """Statements about the pairs in these bundles after ``since`` and up to ``until``, the
    newest first."""
    return store.pairings_between(tx, refs, since, until, limit)


def list_bundles(
    tx: Reading,
    *,
    model: str | None = None,
    prompt: str | None = None,
    cursor: str | None,
    limit: int,
) -> Page[Bundle]:
    """Bundles, the newest first; those of a model or a prompt alone, by name or by reference.

    Raises:
        InvalidReference: what has the form of a reference is none of a version.
        NotFound: there is no such model, prompt or version.
    """
    of_model = _model_meant(tx, model) if model else None
    of_prompt = _prompt_meant(tx, prompt) if prompt else None
    both = [f"with {one}" for one in (of_model, of_prompt) if one is not None]
    listing = " ".join(["bundles", *both])
    before = cursors.decode(listing, cursor, int)
    items = store.page(tx, of_model=of_model, of_prompt=of_prompt, before=before, limit=limit)
    return cursors.page(listing, items, limit, lambda last: store.id_of(tx, last.ref))


def _model_meant(tx: Reading, text: str) -> ModelVersionRef | str:
    if ":/" not in text:
        return models.read_model(tx, text).name
    ref = parse_ref(text)
    if not isinstance(ref, ModelVersionRef | ModelAliasRef):
        raise _other_side(text, "model", ModelVersionRef.example)
    return models.read_version(tx, ref).ref


def _prompt_meant(tx: Reading, text: str) -> PromptVersionRef | str:
    if ":/" not in text:
        return prompts.read_prompt(tx, text).name
    ref = parse_ref(text)
    if not isinstance(ref, PromptVersionRef | PromptLabelRef):
        raise _other_side(text, "prompt", PromptVersionRef.example)
    return prompts.read_version(tx, ref).ref


def _other_side(text: str, side: str, example: str) -> InvalidReference:
    return InvalidReference(
        f"{text!r} is no {side}; give its name, or a version of it like {example}.", value=text
    )


def serve(tx: Reading, ref: BundleRef) -> ServedBundle:
    """A bundle with all that an application needs.

    Raises:
        NotFound: there is no such bundle.
        Conflict: the bundle stands for something unresolved, which cannot serve.
    """
    bundle = read(tx, ref)
    if bundle.model is None or bundle.prompt is None:
        raise Conflict(
            f"{bundle.ref} stands for a pair that could not be resolved; it cannot serve.",
            name=str(bundle.ref),
            words=bundle.words,
        )
    model = models.read_version(tx, bundle.model)
    return rules.served(bundle, model, prompts.read_version(tx, bundle.prompt))


def state_pairing(tx: Writing, new: NewPairing) -> Pairing:
    """Say how a prompt version and a model version go together, and why.

    Raises:
        NotFound: there is no such version.
    """
    models.read_version(tx, new.model)
    prompts.read_version(tx, new.prompt)
    before = pairing(tx, new.model, new.prompt)
    store.add_pairing(tx, new)
    made = pairing(tx, new.model, new.prompt)
    assert made is not None
    audit(
        tx,
        "pairing.state",
        f"{new.prompt} with {new.model}",
        why=new.reason,
        before=before.model_dump(mode="json") if before else None,
        after=made.model_dump(mode="json"),
    )
    return made


def pairing(tx: Reading, model: ModelVersionRef, prompt: PromptVersionRef) -> Pairing | None:
    """The newest statement about a pair."""
    return pairings(tx, [(model, prompt)]).get((model, prompt))


def pairings(
    tx: Reading, pairs: Collection[tuple[ModelVersionRef, PromptVersionRef]]
) -> dict[tuple[ModelVersionRef, PromptVersionRef], Pairing]:
    """The newest statement about each of these pairs; of most there is none."""
    return {(one.model, one.prompt): one for one in store.newest_pairings(tx, pairs)}
