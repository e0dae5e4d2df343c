"""Prompts, models, bundles and evaluations, as the client offers them."""

from collections.abc import Iterator, Sequence
from typing import Any

from twinline.client.http import Http, segment
from twinline.client.notebooks import ShownBundle, ShownDiff
from twinline.language.names import LATEST
from twinline.language.records import (
    Bundle,
    Dataset,
    Declaration,
    Evaluation,
    Example,
    IncludersUpdate,
    IncludersUpdated,
    Inclusion,
    LabelChange,
    LabelMove,
    MlflowImport,
    Model,
    ModelName,
    ModelVersion,
    NewBundle,
    NewEvaluation,
    NewModelName,
    NewModelVersion,
    NewPairing,
    NewPromptVersion,
    NewProtection,
    OutdatedInclude,
    Page,
    Pairing,
    PairingStatus,
    Promotion,
    Prompt,
    PromptAccess,
    PromptCheck,
    PromptDiff,
    PromptRetirement,
    PromptVersion,
    ProtectedLabel,
    Run,
    Syntax,
    VersionUse,
    Withdrawal,
)
from twinline.language.refs import (
    BundleRef,
    ModelAliasRef,
    ModelVersionRef,
    PromptLabelRef,
    PromptVersionRef,
    Ref,
    parse_ref,
)

Version = str | Ref
"""A reference, or its text."""


