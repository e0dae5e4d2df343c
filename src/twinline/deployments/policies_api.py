"""Policies over HTTP: their schema, and looking one over before it is deployed."""

from typing import Annotated, Any

from twinline.access.gate import reading, strict_router
from twinline.access.rules import Permission
from twinline.db.session import Reading
from twinline.deployments import policies
from twinline.language.records import PolicyCheck, PolicyVerdict
from twinline.routing.policy import Policy

router = strict_router("policies", prefix="/policies")
Read = Annotated[Reading, reading(Permission.READ)]


@router.get("/schema", dependencies=[reading(Permission.READ)])
def schema() -> dict[str, Any]:
    """The JSON Schema of `routing-policy/1`."""
    return Policy.model_json_schema(by_alias=True)


@router.post("/check")
def check(tx: Read, body: PolicyCheck) -> PolicyVerdict:
    """Whether a policy could be deployed, and what in it is probably not meant."""
    return policies.check(tx, body)
