"""What differs between two policies, prompts, models and deployments."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from twinline.diffs.unified import unified
from twinline.language.records import (
    Change,
    Dataset,
    DeploymentDifference,
    Message,
    ModelDifference,
    ModelVersion,
    PolicyDifference,
    PromptDifference,
    PromptVersion,
    RuleChange,
    Run,
    ShareChange,
    Template,
    ValueChange,
    VersionChange,
)
from twinline.language.refs import ModelVersionRef, PromptVersionRef
from twinline.routing.buckets import BUCKETS
from twinline.routing.policy import Policy, Rule

_OTHERS = ("unit", "attributes", "fallback", "shadow")
Version = TypeVar("Version", PromptVersionRef, ModelVersionRef)


@dataclass(frozen=True)
class Trained:
    """A model version with the run and the datasets that made it, as far as known."""

    version: ModelVersion
    run: Run | None = None
    datasets: tuple[Dataset, ...] = ()


@dataclass(frozen=True)
class State:
    """What a slot serves: its policy, and the sides of the default bundle."""

    policy: Policy
    prompt: PromptVersionRef
    model: ModelVersionRef
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])


def values(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[ValueChange, ...]:
    """The names whose values differ, by name. A value None is there; a missing one is not."""
    return tuple(
        ValueChange(
            name=name,
            change=_change(name in before, name in after),
            before=before.get(name),
            after=after.get(name),
        )
        for name in sorted(before.keys() | after.keys())
        if name not in before or name not in after or not _same(before[name], after[name])
    )


def policies(before: Policy | None, after: Policy) -> PolicyDifference:
    """What a policy does otherwise than the one before; its default bundle is not looked at.

    A rule in which only the shares of arms moved is not a changed rule.
    """
    old, new = _rules(before), _rules(after)
    documents = before.document() if before else {}, after.document()
    others = [{name: one[name] for name in _OTHERS if name in one} for one in documents]
    return PolicyDifference(
        rules=_rule_changes(old, new),
        shares=_share_changes(old, new),
        others=values(*others) + _order(old, new),
    )


def deployments(before: State | None, after: State) -> DeploymentDifference:
    """What a deployment changed against the one before it, or brought when it is the first."""
    prompt = _moved(before.prompt if before else None, after.prompt)
    model = _moved(before.model if before else None, after.model)
    parameters = values(before.parameters if before else {}, after.parameters)
    policy = policies(before.policy if before else None, after.policy)
    said = (_said("prompt", prompt), _said("model", model), *_named(parameters, "parameter"))
    return DeploymentDifference(
        prompt=prompt,
        model=model,
        parameters=parameters,
        policy=policy,
        summary="; ".join(word for word in (*said, *words(policy)) if word) or "nothing",
    )


def words(policy: PolicyDifference) -> tuple[str, ...]:
    """What a policy does otherwise, a few words for each thing."""
    rules = (f"rule {one.rule} {one.change}" for one in policy.rules)
    shares = (
        f"{one.rule}/{one.arm} {_percent(one.before)} -> {_percent(one.after)}"
        for one in policy.shares
    )
    return (*rules, *shares, *_named(policy.others, ""))


def prompts(before: PromptVersion | None, after: PromptVersion | None) -> PromptDifference | None:
    """The net difference of the prompt side; None when it is the same version."""
    old, new = (before.ref if before else None), (after.ref if after else None)
    if old == new:
        return None
    lines = unified(
        template_lines(before.whole) if before else (),
        template_lines(after.whole) if after else (),
        (str(old or ""), str(new or "")),
    )
    parameters = values(before.parameters if before else {}, after.parameters if after else {})
    return PromptDifference(before=old, after=new, lines=tuple(lines), parameters=parameters)


def template_lines(template: Template) -> list[str]:
    """A template as lines; of a chat, each line begins with its role."""
    if isinstance(template, str):
        return template.splitlines()
    return [
        line
        for part in template
        for line in (
            [f"{part.role}: {text}" for text in part.content.splitlines() or [""]]
            if isinstance(part, Message)
            else [f"<{part.name}>"]
        )
    ]


def models(before: Trained | None, after: Trained | None) -> ModelDifference | None:
    """The net difference of the model side; None when it is the same version."""
    old, new = (one.version if one else None for one in (before, after))
    if (old and old.ref) == (new and new.ref):
        return None
    return ModelDifference(
        before=old.ref if old else None,
        after=new.ref if new else None,
        facts=values(_facts(old), _facts(new)),
        params=values(_both(before, "params"), _both(after, "params")),
        metrics=values(_both(before, "metrics"), _both(after, "metrics")),
        run_before=old.run if old else None,
        run_after=new.run if new else None,
        datasets=values(_digests(before), _digests(after)),
    )


def _change(was: bool, there: bool) -> Change:
    match was, there:
        case True, True:
            return "changed"
        case True, False:
            return "removed"
        case _:
            return "added"


def _same(one: Any, other: Any) -> bool:
    """JSON's equality: true is not 1, however Python compares them."""
    return one == other and repr(one) == repr(other)