class Prompts:
    """The prompt registry."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def create(
        self,
        name: str,
        template: str | Sequence[dict[str, Any]],
        *,
        syntax: Syntax = "twinline",
        variables: Sequence[Declaration | dict[str, Any]] = (),
        examples: Sequence[Example | dict[str, Any]] = (),
        parameters: dict[str, Any] | None = None,
        message: str = "",
        description: str | None = None,
        tags: dict[str, Any] | None = None,
        labels: Sequence[str] = (),
        derived_from: PromptVersionRef | str | None = None,
        key: str | None = None,
    ) -> PromptVersion:
        """Make the next version of a prompt; identical content returns the version there is.

        Its ``notes`` say what may not have been meant.
        """
        new = NewPromptVersion.model_validate(
            {
                "name": name,
                "template": template,
                "syntax": syntax,
                "variables": tuple(variables),
                "examples": tuple(examples),
                "parameters": parameters or {},
                "message": message,
                "description": description,
                "tags": tags,
                "labels": tuple(labels),
                "derived_from": derived_from,
            }
        )
        return self._http.write(PromptVersion, "POST", "/prompts", new, key=key)

    def check(
        self,
        name: str,
        template: str | Sequence[dict[str, Any]],
        *,
        syntax: Syntax = "twinline",
        variables: Sequence[Declaration | dict[str, Any]] = (),
        examples: Sequence[Example | dict[str, Any]] = (),
        parameters: dict[str, Any] | None = None,
    ) -> PromptCheck:
        """What `create` would make of this; nothing is kept."""
        new = NewPromptVersion.model_validate(
            {
                "name": name,
                "template": template,
                "syntax": syntax,
                "variables": tuple(variables),
                "examples": tuple(examples),
                "parameters": parameters or {},
            }
        )
        return self._http.write(PromptCheck, "POST", "/prompts/check", new)

    def get(
        self, name: str, *, version: int | None = None, label: str | None = None
    ) -> PromptVersion:
        """A version by number or label; the newest when neither is given."""
        query = {"version": version, "label": label}
        return self._http.get(PromptVersion, f"/prompts/{segment(name)}", query)

    def list(
        self,
        search: str | None = None,
        *,
        label: str | None = None,
        tags: Sequence[str] = (),
        domain: str | None = None,
        author: str | None = None,
        includes: str | None = None,
        retired: bool = False,
    ) -> Iterator[Prompt]:
        """Prompts by name; with ``search`` those that are found, the best first.

        Args:
            search: words or parts of words in the name, the description, the tags, or the
                text of the newest or a labelled version.
            label: on a version of it.
            tags: that it has, each as ``NAME`` or ``NAME=VALUE``.
            domain: the folder that it lies in, or in one below it.
            author: who made a version of it.
            includes: a prompt that stands in its newest or in a labelled version.
            retired: with those whose versions are all retired, too.
        """
        narrowed = {"label": label, "tag": tuple(tags), "domain": domain, "author": author}
        hidden = {"includes": includes, "retired": retired}
        return self._http.pages(Prompt, "/prompts", {"search": search, **narrowed, **hidden})

    def versions(self, name: str, *, retired: bool = False) -> Iterator[PromptVersion]:
        """The versions of a prompt, the newest first; with ``retired`` also those that are."""
        path = f"/prompts/{segment(name)}/versions"
        return self._http.pages(PromptVersion, path, {"retired": retired})

    def retire(self, name: str, *, reason: str) -> Page[Withdrawal]:
        """Retire every version of a prompt: nothing that is built on it goes live any more.

        One version is retired by ``client.lineage.retire``.
        """
        wanted = PromptRetirement(reason=reason)
        path = f"/prompts/{segment(name)}/retire"
        return self._http.write(Page[Withdrawal], "POST", path, wanted)

    def unretire(self, name: str, *, reason: str) -> Page[Withdrawal]:
        """Let people build again on the versions that were retired with the whole prompt."""
        wanted = PromptRetirement(reason=reason)
        path = f"/prompts/{segment(name)}/unretire"
        return self._http.write(Page[Withdrawal], "POST", path, wanted)

    def move_label(
        self,
        name: str,
        label: str,
        number: int,
        *,
        reason: str,
        expected: int | None = None,
        key: str | None = None,
    ) -> PromptVersion:
        """Move a label; with ``expected`` only from the version it is thought to be on."""
        change = LabelChange(number=number, reason=reason, expected=expected)
        path = f"/prompts/{segment(name)}/labels/{segment(label)}"
        return self._http.write(PromptVersion, "PUT", path, change, key=key)

    def diff(
        self,
        name: str,
        old: int | str,
        new: int | str = LATEST,
        *,
        context: int | None = None,
    ) -> PromptDiff:
        """What differs between two versions, to the word.

        Args:
            name: the prompt.
            old: a number or a label of it, or the reference of another prompt's version.
            new: likewise.
            context: how many equal lines to give around each change; None: all.
        """
        query = {"from": old, "to": new, "context": context}
        return self._http.get(ShownDiff, f"/prompts/{segment(name)}/diff", query)

    def accesses(self, name: str, *, version: int | None = None) -> Iterator[PromptAccess]:
        """Who read which version of the prompt, day by day, the newest day first."""
        return self._http.pages(
            PromptAccess, f"/prompts/{segment(name)}/access", {"version": version}
        )

    def uses(self, name: str) -> Iterator[VersionUse]:
        """When each version of the prompt was read last, the newest version first."""
        return self._http.pages(VersionUse, f"/prompts/{segment(name)}/access/versions")

    def remove_label(
        self,
        name: str,
        label: str,
        *,
        reason: str,
        expected: int | None = None,
        key: str | None = None,
    ) -> LabelMove:
        """Take a label off a prompt; its history stays."""
        path = f"/prompts/{segment(name)}/labels/{segment(label)}"
        query = {"reason": reason, "expected": expected}
        return self._http.write(LabelMove, "DELETE", path, query=query, key=key)

    def promote(
        self,
        name: str,
        source: str,
        target: str,
        *,
        reason: str,
        expected: int | None = None,
        key: str | None = None,
    ) -> PromptVersion:
        """Move the label ``target`` to the version that ``source`` names at this moment."""
        promotion = Promotion(source=source, target=target, reason=reason, expected=expected)
        path = f"/prompts/{segment(name)}/promote"
        return self._http.write(PromptVersion, "POST", path, promotion, key=key)

    def protected(self) -> Iterator[ProtectedLabel]:
        """The labels that only who may move protected ones can move."""
        return self._http.pages(ProtectedLabel, "/labels/protected")

    def protect(self, label: str, *, reason: str, domain: str = "") -> ProtectedLabel:
        """Protect a label in a folder of prompts, or with no ``domain`` everywhere."""
        new = NewProtection(domain=domain, reason=reason)
        path = f"/labels/{segment(label)}/protection"
        return self._http.write(ProtectedLabel, "PUT", path, new)

    def unprotect(self, label: str, *, reason: str, domain: str = "") -> ProtectedLabel:
        """Let everybody who may move labels move this one again."""
        query = {"reason": reason, "domain": domain}
        path = f"/labels/{segment(label)}/protection"
        return self._http.write(ProtectedLabel, "DELETE", path, query=query)

    def history(self, name: str) -> Iterator[LabelMove]:
        """Every move of the prompt's labels, the newest first."""
        return self._http.pages(LabelMove, f"/prompts/{segment(name)}/history")

    def includes(
        self, name: str, *, version: int | None = None, label: str | None = None
    ) -> Iterator[Inclusion]:
        """All that stands in a version (the newest), directly or not; the nearest first."""
        query = {"version": version, "label": label}
        return self._http.pages(Inclusion, f"/prompts/{segment(name)}/includes", query)

    def included_by(self, name: str, *, version: int | None = None) -> Iterator[Inclusion]:
        """All versions that a version (any of them) stands in, the nearest first."""
        query = {"version": version}
        return self._http.pages(Inclusion, f"/prompts/{segment(name)}/included-by", query)

    def outdated(self, name: str) -> Iterator[OutdatedInclude]:
        """Where versions in use hold an older version of a prompt than its newest."""
        return self._http.pages(OutdatedInclude, f"/prompts/{segment(name)}/outdated")

    def update_includers(
        self, name: str, *, reason: str, key: str | None = None
    ) -> IncludersUpdated:
        """Make new versions of all that hold an older version of a prompt; labels stay."""
        wanted = IncludersUpdate(reason=reason)
        path = f"/prompts/{segment(name)}/update-includers"
        return self._http.write(IncludersUpdated, "POST", path, wanted, key=key)


