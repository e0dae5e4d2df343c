"""Policies and contexts by chance, from a seed: every form there is, and contexts that meet it."""

import json
from random import Random
from typing import Any, get_args

from twinline.language.refs import BundleRef
from twinline.routing.buckets import BUCKETS
from twinline.routing.conditions import BARE, NUMERIC, Op

Document = dict[str, Any]

ATTRS = ("tenant", "user", "user.id", "dq.score", "a.b.c", "größe", "version", "tags", "n.模型")
TEXTS = ("", "a", "ab", "bank-a", "bank-b", "é", "e\u0301", "模型🙂", "1", "true", "x" * 300)
NUMBERS = (0, 1, -1, 1.0, 0.5, -0.0, 42, 42.0, 1e-7, 1e16, 1.5e300, 5e-324, 2**53 - 1, 0.1 + 0.2)
VERSIONS = ("1.0.0-alpha", "1.0.0-rc.2", "1.0.0", "1.10.0", "2.1.0")
PLAIN = (0, 1, -1, 0.5, 42, 2**53 - 1, 0.1 + 0.2)
SCALARS = (None, True, False)
BEYOND = (2**53 + 1, -(2**53) - 1, 2**63, 2**64, 10**30, *SCALARS)
OPS: tuple[Op, ...] = get_args(Op)
BORDERS = ("2001-01-01T00:00:00Z", "2020-02-29T12:00:00+05:30", "2090-01-01T00:00:00Z")


class Chance:
    """Draws policies over some bundles, and contexts for them."""

    def __init__(self, seed: int, bundles: list[BundleRef]) -> None:
        self._random = Random(seed)
        self._bundles = [str(bundle) for bundle in bundles]

    def policy(self) -> Document:
        """A policy with some rules of every form."""
        some = self._random
        rules = [self._rule(f"rule-{number}") for number in range(some.randrange(6))]
        bundles = [self._bundle() for _ in range(some.randrange(5))]
        return {
            "schema": "routing-policy/1",
            "unit": {"by": some.sample(ATTRS, some.randint(1, 3))},
            "rules": rules,
            "default": {"bundle": self._bundle()},
            "fallback": bundles if some.random() < 0.8 else [],
            "shadow": [
                {"bundle": self._bundle(), "sample": some.choice([0, 30_000, BUCKETS])}
                for _ in range(some.choice([0, 0, 1, 2]))
            ],
        }

    def context(self) -> tuple[Document, bytes]:
        """A context over the attributes that policies ask for, flat, dotted and nested; and
        as JSON, written in one of the ways that it may be.

        Most are plain: the fast door takes them for what they are.
        """
        some = self._random
        plain, spaced = some.random() < 0.9, some.random() < 0.3
        made = self._members(plain)
        separators = (" , ", " : ") if spaced else (",", ":")
        ascii_ = not plain and some.random() < 0.5
        return made, json.dumps(made, ensure_ascii=ascii_, separators=separators).encode()

    def _bundle(self) -> str:
        return self._random.choice(self._bundles)

    def _rule(self, id: str) -> Document:
        some = self._random
        rule: Document = {"id": id, "serve": {"bundle": self._bundle()}}
        if some.random() < 0.85:
            rule["when"] = self._condition(3)
        if some.random() < 0.3:
            start, end = some.choice([(0, 1), (0, 2), (1, 2)])
            rule["schedule"] = {"from": BORDERS[start], "until": BORDERS[end]}
            for name in some.sample(["from", "until"], some.randrange(2)):
                del rule["schedule"][name]
        if some.random() < 0.2:
            rule["pin"] = True
        if some.random() < 0.5:
            rule["serve"] = {"split": self._split()}
        return rule

    def _split(self) -> Document:
        some = self._random
        names = [f"arm-{number}" for number in range(some.randint(1, 4))]
        cuts = sorted(some.sample(range(1, BUCKETS), some.randrange(7)))
        owned: dict[str, list[list[int]]] = {name: [] for name in names}
        for start, end in zip([0, *cuts], [*cuts, BUCKETS], strict=True):
            owned[some.choice(names)].append([start, end])
        arms = [
            {"name": name, "bundle": self._bundle(), "ranges": ranges}
            for name, ranges in owned.items()
        ]
        salted = {"salt": some.choice("🧂é-") + some.randbytes(8).hex()}
        return {"arms": arms} | (salted if some.random() < 0.5 else {})

    def _condition(self, depth: int) -> Document:
        some = self._random
        form = some.choice(["leaf", "leaf", "all", "any", "not"]) if depth else "leaf"
        if form == "leaf":
            return self._leaf()
        if form == "not":
            return {"not": self._condition(depth - 1)}
        return {form: [self._condition(depth - 1) for _ in range(some.randrange(4))]}

    def _leaf(self) -> Document:
        some = self._random
        op = some.choice(OPS)
        leaf: Document = {"attr": some.choice(ATTRS), "op": op}
        if op in BARE:
            return leaf
        kinds: list[tuple[Any, ...]] = [TEXTS, NUMBERS, (True, False)]
        if op in ("in", "not_in"):
            value: Any = some.choices(some.choice(kinds), k=some.randint(1, 4))
        elif op in NUMERIC:
            value = some.choice(NUMBERS)
        elif op == "semver":
            value = some.choice([">=", "<", "=", ""]) + some.choice(VERSIONS)
        elif op in ("eq", "neq"):
            value = some.choice(some.choice(kinds))
        else:
            value = some.choice(TEXTS)[:2]
        return {**leaf, "value": value}

    def _members(self, plain: bool) -> Document:
        some, made = self._random, dict[str, Any]()
        attrs = [attr for attr in ATTRS if attr.isascii() or not plain]
        for attr in some.sample(attrs, some.randint(0, len(attrs))):
            value = self._value(attr, plain)
            if "." not in attr or some.random() < 0.4:
                made[attr] = value
            if "." in attr and some.random() < 0.7:
                another = value if some.random() < 0.8 else self._value(attr, plain)
                _put(made, attr.split("."), another)
        return made

    def _value(self, attr: str, plain: bool) -> Any:
        """Mostly of the type that suits the attribute, else of any."""
        some = self._random
        chance = some.random()
        if chance < 0.1:
            return some.choice(SCALARS if plain else BEYOND)
        if chance < 0.2:
            lists: list[Any] = [[], ["a", "bank-a"], ["a", 1], [[1.5, None], {"b": {}}], {}]
            return some.choice(lists)
        if attr.startswith("user"):
            return some.choice([some.randrange(10**6), f"user-{some.randrange(10**6)}", "é🙂"])
        if attr == "version":
            return some.choice([*VERSIONS, "1.0", "v1.0.0", "1.0.0+build"])
        if chance < 0.6:
            return some.choice(TEXTS)
        return some.choice([*(PLAIN if plain else NUMBERS), some.random()])


def _put(members: Document, path: list[str], value: Any) -> None:
    """Put a value down a path, unless something else is in the way."""
    *folders, last = path
    for name in folders:
        inner = members.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        members = inner
    members[last] = value
