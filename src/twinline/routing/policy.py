"""The policy document, schema ``routing-policy/1``, and what can be asked of it."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, cast

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from twinline.language.canonical import digest
from twinline.language.errors import Invalid
from twinline.language.names import Word
from twinline.language.records.base import Instant, Request
from twinline.language.refs import BundleRef
from twinline.routing.buckets import BUCKETS
from twinline.routing.conditions import AttributeName, AttributeType, Condition, depth, leaves
from twinline.routing.splits import Split

SCHEMA = "routing-policy/1"
HOPS_MAX = 4
DEPTH_MAX = 40
"""How deep a condition may be nested."""

LEAVES_MAX = 2_000
"""Comparisons in all rules together: each costs every process some 50 us to compile."""


class Serve(Request):
    """Serve one bundle."""

    bundle: BundleRef


class ServeSplit(Request):
    """Serve the arm that the request's unit falls into."""

    split: Split


def _serves(value: Any) -> str:
    return "<split>" if isinstance(value, ServeSplit) or _has_split(value) else "<bundle>"


def _has_split(value: Any) -> bool:
    return isinstance(value, dict) and "split" in value


AnyServe = Annotated[
    Annotated[Serve, Tag("<bundle>")] | Annotated[ServeSplit, Tag("<split>")],
    Discriminator(_serves),
]


class Schedule(Request):
    """When a rule is in force: from a moment on, up to another."""

    from_: Instant | None = Field(default=None, alias="from")
    until: Instant | None = None

    @model_validator(mode="after")
    def _has_an_inside(self) -> "Schedule":
        if self.from_ and self.until and self.from_ >= self.until:
            raise ValueError("`from` must be before `until`")
        return self


class Rule(Request):
    """Serves something when its condition is TRUE; without ``when``, always."""

    id: Word
    when: Condition | None = None
    schedule: Schedule | None = None
    serve: AnyServe
    pin: bool = Field(
        default=False,
        strict=True,
        description="Serve this or nothing: no fallback, and no default without a unit.",
    )


class Unit(Request):
    """Who is divided among arms: the first of these attributes that a context has."""

    by: Annotated[tuple[AttributeName, ...], Field(min_length=1, max_length=10)]


class Shadow(Request):
    """A bundle to run beside the one that is served, for some of the units."""

    bundle: BundleRef
    sample: Annotated[int, Field(ge=0, le=BUCKETS, strict=True, description="Buckets of 100,000.")]


