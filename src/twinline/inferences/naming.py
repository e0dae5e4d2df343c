"""Find what an inference names: its bundle, and the deployment that it was served by.

What is new is made under one lock, because batches that name the same new things in
another order would wait for each other for ever.

Applications send the words that they have. Whatever of them cannot be found makes the
bundle an unresolved one that holds all of them, so that nothing is dropped and
somebody can see what was meant.
"""

from typing import Any

from twinline.bundles import actions as bundles
from twinline.db.session import Writing
from twinline.deployments import actions as deployments
from twinline.inferences import store
from twinline.language.errors import Conflict, InvalidReference, NotFound
from twinline.language.records import Bundle, NewBundle, NewInference
from twinline.language.refs import (
    BundleRef,
    DeploymentRef,
    ModelAliasRef,
    ModelVersionRef,
    PromptLabelRef,
    PromptVersionRef,
    SlotRef,
    parse_ref,
)


class Names:
    """Looks each combination of words up once per transaction, and each thing that they
    name."""

    def __init__(self, tx: Writing) -> None:
        self._tx = tx
        self._known: dict[tuple[SlotRef | str | int | None, ...], Bundle] = {}
        self._there: dict[SlotRef | DeploymentRef, bool] = {}

    def bundle(self, sent: NewInference) -> Bundle:
        """The bundle that an inference names, or the one that stands for its words."""
        words = (sent.slot, sent.deployment, sent.bundle, sent.model, sent.prompt)
        if words not in self._known:
            self._known[words] = self._find(sent)
        return self._known[words]

    def _find(self, sent: NewInference) -> Bundle:
        if sent.slot and not self._is_there(sent.slot):
            store.lock_naming(self._tx)
            deployments.ensure_slot(self._tx, sent.slot)
            self._there[sent.slot] = True
        try:
            bundle = self._named(sent)
            if bundle.kind == "pair" and self._deployed(sent):
                return bundle
        except (NotFound, Conflict, InvalidReference):
            pass  # what was meant is not here: it is kept in the words it was sent in
        said = {"slot", "deployment", "bundle", "model", "prompt"}
        words = sent.model_dump(mode="json", include=said, exclude_none=True)
        return bundles.find_unresolved(self._tx, words) or self._kept(words)

    def _named(self, sent: NewInference) -> Bundle:
        if sent.bundle is not None:
            return bundles.read(self._tx, BundleRef.parse(sent.bundle))
        model, prompt = parse_ref(sent.model or ""), parse_ref(sent.prompt or "")
        if not isinstance(model, ModelVersionRef | ModelAliasRef):
            raise InvalidReference(f"{sent.model!r} names no model version")
        if not isinstance(prompt, PromptVersionRef | PromptLabelRef):
            raise InvalidReference(f"{sent.prompt!r} names no prompt version")
        pair = NewBundle(model=model, prompt=prompt, parameters={})
        return bundles.find_pair(self._tx, pair) or self._paired(pair)

    def _paired(self, pair: NewBundle) -> Bundle:
        store.lock_naming(self._tx)
        return bundles.pair(self._tx, pair)[0]

    def _kept(self, words: dict[str, Any]) -> Bundle:
        store.lock_naming(self._tx)
        return bundles.keep_unresolved(self._tx, words)

    def _deployed(self, sent: NewInference) -> bool:
        if sent.slot is None or sent.deployment is None:
            return True
        return self._is_there(DeploymentRef(sent.slot, sent.deployment))

    def _is_there(self, ref: SlotRef | DeploymentRef) -> bool:
        if ref not in self._there:
            if isinstance(ref, SlotRef):
                self._there[ref] = deployments.exists(self._tx, ref)
            else:
                self._there[ref] = deployments.find(self._tx, ref) is not None
        return self._there[ref]
