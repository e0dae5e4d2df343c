"""What differs between two policies, prompts and models, as tables."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.policies import arm
from twinline.language.records import Dataset, ModelVersion, PromptVersion, Run
from twinline.language.refs import (
    BundleRef,
    DatasetRef,
    ModelVersionRef,
    PromptVersionRef,
    RunRef,
)
from twinline.routing.policy import SCHEMA, Policy, read_policy
from twinline.timelines import rules
from twinline.timelines.rules import State, Trained

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ONE, TWO = BundleRef("1" * 64), BundleRef("2" * 64)
WHEN = {"attr": "tenant", "op": "eq", "value": "a"}


def rule(id: str, bundle: BundleRef = ONE, **more: Any) -> dict[str, Any]:
    return {"id": id, "serve": {"bundle": str(bundle)}, **more}


def split(share: int, *, salt: str = "s", canary: BundleRef = TWO) -> dict[str, Any]:
    arms = [
        arm("control", ONE, (0, 100_000 - share)),
        arm("canary", canary, (100_000 - share, 100_000)),
    ]
    return {"id": "rollout", "serve": {"split": {"salt": salt, "arms": arms}}}


def policy(*found: dict[str, Any], **more: Any) -> Policy:
    unit = {"unit": {"by": ["user.id"]}} if any("split" in one["serve"] for one in found) else {}
    document = {"schema": SCHEMA, "default": {"bundle": str(ONE)}, "rules": list(found)}
    return read_policy(document | unit | more)


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        pytest.param({}, {}, "", id="nothing"),
        pytest.param({"a": 1}, {"a": 1}, "", id="the-same"),
        pytest.param({"a": 1}, {"a": 2}, "a changed", id="another-value"),
        pytest.param({}, {"a": None}, "a added", id="null-is-there"),
        pytest.param({"a": None}, {}, "a removed", id="what-is-not-there-is-not-null"),
        pytest.param({"a": 1}, {"a": True}, "a changed", id="true-is-not-one"),
        pytest.param({"a": 1}, {"a": 1.0}, "a changed", id="an-integer-is-no-float"),
        pytest.param({"a": {"x": [1]}}, {"a": {"x": [1]}}, "", id="nested"),
        pytest.param({"b": 1, "c": 1}, {"c": 2, "a": 1}, "a added, b removed, c changed", id="all"),
    ],
)
def test_values_that_differ(before: dict[str, Any], after: dict[str, Any], changed: str) -> None:
    found = rules.values(before, after)
    assert ", ".join(f"{one.name} {one.change}" for one in found) == changed
    for one in found:
        assert (one.before, one.after) == (before.get(one.name), after.get(one.name))


POLICIES: dict[str, tuple[Policy | None, Policy, tuple[str, ...]]] = {
    "the-same": (policy(rule("a")), policy(rule("a")), ()),
    "the-first": (None, policy(rule("a")), ("rule a added",)),
    "added": (policy(), policy(rule("a", when=WHEN)), ("rule a added",)),
    "removed": (policy(rule("a")), policy(), ("rule a removed",)),
    "another-bundle": (policy(rule("a")), policy(rule("a", TWO)), ("rule a changed",)),
    "another-condition": (policy(rule("a")), policy(rule("a", when=WHEN)), ("rule a changed",)),
    "pinned": (policy(rule("a")), policy(rule("a", pin=True)), ("rule a changed",)),
    "ramped": (
        policy(split(5_000)),
        policy(split(20_000)),
        ("rollout/canary 5 % -> 20 %", "rollout/control 95 % -> 80 %"),
    ),
    "another-arm-s-bundle": (
        policy(split(5_000)),
        policy(split(5_000, canary=BundleRef("3" * 64))),
        ("rule rollout changed",),
    ),
    "another-salt": (
        policy(split(5_000)),
        policy(split(5_000, salt="t")),
        ("rule rollout changed",),
    ),
    "a-split-ended": (
        policy(split(5_000)),
        policy(rule("rollout"), unit={"by": ["user.id"]}),
        (
            "rule rollout changed",
            "rollout/canary 5 % -> none",
            "rollout/control 95 % -> none",
        ),
    ),
    "another-order": (
        policy(rule("a", when=WHEN), rule("b")),
        policy(rule("b"), rule("a", when=WHEN)),
        ("order of rules changed",),
    ),
    "one-in-between-is-no-other-order": (
        policy(rule("a"), rule("b")),
        policy(rule("a"), rule("c"), rule("b")),
        ("rule c added",),
    ),
    "fallback": (policy(), policy(fallback=[str(TWO)]), ("fallback added",)),
    "unit": (
        policy(split(5_000)),
        policy(split(5_000), unit={"by": ["session.id"]}),
        ("unit changed",),
    ),
    "the-default-is-a-matter-of-the-sides": (
        policy(),
        policy(default={"bundle": str(TWO)}),
        (),
    ),
}


@pytest.mark.parametrize(("before", "after", "said"), POLICIES.values(), ids=POLICIES)
def test_what_a_policy_does_otherwise(
    before: Policy | None, after: Policy, said: tuple[str, ...]
) -> None:
    assert rules.words(rules.policies(before, after)) == said


def test_a_changed_rule_is_shown_before_and_after() -> None:
    (changed,) = rules.policies(policy(rule("a")), policy(rule("a", TWO))).rules
    assert changed.before == rule("a")
    assert changed.after == rule("a", TWO)


def state(prompt: str, model: str, **parameters: Any) -> State:
    sides = PromptVersionRef.parse(f"prompts:/{prompt}"), ModelVersionRef.parse(f"models:/{model}")
    return State(policy(), *sides, parameters)


@pytest.mark.parametrize(
    ("before", "after", "summary"),
    [
        pytest.param(None, state("p/1", "m/1"), "prompt p/1; model m/1", id="the-first"),
        pytest.param(state("p/1", "m/1"), state("p/1", "m/1"), "nothing", id="the-same"),
        pytest.param(state("p/1", "m/1"), state("p/2", "m/1"), "prompt p/1 -> 2", id="prompt"),
        pytest.param(state("p/1", "m/1"), state("q/2", "m/1"), "prompt p/1 -> q/2", id="another"),
        pytest.param(state("p/1", "m/1"), state("p/1", "m/2"), "model m/1 -> 2", id="model"),
        pytest.param(
            state("p/1", "m/1", t=1), state("p/1", "m/1", t=2), "parameter t changed", id="value"
        ),
        pytest.param(
            state("p/1", "m/1"),
            state("p/2", "m/2", t=2),
            "prompt p/1 -> 2; model m/1 -> 2; parameter t added",
            id="all",
        ),
    ],
)
def test_a_deployment_is_summed_up(before: State | None, after: State, summary: str) -> None:
    found = rules.deployments(before, after)
    assert found.summary == summary
    assert (found.prompt is None) == (before is not None and before.prompt == after.prompt)


def prompt(number: int, template: Any, **parameters: Any) -> PromptVersion:
    return PromptVersion.model_validate(
        {
            "ref": f"prompts:/p/{number}",
            "name": "p",
            "number": number,
            "kind": "text" if isinstance(template, str) else "chat",
            "template": template,
            "variables": (),
            "parameters": parameters,
            "digest": "0" * 64,
            "message": "",
            "author": "a",
            "created_at": NOW,
        }
    )


def test_templates_are_compared_line_by_line() -> None:
    found = rules.prompts(prompt(1, "Say\nit"), prompt(2, "Say\nthat", t=1))
    assert found is not None
    assert found.lines == (
        "--- prompts:/p/1", "+++ prompts:/p/2", "@@ -1,2 +1,2 @@", " Say", "-it", "+that"
    )  # fmt: skip
    assert [one.name for one in found.parameters] == ["t"]
    assert rules.prompts(prompt(1, "x"), prompt(1, "x")) is None
    assert rules.prompts(None, None) is None
    begun, ended = rules.prompts(None, prompt(1, "x")), rules.prompts(prompt(1, "x"), None)
    assert begun is not None
    assert ended is not None
    assert (begun.lines[-1], ended.lines[-1]) == ("+x", "-x")


def test_a_line_more_in_a_text_that_repeats_itself_is_one_line_more() -> None:
    """As few-shot prompts do: there Python's difflib finds that nothing stayed."""
    turns = ["User: hi", "Bot: hello"] * 150
    old, new = "\n".join(turns), "\n".join([*turns[:100], "User: why?", *turns[100:]])
    found = rules.prompts(prompt(1, old), prompt(2, new))
    assert found is not None
    assert [line for line in found.lines[2:] if line[0] in "+-"] == ["+User: why?"]


