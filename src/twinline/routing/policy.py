"""The policy document, schema ``routing-policy/1``, and what can be asked of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, ValidationError

from twinline.language.canonical import digest
from twinline.language.errors import Invalid
from twinline.language.records.base import Request
from twinline.language.refs import BundleRef

SCHEMA = "routing-policy/1"


class Serve(Request):
    """What a policy serves when it comes to this point."""

    bundle: BundleRef


class Policy(Request):
    """Picks a bundle for a request's context."""

    schema_: Literal["routing-policy/1"] = Field(alias="schema")
    default: Serve

    @property
    def digest(self) -> str:
        """SHA-256 of the document's canonical JSON."""
        return digest(self.document())

    def document(self) -> dict[str, Any]:
        """The policy as the JSON document that is kept and digested."""
        return self.model_dump(mode="json", by_alias=True)

    def bundles(self) -> tuple[BundleRef, ...]:
        """Every bundle that the policy can serve, each once, the default first."""
        return (self.default.bundle,)


@dataclass(frozen=True)
class Choice:
    """What a policy chose for a context, and why."""

    bundle: BundleRef
    reason: str
    arm: str | None = None
    rule: str | None = None
    unknown: tuple[str, ...] = ()


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
        places = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'policy'}: {item['msg']}"
            for item in error.errors()
        )
        raise Invalid(f"This is no {SCHEMA} policy: {places}", field="policy") from error


def evaluate(policy: Policy, context: dict[str, Any]) -> Choice:
    """Which bundle answers a request with this context."""
    del context  # a policy without rules asks nothing of it
    return Choice(policy.default.bundle, reason="default")


def substitute(policy: Policy, put: Callable[[BundleRef], BundleRef]) -> Policy:
    """The same policy with every bundle replaced by ``put(bundle)``."""
    return Policy(schema=SCHEMA, default=Serve(bundle=put(policy.default.bundle)))
