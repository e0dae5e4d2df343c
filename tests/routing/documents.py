"""Policy documents for the tests: short ways to say one, and strategies for any."""

from typing import Any

from hypothesis import strategies as st

from tests.strategies import bundles, instants, labels
from twinline.language.refs import BundleRef
from twinline.routing.buckets import BUCKETS
from twinline.routing.policy import SCHEMA, Policy, read_policy
from twinline.routing.splits import Split

Document = dict[str, Any]

A, B, C, D, E = (BundleRef(digit * 64) for digit in "abcde")
UNIT = {"by": ["user"]}
NAN, INFINITY = float("nan"), float("inf")


def leaf(attr: str, op: str, *value: Any) -> Document:
    """One comparison; without a value for ``present`` and ``absent``."""
    return {"attr": attr, "op": op} | ({"value": value[0]} if value else {})


def split_document(salt: str = "salt", /, **arms: list[list[int]]) -> Document:
    """A split whose arms serve the bundles A, B, C... in their order."""
    return {
        "salt": salt,
        "arms": [
            {"name": name, "bundle": str(BundleRef(digit * 64)), "ranges": ranges}
            for digit, (name, ranges) in zip("abcdef", arms.items(), strict=False)
        ],
    }


def split(salt: str = "salt", /, **arms: list[list[int]]) -> Split:
    """The split of that document."""
    return Split.model_validate(split_document(salt, **arms))


def rule(
    id: str, serve: BundleRef | Document, when: Document | None = None, **more: Any
) -> Document:
    """A rule that serves a bundle or a split."""
    served = {"bundle": str(serve)} if isinstance(serve, BundleRef) else {"split": serve}
    return {"id": id, "serve": served} | ({"when": when} if when else {}) | more


def document(*rules: Document, default: BundleRef = A, **more: Any) -> Document:
    """A policy's document."""
    return {"schema": SCHEMA, "default": {"bundle": str(default)}, "rules": list(rules)} | more


def policy(*rules: Document, default: BundleRef = A, **more: Any) -> Policy:
    """A policy, read from its document."""
    return read_policy(document(*rules, default=default, **more))


# --- strategies -------------------------------------------------------------------------

ATTRS = ["a", "b", "a.b", "a.b.c", "user"]
VERSIONS = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-rc.2", "1.0.0", "1.10.0", "2.1.0"]
"""In their order."""

_texts = st.sampled_from(["", "a", "ab", "b", "A", "é", "1", "true", *VERSIONS])
_numbers = st.sampled_from([0, 1, 1.0, -1, 0.5, -0.0, 2**52, 42, 42.0])
_plain = _texts | _numbers | st.booleans()


def values() -> st.SearchStrategy[Any]:
    """What a context may hold under a name, bad and good."""
    odd = st.sampled_from([None, NAN, INFINITY, -INFINITY, [], [1], ["a", 1], {}, ("a",), b"a"])
    return _plain | odd | st.lists(_texts, max_size=3)


def contexts() -> st.SearchStrategy[dict[str, Any]]:
    """Contexts over few names, so that conditions meet them; flat, dotted and nested."""
    inner = values() | st.dictionaries(st.sampled_from(["b", "c"]), values(), max_size=2)
    nested = inner | st.dictionaries(st.sampled_from(["b", "c"]), inner, max_size=2)
    return st.dictionaries(st.sampled_from(ATTRS), nested, max_size=5)


def leaf_documents() -> st.SearchStrategy[Document]:
    """Every operator with values that fit it."""
    of_one_type = (
        st.lists(_texts, min_size=1, max_size=3)
        | st.lists(_numbers, min_size=1, max_size=3)
        | st.lists(st.booleans(), min_size=1, max_size=2)
    )
    comparator = st.tuples(
        st.sampled_from([">=", "<=", ">", "<", "=", ""]), st.sampled_from(VERSIONS)
    )
    ranges = st.lists(comparator.map("".join), min_size=1, max_size=2).map(" ".join)
    attrs = st.sampled_from(ATTRS)

    def of(ops: str, value: st.SearchStrategy[Any]) -> st.SearchStrategy[Document]:
        return st.builds(leaf, attrs, st.sampled_from(ops.split()), value)

    return (
        of("eq neq", _plain)
        | of("lt le gt ge", _numbers)
        | of("prefix suffix contains", _texts)
        | of("in not_in", of_one_type)
        | of("semver", ranges)
        | st.builds(leaf, attrs, st.sampled_from(["present", "absent"]))
    )


def condition_documents() -> st.SearchStrategy[Document]:
    """Comparisons under ``all``, ``any`` and ``not``."""

    def grouped(inner: st.SearchStrategy[Document]) -> st.SearchStrategy[Document]:
        parts = st.lists(inner, max_size=3)
        return (
            st.builds(lambda parts: {"all": parts}, parts)
            | st.builds(lambda parts: {"any": parts}, parts)
            | st.builds(lambda part: {"not": part}, inner)
        )

    return st.recursive(leaf_documents(), grouped, max_leaves=8)


@st.composite
def arm_documents(draw: st.DrawFn) -> list[Document]:
    """Arms that own all buckets among them, in pieces, some of them none."""
    names = draw(st.lists(labels(), min_size=1, max_size=4, unique=True))
    cuts = sorted(draw(st.sets(st.integers(1, BUCKETS - 1), max_size=6)))
    owned: dict[str, list[list[int]]] = {name: [] for name in names}
    for start, end in zip([0, *cuts], [*cuts, BUCKETS], strict=True):
        owned[draw(st.sampled_from(names))].append([start, end])
    return [
        {"name": name, "bundle": str(draw(bundles())), "ranges": ranges}
        for name, ranges in owned.items()
    ]


@st.composite
def policy_documents(draw: st.DrawFn) -> Document:
    """Whole documents, with every member or without."""
    served = st.sampled_from([A, B, C, D, E]).map(str) | bundles().map(str)
    rules: list[Document] = []
    for id in draw(st.lists(labels(), max_size=4, unique=True)):
        one: Document = {"id": id}
        if draw(st.booleans()):
            one["when"] = draw(condition_documents())
        if draw(st.booleans()):
            one["schedule"] = draw(_schedules())
        if draw(st.booleans()):
            one["pin"] = draw(st.booleans())
        if draw(st.booleans()):
            one["serve"] = {"split": {"salt": f"salt-{id}", "arms": draw(arm_documents())}}
        else:
            one["serve"] = {"bundle": draw(served)}
        rules.append(one)
    shadow = st.fixed_dictionaries({"bundle": served, "sample": st.integers(0, BUCKETS)})
    return {
        "schema": SCHEMA,
        "unit": {"by": draw(st.lists(st.sampled_from(ATTRS), min_size=1, max_size=3))},
        "attributes": draw(
            st.dictionaries(
                st.sampled_from(ATTRS),
                st.sampled_from(["string", "number", "boolean", "strings", "version"]),
            )
        ),
        "rules": rules,
        "default": {"bundle": draw(served)},
        "fallback": draw(st.lists(served, max_size=4)),
        "shadow": draw(st.lists(shadow, max_size=2)),
    }


def policies() -> st.SearchStrategy[Policy]:
    """Policies of every form."""
    return policy_documents().map(read_policy)


@st.composite
def _schedules(draw: st.DrawFn) -> Document:
    first, last = sorted(draw(st.lists(instants(), min_size=2, max_size=2, unique=True)))
    return draw(
        st.sampled_from(
            [
                {},
                {"from": first.isoformat()},
                {"until": last.isoformat()},
                {"from": first.isoformat(), "until": last.isoformat()},
            ]
        )
    )