def test_what_was_included_is_compared_as_it_was_composed() -> None:
    old, new = (
        prompt(number, "{{> tone@live }}").model_copy(update={"composed": said})
        for number, said in ((1, "Be calm."), (2, "Be brief."))
    )
    found = rules.prompts(old, new)
    assert found is not None
    assert found.lines[-2:] == ("-Be calm.", "+Be brief.")


def test_the_lines_of_a_chat_begin_with_their_role() -> None:
    chat = prompt(
        1,
        [
            {"role": "system", "content": "Be kind.\nBe short."},
            {"type": "placeholder", "name": "history"},
            {"role": "user", "content": ""},
        ],
    )
    assert rules.template_lines(chat.template) == [
        "system: Be kind.", "system: Be short.", "<history>", "user: "
    ]  # fmt: skip


def model(number: int, run: str | None = None, **more: Any) -> ModelVersion:
    return ModelVersion.model_validate(
        {
            "ref": f"models:/m/{number}",
            "name": "m",
            "number": number,
            "source": "mlflow",
            "source_uri": "x:/y",
            "pinned": True,
            "digest": "0" * 64,
            "run": RunRef(run) if run else None,
            "params": {},
            "metrics": {},
            "tags": {},
            "aliases": (),
            "created_at": NOW,
            **more,
        }
    )


