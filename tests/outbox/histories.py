"""Random histories of a registry: what people and pipelines do, also what they do wrong."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

NAMES = ("churn", "attrition", "support-answer", "summary")
ALIASES = ("champion", "production")
TAGS = ("team", "mlflow.prompt.is_prompt")
VERSION_TAGS = ("mlflow.prompt.text", "quality")
TEXTS = ("Answer {{ question }}.", "Réponds à {{ question }} \u2028 “ici”.", "x" * 3000, "true")
STAGES = ("Staging", "Production", "None")

Step = tuple[str, tuple[Any, ...]]
"""A verb, and what is given to it: names, numbers and texts, the same for stores and for HTTP."""


def history(random: Random, length: int) -> Iterator[Step]:
    """Steps that are often possible, because there are few names and numbers."""
    for _ in range(length):
        verb = random.choices(list(_STEPS), [weight for weight, _ in _STEPS.values()])[0]
        yield verb, _STEPS[verb][1](random)


def _name(random: Random) -> str:
    return random.choice(NAMES)


def _number(random: Random) -> int:
    return random.choice((1, 1, 1, 2, 2, 3))


def _tags(random: Random, keys: tuple[str, ...]) -> dict[str, str]:
    return {key: random.choice(TEXTS) for key in keys if random.random() < 0.5}


_STEPS: dict[str, tuple[int, Callable[[Random], tuple[Any, ...]]]] = {
    "create_model": (4, lambda r: (_name(r), _tags(r, TAGS))),
    "describe_model": (1, lambda r: (_name(r), r.choice(TEXTS))),
    "rename_model": (2, lambda r: (_name(r), _name(r))),
    "delete_model": (1, lambda r: (_name(r),)),
    "create_version": (6, lambda r: (_name(r), _tags(r, VERSION_TAGS))),
    "describe_version": (1, lambda r: (_name(r), _number(r), r.choice(TEXTS))),
    "stage_version": (2, lambda r: (_name(r), _number(r), r.choice(STAGES))),
    "delete_version": (1, lambda r: (_name(r), _number(r))),
    "set_alias": (5, lambda r: (_name(r), r.choice(ALIASES), _number(r))),
    "delete_alias": (1, lambda r: (_name(r), r.choice(ALIASES))),
    "set_tag": (2, lambda r: (_name(r), r.choice(TAGS), r.choice(TEXTS))),
    "delete_tag": (1, lambda r: (_name(r), r.choice(TAGS))),
    "set_version_tag": (
        5,
        lambda r: (_name(r), _number(r), r.choice(VERSION_TAGS), r.choice(TEXTS)),
    ),
    "delete_version_tag": (1, lambda r: (_name(r), _number(r), r.choice(VERSION_TAGS))),
}
