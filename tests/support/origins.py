"""Origins of bundles, plain and odd, for the tests of exports."""

from datetime import UTC, datetime, timedelta

from twinline.bundles.rules import pair_digest
from twinline.exports.origin import Origin
from twinline.language.records import (
    Bundle,
    Dataset,
    Evaluation,
    Json,
    Message,
    ModelVersion,
    Pairing,
    Placeholder,
    PromptVersion,
    Run,
    Template,
    Variable,
)
from twinline.language.refs import (
    BundleRef,
    DatasetRef,
    EvaluationRef,
    ModelVersionRef,
    PromptVersionRef,
    RunRef,
)

AT = datetime(2026, 7, 1, 12, 0, 30, 250_000, tzinfo=UTC)
PARAMETERS: Json = {"temperature": 0.2, "stop": ["\n"], "seed": 7}


def model_version(name: str = "churn", run: str | None = "run-3") -> ModelVersion:
    return ModelVersion(
        ref=ModelVersionRef(name, 3), name=name, number=3, source="mlflow",
        source_uri="models:/m-1", pinned=True, digest="1" * 64, run=RunRef(run) if run else None,
        params={"rank": "8"}, metrics={"auc": 0.91}, tags={}, aliases=("champion",),
        created_at=AT,
    )  # fmt: skip


def prompt_version(template: Template = "Answer {{ question }}\n") -> PromptVersion:
    return PromptVersion(
        ref=PromptVersionRef("support/answer", 7), name="support/answer", number=7,
        kind="text" if isinstance(template, str) else "chat", template=template,
        variables=(Variable(name="question"),), parameters={"tools": []}, digest="2" * 64,
        message="shorter", author="ana@example.org", created_at=AT,
    )  # fmt: skip


def bundle_of(model: ModelVersion, prompt: PromptVersion, parameters: Json) -> Bundle:
    digest = pair_digest(model, prompt, parameters)
    return Bundle(
        ref=BundleRef(digest), digest=digest, kind="pair", model=model.ref, prompt=prompt.ref,
        parameters=parameters, words=None, created_at=AT,
    )  # fmt: skip


def _run(datasets: tuple[Dataset, ...], id: str = "run-3") -> Run:
    return Run(
        ref=RunRef(id), id=id, name="training 3", experiment="churn", status="FINISHED",
        started_at=AT - timedelta(hours=2), ended_at=AT - timedelta(hours=1),
        params={"epochs": "3"}, metrics={"loss": 0.125, "steps": 300.0},
        tags={"mlflow.user": "ben"}, datasets=tuple(one.ref for one in datasets), created_at=AT,
    )  # fmt: skip


def dataset(name: str = "tickets", digest: str = "5e1f0a7c") -> Dataset:
    return Dataset(
        ref=DatasetRef(name, digest), name=name, digest=digest, source_type="local",
        source='{"uri": "data.csv"}', profile={"rows": 3}, created_at=AT,
    )  # fmt: skip


def plain() -> Origin:
    """A trained model and a text prompt, evaluated and declared a pair."""
    model, prompt, datasets = model_version(), prompt_version(), (dataset(), dataset("faq", "1"))
    bundle = bundle_of(model, prompt, PARAMETERS)
    evaluation = Evaluation(
        ref=EvaluationRef(1),
        subject=bundle.ref, suite="golden questions", passed=9, failed=1, score=0.9, threshold=0.8,
        verdict="passed", evidence="", actor="ci", at=AT,
    )  # fmt: skip
    pairing = Pairing(
        model=model.ref, prompt=prompt.ref, status="designed_for", evidence="", reason="as planned",
        actor="ana@example.org", at=AT,
    )  # fmt: skip
    return Origin(bundle, model, prompt, _run(datasets), datasets, pairing, (evaluation,))


def hosted() -> Origin:
    """A provider's model, of which nobody knows the run or the data, and a chat prompt."""
    model = model_version("gpt-4o", run=None).model_copy(
        update={"source": "provider", "pinned": False, "metrics": {}, "params": {}}
    )
    prompt = prompt_version(
        (
            Message(role="system", content="Answer <shortly> & well."),
            Placeholder(type="placeholder", name="history"),
        )
    )
    return Origin(bundle_of(model, prompt, {}), model, prompt)


def odd() -> Origin:
    """Names as registries really give them."""
    model = model_version('a b/模型:1 "x" <🙂>%')
    prompt = prompt_version()
    datasets = (dataset("tick ets:(2)#?", "=digest, 100%"), dataset("\ufffe", "ü"))
    return Origin(bundle_of(model, prompt, {"名": "值"}), model, prompt, _run(datasets), datasets)


ORIGINS = {"plain": plain(), "hosted": hosted(), "odd": odd()}
