"""What MLflow's words in traces mean in the catalog, as of the time of the trace."""

from datetime import UTC, datetime

from tests.mirror.conftest import Mirror
from tests.support.mlflow_registry import TEXT, MlflowRegistry
from twinline.mirror.meaning import content_at
from twinline.mirror.meaning_store import Change, Content
from twinline.otel.naming import Catalog
from twinline.otel.rules import Words


def test_a_prompt_that_mlflow_linked_is_the_mirror_s_and_never_ours_of_that_name(
    mirror: Mirror, registry: MlflowRegistry, name: str
) -> None:
    registry.make(name, prompt=True)
    for text in ("same", "other", "same"):
        registry.add_prompt(name, text)
    mirror.catch_up()
    at = datetime.now(UTC)
    linked = [_prompt(mirror, name, str(number), at, linked=True) for number in (1, 2, 3, 4)]
    catalog = f"prompts:/mlflow/{name}"
    assert linked == [f"{catalog}/1", f"{catalog}/2", f"{catalog}/1", f"{name}@4"]
    assert _prompt(mirror, name, "3", at) == f"prompts:/{name}/3"
    assert _prompt(mirror, "ours/answer", "3", at, linked=True) == "prompts:/ours/answer/3"
    registry.drop(name)
    registry.make(name, prompt=True)
    registry.add_prompt(name, "again")
    mirror.sweep()
    again = _prompt(mirror, name, "1", datetime.now(UTC), linked=True)
    assert again == f"{catalog}/recreated-2/1"
    assert _prompt(mirror, name, "3", at, linked=True) == f"{catalog}/1"


def test_an_alias_of_mlflow_means_what_it_was_on(
    mirror: Mirror, registry: MlflowRegistry, name: str
) -> None:
    registry.make(name)
    prompt = f"{name}-prompt"
    registry.make(prompt, prompt=True)
    registry.add_prompt(prompt, "first")
    registry.add_prompt(prompt, "second")
    times = [datetime.now(UTC)]
    for number in (1, 2, 1):
        if number not in registry.versions(name):
            registry.add(name)
        for series in (name, prompt):
            registry.put_alias(series, "production", number)
        mirror.sweep()
        times.append(datetime.now(UTC))
    words = [_model(mirror, f"models:/{name}@production", at) for at in times]
    assert words == [f"{name}@production", *(f"models:/{name}/{n}" for n in (1, 2, 1))]
    catalog = f"mlflow/{prompt}"
    said = [_prompt(mirror, catalog, "production", at) for at in times]
    assert said == [f"{catalog}@production", *(f"prompts:/{catalog}/{n}" for n in (1, 2, 1))]


def test_a_number_whose_content_was_overwritten_means_what_it_held(
    mirror: Mirror, registry: MlflowRegistry, name: str
) -> None:
    registry.make(name, prompt=True)
    registry.add_prompt(name, "good")
    mirror.catch_up()
    before = datetime.now(UTC)
    registry.tag(name, TEXT, "bad", 1)
    mirror.sweep(full=True)
    found = [_prompt(mirror, name, "1", at, linked=True) for at in (before, datetime.now(UTC))]
    assert found == [f"prompts:/mlflow/{name}/{number}" for number in (1, 2)]


def test_of_what_is_gone_only_what_was_alone_under_its_number_is_sure() -> None:
    def day(number: int) -> datetime:
        return datetime(2026, 1, number, tzinfo=UTC)

    one, two = Content(1, "a", "replaced", "r1"), Content(1, "b", "deleted", "r2")
    changed = Change(day(2), {"created_ms": 1, "digest": "a"})
    assert content_at([one, two], [changed], day(1)) == one
    assert content_at([one, two], [changed], day(3)) is None
    assert content_at([two], [], day(1)) == two
    assert content_at([], [], day(1)) is None


def _prompt(
    mirror: Mirror, name: str, version: str, at: datetime, *, linked: bool = False
) -> str | None:
    words = Words(prompt=name, prompt_version=version, linked=linked)
    with mirror.database.reading() as tx:
        return Catalog(tx).prompt(words, at)


def _model(mirror: Mirror, word: str, at: datetime) -> str | None:
    with mirror.database.reading() as tx:
        return Catalog(tx).model(Words(asked_model=word), at)
