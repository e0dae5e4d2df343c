"""Whatever happens in MLflow, and whatever becomes of the hints about it: in the end the
mirror is equal to it, and everything that the catalog must keep apart has its right name."""

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from tests.mirror.conftest import Mirror
from tests.support.mlflow_registry import TEXT, MlflowRegistry
from twinline.language.records import Json
from twinline.mirror import inbox

CHANGES = int(os.environ.get("TWINLINE_TEST_MIRROR_CHANGES", "48"))
A_ROUND = 12
LOST = 0.3

Drift = tuple[str, str, int | None]


@dataclass
class History:
    """Changes in MLflow by chance, the hints that it would send, and what they amount to."""

    registry: MlflowRegistry
    prefix: str
    chance: random.Random
    hints: list[Json] = field(default_factory=list)
    drift: Counter[Drift] = field(default_factory=Counter)

    def go_on(self) -> None:
        """Change as many names as make a round, each in one way, and make some new ones."""
        names = sorted(self.registry.series(self.prefix))
        self.chance.shuffle(names)
        for _ in range(3):
            self.make()
        for name in names[: A_ROUND - 3]:
            numbers = sorted(self.registry.versions(name))
            ways: list[Callable[[str, list[int]], None]] = [
                self.add, self.put_alias, self.tag, self.drop, self.make_again, self.rename
            ]  # fmt: skip
            ways += [self.drop_version, self.tamper] if numbers else []
            self.chance.choice(ways)(name, numbers)

    def make(self) -> None:
        name = f"{self.prefix}{self.chance.choice('mp')}{uuid4().hex[:8]}"
        self._make(name)
        for _ in range(self.chance.randint(0, 3)):
            self.add(name, [])

    def add(self, name: str, numbers: list[int]) -> None:
        if self._is_prompt(name):
            self.registry.add_prompt(name, self.chance.choice(["a", "b", "c {{ x }}"]))
        else:
            self.registry.add(name, f"openai:/gpt-{self.chance.randint(1, 9)}")
        self._hint("version", "created", name)

    def put_alias(self, name: str, numbers: list[int]) -> None:
        alias = self.chance.choice(["champion", "shadow"])
        if numbers:
            self.registry.put_alias(name, alias, self.chance.choice(numbers))
        else:
            self.registry.drop_alias(name, alias)
        self._hint("alias", "created", name)

    def tag(self, name: str, numbers: list[int]) -> None:
        number = self.chance.choice([None, *numbers])
        self.registry.tag(name, "team", self.chance.choice("ab"), number)
        self._hint("tag", "set", name)

    def drop_version(self, name: str, numbers: list[int]) -> None:
        number = self.chance.choice(numbers)
        self.registry.drop_version(name, number)
        self.drift[name, "deleted", number] += 1

    def drop(self, name: str, numbers: list[int]) -> None:
        self.registry.drop(name)
        self.drift[name, "deleted", None] += 1

    def make_again(self, name: str, numbers: list[int]) -> None:
        self.registry.drop(name)
        self._make(name)
        self.add(name, [])
        self.drift[name, "recreated", None] += 1

    def rename(self, name: str, numbers: list[int]) -> None:
        kind = "p" if self._is_prompt(name) else "m"
        self.registry.rename(name, f"{self.prefix}{kind}{uuid4().hex[:8]}")
        self.drift[name, "renamed", None] += 1

    def tamper(self, name: str, numbers: list[int]) -> None:
        if not self._is_prompt(name):
            return
        number = self.chance.choice(numbers)
        self.registry.tag(name, TEXT, f"tampered {uuid4().hex}", number)
        self._hint("version_tag", "set", name)
        self.drift[name, "tampered", number] += 1

    def tamper_one(self, look: Callable[[], object]) -> None:
        """Overwrite a prompt that was looked at, whatever chance did before."""
        name = f"{self.prefix}p-last"
        self._make(name)
        self.add(name, [])
        look()
        self.tamper(name, [1])

    def delivered(self) -> list[Json]:
        """What arrives of the hints, in which order: 30 % never, some twice."""
        arrived = [hint for hint in self.hints if self.chance.random() >= LOST]
        arrived += [hint for hint in arrived if self.chance.random() < LOST]
        self.chance.shuffle(arrived)
        self.hints.clear()
        return arrived

    def _make(self, name: str) -> None:
        self.registry.make(name, prompt=self._is_prompt(name))
        self._hint("", "created", name)

    def _is_prompt(self, name: str) -> bool:
        return name.removeprefix(self.prefix).startswith("p")

    def _hint(self, of: str, action: str, name: str) -> None:
        model = {"": "registered_model", "tag": "model_version_tag"}.get(of, f"model_{of}")
        prompt = f"prompt_{of}".rstrip("_")
        entity = prompt if self._is_prompt(name) else model
        self.hints.append({"entity": entity, "action": action, "data": {"name": name}})


@pytest.mark.slow
def test_the_mirror_is_equal_in_the_end_and_each_drift_has_its_name(
    mirror: Mirror, registry: MlflowRegistry, name: str
) -> None:
    history = History(registry, f"{name}-", random.Random(CHANGES))
    history.go_on()
    mirror.catch_up()
    for _ in range(CHANGES // A_ROUND):
        history.go_on()
        for hint in history.delivered():
            with mirror.database.writing("test") as tx:
                inbox.keep(tx, "default", uuid4().hex, hint)
        for _ in range(history.chance.randint(0, 20)):
            mirror.worker.step()
        mirror.sweep()
        mirror.sweep(full=True)  # or what nobody told may be gone before it is found
    history.tamper_one(lambda: mirror.sweep(full=True))
    mirror.sweep(full=True)
    found = Counter((one.name, one.kind, one.number) for one in mirror.drift(f"{name}-"))
    assert found == history.drift
    assert {kind for _, kind, _ in found} > {"deleted", "renamed", "recreated"}
    _compare(mirror, registry, f"{name}-")


def _compare(mirror: Mirror, registry: MlflowRegistry, prefix: str) -> None:
    """Every name, version, content, alias and tag, in both directions."""
    there = registry.series(prefix)
    known = (
        "select coalesce(jsonb_object_agg(name, catalog_name), '{}') from mirror_series"
        " where starts_with(name, :prefix) and ended_at is null"
    )
    names = mirror.value(known, prefix=prefix)
    assert isinstance(names, dict)
    assert set(names) == set(there)
    for name, one in there.items():
        aliases = {alias["alias"]: int(alias["version"]) for alias in one.get("aliases", ())}
        assert mirror.value(ALIASES, name=name) == aliases
        versions = registry.versions(name)
        kept = mirror.value(VERSIONS, name=name)
        assert isinstance(kept, dict)
        assert {int(number) for number in kept} == set(versions)
        for number, version in versions.items():
            found = mirror.version(kept[str(number)])
            tags = {tag["key"]: tag["value"] for tag in version.get("tags", ())}
            if TEXT in tags:
                assert found.template == tags[TEXT]
            else:
                assert (found.source_uri, found.number) == (version["source"], number)
                assert found.tags == tags
                assert set(found.aliases) == {a for a, on in aliases.items() if on == number}
            assert not mirror.retired(kept[str(number)])


VERSIONS = """
select coalesce(jsonb_object_agg(number, ref), '{}') from mirror_version
join mirror_series series on series.id = series_id join node on node.id = node_id
where name = :name and ended_at is null and state = 'present'
"""
ALIASES = """
select coalesce(jsonb_object_agg(alias, number), '{}') from mirror_alias
join mirror_series series on series.id = series_id
where name = :name and ended_at is null and until is null
"""
