"""What a dialect is: which spans are model calls, and where each fact stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Fact = Literal[
    "inference_id",
    "measured",
    "bundle",
    "slot",
    "deployment",
    "decision",
    "provider",
    "asked_model",
    "answered_model",
    "prompt_name",
    "prompt_version",
    "prompt_text",
    "linked_prompts",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "score",
]


class At(NamedTuple):
    """Where a fact stands: in an attribute, or at a member of the JSON object in it."""

    attribute: str
    member: str | None = None


@dataclass(frozen=True)
class Dialect:
    """One convention.

    Args:
        kind: the attribute that says what a span is, and its values (in lower case) that
            mean a model call; any other value says that it is none.
        signs: attributes that mean a model call where nothing says what the span is.
        facts: where each fact stands, the preferred place first.
        failures: attributes that say that the call failed, and the values (in lower case)
            that do; none named: any value.
    """

    name: str
    facts: Mapping[Fact, tuple[At, ...]]
    kind: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    signs: frozenset[str] = frozenset()
    failures: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    @property
    def attributes(self) -> frozenset[str]:
        """Every attribute that it reads."""
        places = {at.attribute for places in self.facts.values() for at in places}
        return frozenset(places | set(self.kind) | self.signs | set(self.failures))