def trained(version: ModelVersion, *digests: str, **of_run: Any) -> Trained:
    assert version.run is not None
    run = Run.model_validate(
        {
            "ref": version.run,
            "id": version.run.id,
            "name": "",
            "experiment": "",
            "status": "",
            "started_at": None,
            "ended_at": None,
            "params": {},
            "metrics": {},
            "tags": {},
            "datasets": (),
            "created_at": NOW,
            **of_run,
        }
    )
    used = (
        Dataset(
            ref=DatasetRef("d", digest), name="d", digest=digest,
            source_type="", source="", profile={}, created_at=NOW,
        )
        for digest in digests
    )  # fmt: skip
    return Trained(version, run, tuple(used))


def test_models_are_compared_with_their_runs_and_datasets() -> None:
    before = trained(model(1, "r1", metrics={"f1": 0.9}), "b", "a", params={"lr": "1"})
    after = trained(model(2, "r2", metrics={"f1": 0.8}, source_uri="x:/z"), "c", params={"lr": "2"})
    found = rules.models(before, after)
    assert found is not None
    assert [(one.name, one.before, one.after) for one in found.metrics] == [("f1", 0.9, 0.8)]
    assert [(one.name, one.before, one.after) for one in found.params] == [("lr", "1", "2")]
    assert [(one.name, one.before, one.after) for one in found.datasets] == [("d", "a, b", "c")]
    assert [one.name for one in found.facts] == ["source_uri"]
    assert (str(found.run_before), str(found.run_after)) == ("runs:/r1", "runs:/r2")
    assert rules.models(before, before) is None
    assert rules.models(None, None) is None
    begun = rules.models(None, Trained(model(1)))
    assert begun is not None
    assert (begun.before, begun.run_after, begun.datasets) == (None, None, ())