class Models:
    """Models, their versions, runs and datasets."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def register(self, new: NewModelVersion, *, key: str | None = None) -> ModelVersion:
        """Register a version by hand, say of a hosted provider's model."""
        return self._http.write(ModelVersion, "POST", "/models", new, key=key)

    def import_from_mlflow(
        self,
        name: str,
        *,
        number: int | None = None,
        alias: str | None = None,
        server: str = "default",
        workspace: str = "default",
    ) -> ModelVersion:
        """Have the server read a version from its MLflow: by number, alias, or the newest.

        It gets the name that the mirror has for it: outside the default workspace of the
        default server that begins with the ``server`` and the ``workspace``.
        """
        wanted = MlflowImport(
            name=name, number=number, alias=alias, server=server, workspace=workspace
        )
        return self._http.write(ModelVersion, "POST", "/mlflow/models", wanted)

    def list(self) -> Iterator[Model]:
        """Models by name."""
        return self._http.pages(Model, "/models")

    def get(self, name: str, number: int) -> ModelVersion:
        """One version."""
        return self._http.get(ModelVersion, f"/models/{segment(name)}/versions/{number}")

    def versions(self, name: str) -> Iterator[ModelVersion]:
        """The versions of a model, the newest first."""
        return self._http.pages(ModelVersion, f"/models/{segment(name)}/versions")

    def names(self) -> Iterator[ModelName]:
        """The names by which traces may mean versions, by provider and name."""
        return self._http.pages(ModelName, "/models/names")

    def keep_name(
        self, provider: str, name: str, version: ModelVersionRef | str, *, reason: str
    ) -> ModelName:
        """Say which version is meant where traces say this provider (``*``: whichever) and
        model (a whole name, or with ``*`` at its end all that begin so)."""
        ref = _one_of(version, ModelVersionRef)
        new = NewModelName(provider=provider, name=name, version=ref, reason=reason)
        return self._http.write(ModelName, "PUT", "/models/names", new)

    def drop_name(self, provider: str, name: str) -> ModelName:
        """Let a name stand for nothing any more; what it stood for."""
        path = f"/models/names/{segment(provider)}/{segment(name)}"
        return self._http.write(ModelName, "DELETE", path)

    def run(self, id: str) -> Run:
        """A run, with the datasets that went into it."""
        return self._http.get(Run, f"/runs/{segment(id)}")

    def datasets(self, name: str) -> Iterator[Dataset]:
        """The datasets of a name, one for each digest."""
        return self._http.pages(Dataset, f"/datasets/{segment(name)}")


class Bundles:
    """Bundles, pairings and evaluations."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def pair(
        self,
        model: Version,
        prompt: Version,
        parameters: dict[str, Any] | None = None,
        *,
        key: str | None = None,
    ) -> Bundle:
        """The bundle of a model version and a prompt version; labels and aliases are
        resolved to versions now."""
        new = NewBundle(
            model=_one_of(model, ModelVersionRef, ModelAliasRef),
            prompt=_one_of(prompt, PromptVersionRef, PromptLabelRef),
            parameters=parameters or {},
        )
        return self._http.write(ShownBundle, "POST", "/bundles", new, key=key)

    def get(self, ref: BundleRef | str) -> Bundle:
        """A bundle by its reference; 12 characters of the digest are enough."""
        return self._http.get(ShownBundle, f"/bundles/{_bundle(ref).digest}")

    def list(self) -> Iterator[Bundle]:
        """Bundles, the newest first."""
        return self._http.pages(ShownBundle, "/bundles")

    def state_pairing(
        self,
        model: Version,
        prompt: Version,
        status: PairingStatus,
        *,
        reason: str,
        evidence: str = "",
        key: str | None = None,
    ) -> Pairing:
        """Say how two versions go together; the newest word counts."""
        new = NewPairing(
            model=_one_of(model, ModelVersionRef, ModelVersionRef),
            prompt=_one_of(prompt, PromptVersionRef, PromptVersionRef),
            status=status,
            reason=reason,
            evidence=evidence,
        )
        return self._http.write(Pairing, "PUT", "/pairings", new, key=key)

    def evaluate(self, new: NewEvaluation, *, key: str | None = None) -> Evaluation:
        """Record how a bundle scored on a suite."""
        return self._http.write(Evaluation, "POST", "/evaluations", new, key=key)

    def evaluations(self, ref: BundleRef | str) -> Iterator[Evaluation]:
        """The newest result of each suite for a bundle."""
        return self._http.pages(Evaluation, "/evaluations/newest", {"subject": _bundle(ref)})


def _bundle(ref: BundleRef | str) -> BundleRef:
    return ref if isinstance(ref, BundleRef) else BundleRef.parse(ref)


def _one_of(version: Version, *kinds: type[Any]) -> Any:
    ref = parse_ref(version) if isinstance(version, str) else version
    return ref if isinstance(ref, kinds) else kinds[0].parse(str(ref))
