"""One good request for every route that writes."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.catalog import Catalog
from twinline.client import Client
from twinline.language.records import Role

SLOT = "answer@production"
Operation = tuple[str, str]


@dataclass(frozen=True)
class Write:
    """One good request for a writing route, and the audit events that it must leave."""

    operation: Operation
    path: str
    body: dict[str, Any] | None
    by: Role
    actions: tuple[str, ...]
    if_match: str | None = None


def good_writes(client: Client) -> list[Write]:
    """A request for each writing route but MLflow's.

    The catalog that they need is made: (1, 1) went live, then (1, 2); (2, 3) waits.
    """
    catalog = Catalog(client)
    for prompt in (1, 2):
        catalog.deploy(SLOT, catalog.bundle(1, prompt))
    waiting = str(catalog.bundle(2, 3).ref)
    (kept,) = catalog.serve(SLOT, catalog.bundle(1, 1), 1)
    prefix = client.keys.issue("leaver", Role.VIEWER).prefix
    pair = {"model": "models:/churn/2", "prompt": "prompts:/support/answer/1"}
    why = {"reason": "because"}
    author, releaser, service, admin = Role.AUTHOR, Role.RELEASER, Role.SERVICE, Role.ADMIN
    label = {"number": 1, **why}
    new_prompt = {"name": "new", "template": "x", "labels": ["production"]}
    back = {"side": "prompt", "accept_untested": True, **why}
    counts = {"bundle": waiting, "suite": "golden", "passed": 1, "failed": 0}
    route = {"route": "answer", "environment": "production"}
    return [
        Write(("post", "/prompts"), "/prompts", new_prompt, author,
              ("prompt.create", "label.move")),
        Write(("put", "/prompts/{name}/labels/{label}"),
              "/prompts/support/answer/labels/production", label, author, ("label.move",)),
        Write(("post", "/models"), "/models", {"name": "n", "source_uri": "x:/y"}, author,
              ("model.register",)),
        Write(("post", "/bundles"), "/bundles", pair, author, ("bundle.create",)),
        Write(("put", "/pairings"), "/pairings", {**pair, "status": "compatible", **why}, author,
              ("pairing.state",)),
        Write(("post", "/evaluations"), "/evaluations", counts, author, ("evaluation.record",)),
        Write(("post", "/slots/{slot}/deployments"), "/slots/new@dev/deployments",
              {"bundle": waiting, **why}, releaser, ("deployment.deploy",), if_match="0"),
        Write(("post", "/slots/{slot}/rollback"), f"/slots/{SLOT}/rollback", back, releaser,
              ("deployment.rollback",), if_match="2"),
        Write(("post", "/resolve"), "/resolve", route, service, ()),
        Write(("post", "/inferences"), "/inferences", {"inferences": [{"bundle": waiting}]},
              service, ()),
        Write(("post", "/inferences/{id}/outcomes"), f"/inferences/{kept.id}/outcomes",
              {"status": "ok"}, service, ()),
        Write(("post", "/keys"), "/keys", {"owner": "new", "role": "viewer"}, admin,
              ("key.issue",)),
        Write(("delete", "/keys/{prefix}"), f"/keys/{prefix}", None, admin, ("key.revoke",)),
    ]  # fmt: skip


def send(url: str, key: str, write: Write, headers: dict[str, str] | None = None) -> httpx.Response:
    seen = {"If-Match": write.if_match} if write.if_match else {}
    method, _ = write.operation
    return httpx.request(
        method,
        f"{url}/api/v1{write.path}",
        json=write.body,
        headers={"X-API-Key": key, **seen, **(headers or {})},
    )