class Policy(Request):
    """Picks a bundle for a request's context.

    Rules are tried in order; the first that is in force and TRUE serves. Otherwise
    ``default`` does. A bundle that was withdrawn gives way to the first of
    ``fallback`` that is active.
    """

    schema_: Literal["routing-policy/1"] = Field(alias="schema")
    unit: Unit | None = None
    attributes: dict[AttributeName, AttributeType] = Field(
        default_factory=dict[str, AttributeType],
        description="What contexts hold, for checking the rules by it.",
    )
    rules: Annotated[tuple[Rule, ...], Field(max_length=500)] = ()
    default: Serve
    fallback: Annotated[tuple[BundleRef, ...], Field(max_length=HOPS_MAX)] = ()
    shadow: Annotated[tuple[Shadow, ...], Field(max_length=10)] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> "Policy":
        ids = [rule.id for rule in self.rules]
        if len(set(ids)) < len(ids):
            raise ValueError(f"the rule id {max(ids, key=ids.count)!r} is there twice")
        salts = [split.salt for _, split in self.splits()]
        if len(set(salts)) < len(salts):
            raise ValueError(
                f"the salt {max(salts, key=salts.count)!r} is in two splits, so that their arms "
                "would hang together; give each its own"
            )
        compared = 0
        for rule in self.rules:
            if rule.when is not None and depth(rule.when) > DEPTH_MAX:
                raise ValueError(f"the condition of rule {rule.id!r} is nested too deep")
            compared += len(leaves(rule.when)) if rule.when is not None else 0
        if compared > LEAVES_MAX:
            raise ValueError(
                f"the rules compare {compared:,} times in all, more than {LEAVES_MAX:,}; use `in` "
                "for many values of one attribute"
            )
        if (salts or self.shadow) and self.unit is None:
            raise ValueError('splits and shadows need `unit`, as in {"by": ["user.id"]}')
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the document's canonical JSON."""
        return digest(self.document())

    def document(self) -> dict[str, Any]:
        """The policy as the JSON document that is kept and digested."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    def splits(self) -> Iterator[tuple[Rule, Split]]:
        """Every split with the rule that it is in."""
        for rule in self.rules:
            if isinstance(rule.serve, ServeSplit):
                yield rule, rule.serve.split

    def places(self) -> Iterator[tuple[str, BundleRef]]:
        """Every bundle that is named, with the path of the place where it is."""
        yield "default.bundle", self.default.bundle
        for number, rule in enumerate(self.rules):
            match rule.serve:
                case Serve(bundle=bundle):
                    yield f"rules.{number}.serve.bundle ({rule.id})", bundle
                case _:
                    for arm in rule.serve.split.arms:
                        yield f"rules.{number}.serve.split ({rule.id}, arm {arm.name})", arm.bundle
        for number, bundle in enumerate(self.fallback):
            yield f"fallback.{number}", bundle
        for number, shadow in enumerate(self.shadow):
            yield f"shadow.{number}.bundle", shadow.bundle

    def bundles(self) -> tuple[BundleRef, ...]:
        """Every bundle that the policy names, each once, the default first."""
        return tuple(dict.fromkeys(bundle for _, bundle in self.places()))


def single(bundle: BundleRef) -> Policy:
    """The policy that serves one bundle to everybody."""
    return Policy(schema=SCHEMA, default=Serve(bundle=bundle))


def read_policy(document: dict[str, Any]) -> Policy:
    """Read a policy document.

    Raises:
        Invalid: it does not have the form of ``routing-policy/1``; the message names
            the member and what is wrong with it.
    """
    try:
        return Policy.model_validate(document)
    except ValidationError as error:
        places = "; ".join(f"{_place(item['loc'])}: {item['msg']}" for item in error.errors())
        raise Invalid(f"This is no {SCHEMA} policy: {places}", field="policy") from error


def complete(
    document: dict[str, Any], live: dict[str, Any] | None, new_salt: Callable[[], str]
) -> Policy:
    """Read a policy that should take the place of a live one.

    A split without a salt gets that of the live split in the rule of the same id, or
    a new one.

    Raises:
        Invalid: as for `read_policy`; or a split has another salt than it has had,
            which would deal all units out anew.
    """
    before = {rule.id: split.salt for rule, split in read_policy(live).splits()} if live else {}
    policy = read_policy(_salted(document, before, new_salt))
    for rule, split in policy.splits():
        kept = before.get(rule.id, split.salt)
        if split.salt != kept:
            raise Invalid(
                f"The split of rule {rule.id!r} has the salt {kept!r}; with {split.salt!r} every "
                "unit would be dealt out anew. Leave the salt out to keep it, or give the rule "
                "another id to begin another experiment.",
                field="policy",
                rule=rule.id,
            )
    return policy


def _salted(document: Any, before: dict[str, str], new_salt: Callable[[], str]) -> Any:
    """The document with a salt in every split that has none; other mistakes left as they are."""
    if not isinstance(document, dict):
        return document
    members = cast("dict[str, Any]", document)
    rules, serve = members.get("rules"), members.get("serve")
    if isinstance(rules, list):
        salted = [_salted(rule, before, new_salt) for rule in cast("list[Any]", rules)]
        return {**members, "rules": salted}
    split: Any = cast("dict[str, Any]", serve).get("split") if isinstance(serve, dict) else None
    if not isinstance(split, dict):
        return members
    salt = before.get(str(members.get("id"))) or new_salt()
    salted_split = {"salt": salt, **cast("dict[str, Any]", split)}
    return {**members, "serve": {**cast("dict[str, Any]", serve), "split": salted_split}}


def substitute(policy: Policy, put: Callable[[BundleRef], BundleRef]) -> Policy:
    """The same policy with every bundle replaced by ``put(bundle)``."""
    return policy.model_copy(
        update={
            "default": Serve(bundle=put(policy.default.bundle)),
            "rules": tuple(_substitute_in(rule, put) for rule in policy.rules),
            "fallback": tuple(put(bundle) for bundle in policy.fallback),
            "shadow": tuple(
                one.model_copy(update={"bundle": put(one.bundle)}) for one in policy.shadow
            ),
        }
    )


def with_split(policy: Policy, rule_id: str, split: Split) -> Policy:
    """The same policy with another split in a rule that has one."""
    return policy.model_copy(
        update={
            "rules": tuple(
                rule.model_copy(update={"serve": ServeSplit(split=split)})
                if rule.id == rule_id
                else rule
                for rule in policy.rules
            )
        }
    )


def split_of(policy: Policy, rule_id: str | None) -> tuple[Rule, Split]:
    """The split of a rule; without ``rule_id``, the only split that there is.

    Raises:
        Invalid: there is no such split, or several to choose from.
    """
    found = [(rule, split) for rule, split in policy.splits() if rule_id in (None, rule.id)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(rule.id for rule, _ in policy.splits()) or "none"
    raise Invalid(
        f"Name a rule that has a split by `rule`; those of the live policy: {known}.",
        field="rule",
        value=rule_id,
    )


def _substitute_in(rule: Rule, put: Callable[[BundleRef], BundleRef]) -> Rule:
    match rule.serve:
        case Serve(bundle=bundle):
            serve: AnyServe = Serve(bundle=put(bundle))
        case _:
            split = rule.serve.split
            arms = tuple(arm.model_copy(update={"bundle": put(arm.bundle)}) for arm in split.arms)
            serve = ServeSplit(split=split.model_copy(update={"arms": arms}))
    return rule.model_copy(update={"serve": serve})


def _place(path: tuple[int | str, ...]) -> str:
    """The path of a member, without the names of the kinds that were told apart on it."""
    return ".".join(str(part) for part in path if str(part)[:1] != "<") or "policy"