def _rules(policy: Policy | None) -> dict[str, Rule]:
    return {rule.id: rule for rule in policy.rules} if policy else {}


def _rule_changes(old: Mapping[str, Rule], new: Mapping[str, Rule]) -> tuple[RuleChange, ...]:
    changed = values(
        {id: _without_shares(rule) for id, rule in old.items()},
        {id: _without_shares(rule) for id, rule in new.items()},
    )
    return tuple(
        RuleChange(
            rule=one.name,
            change=one.change,
            before=_document(old.get(one.name)),
            after=_document(new.get(one.name)),
        )
        for one in changed
    )


def _document(rule: Rule | None) -> dict[str, Any] | None:
    return rule.model_dump(mode="json", by_alias=True, exclude_defaults=True) if rule else None


def _without_shares(rule: Rule) -> dict[str, Any]:
    document = _document(rule) or {}
    split = document["serve"].get("split")
    if split is None:
        return document
    arms = {arm["name"]: arm["bundle"] for arm in split["arms"]}
    return document | {"serve": {"split": {"salt": split["salt"], "arms": arms}}}


def _share_changes(old: Mapping[str, Rule], new: Mapping[str, Rule]) -> tuple[ShareChange, ...]:
    return tuple(
        ShareChange(rule=rule, arm=one.name, before=one.before, after=one.after)
        for rule in sorted(old.keys() | new.keys())
        for one in values(_shares(old.get(rule)), _shares(new.get(rule)))
    )


def _shares(rule: Rule | None) -> dict[str, float]:
    split = getattr(rule.serve, "split", None) if rule else None
    return {arm.name: arm.size / BUCKETS for arm in split.arms} if split else {}


def _order(old: Mapping[str, Rule], new: Mapping[str, Rule]) -> tuple[ValueChange, ...]:
    before, after = [id for id in old if id in new], [id for id in new if id in old]
    if before == after:
        return ()
    return (
        ValueChange(name="order of rules", change="changed", before=list(old), after=list(new)),
    )


def _moved(before: Version | None, after: Version) -> VersionChange | None:
    return None if before == after else VersionChange(before=before, after=after)


def _said(side: str, change: VersionChange | None) -> str:
    if change is None or change.after is None:
        return ""
    old, new = change.before, change.after
    if old is None:
        return f"{side} {new.name}/{new.number}"
    short = str(new.number) if old.name == new.name else f"{new.name}/{new.number}"
    return f"{side} {old.name}/{old.number} -> {short}"


def _named(changes: Iterable[ValueChange], noun: str) -> tuple[str, ...]:
    return tuple(f"{noun} {one.name} {one.change}".strip() for one in changes)


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share * 100:.4g} %"


def _facts(version: ModelVersion | None) -> dict[str, Any]:
    return version.model_dump(include={"source_uri", "pinned"}) if version else {}


def _both(trained: Trained | None, name: str) -> dict[str, Any]:
    if trained is None:
        return {}
    of_run: dict[str, Any] = getattr(trained.run, name) if trained.run else {}
    return of_run | getattr(trained.version, name)


def _digests(trained: Trained | None) -> dict[str, Any]:
    found: dict[str, list[str]] = {}
    for used in trained.datasets if trained else ():
        found.setdefault(used.name, []).append(used.digest)
    return {name: ", ".join(sorted(digests)) for name, digests in found.items()}
