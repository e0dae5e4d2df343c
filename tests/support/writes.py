"""One good request for every route that writes."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.support import policies
from tests.support.catalog import Catalog
from twinline.client import Client
from twinline.language.ids import new_id
from twinline.language.records import Role

SLOT = "answer@production"
SPLIT = "divided@production"
BAD_SLOT = "recalled@dev"
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

    The catalog that they need is made: (1, 1) went live, then (1, 2); (2, 3) waits;
    another slot is divided between (1, 1) and (1, 2); and (1, 4), which is live in a third
    one, is recalled, as is (1, 5).
    """
    catalog = Catalog(client)
    for prompt in (1, 2):
        catalog.deploy(SLOT, catalog.bundle(1, prompt))
    waiting = str(catalog.bundle(2, 3).ref)
    divided = policies.canary(catalog.bundle(1, 1).ref, catalog.bundle(1, 2).ref)
    client.slots.deploy(SPLIT, policy=divided, reason="because", expected=0)
    thrown = client.kills.bundle(catalog.bundle(1, 3).ref, "because").number
    for prompt in (1, 4):
        catalog.deploy(BAD_SLOT, catalog.bundle(1, prompt))
    bad = client.recalls.create(str(catalog.bundle(1, 4).ref), "because").number
    lifted = client.recalls.create(str(catalog.bundle(1, 5).ref), "because").number
    execution = {"plan": client.recalls.plan(bad).digest, "accept_untested": True}
    (kept,) = catalog.serve(SLOT, catalog.bundle(1, 1), 1)
    prefix = client.keys.issue("leaver", Role.VIEWER).prefix
    pair = {"model": "models:/churn/2", "prompt": "prompts:/support/answer/1"}
    why = {"reason": "because"}
    author, releaser, service, admin = Role.AUTHOR, Role.RELEASER, Role.SERVICE, Role.ADMIN
    change = {
        "sequence": 1, "at": 0, "workspace": "default", "entity": "registered_model",
        "action": "insert", "key": {"name": "churn"}, "after": {"name": "churn"},
    }  # fmt: skip
    told = {"outbox": str(new_id()), "changes": [change]}
    label = {"number": 1, **why}
    new_prompt = {"name": "new", "template": "x", "labels": ["production"]}
    back = {"side": "prompt", "accept_untested": True, **why}
    counts = {"subject": waiting, "suite": "golden", "passed": 1, "failed": 0}
    route = {"route": "answer", "environment": "production"}
    ramp = {"arm": "canary", "share": 0.2, **why}
    since = (datetime.now(UTC) - timedelta(days=9)).date().isoformat()
    claims = evaluation_claims(client)
    name = {"provider": "openai", "name": "gpt*", "version": "models:/churn/1", **why}
    client.models.keep_name("*", "o*", "models:/churn/1", reason="because")
    client.mlflow_links.link(BAD_SLOT, "dev")
    report = {
        "id": str(new_id()), "environment": "production", "epoch": None, "version": None,
        "served_from": "default", "stale_seconds": None, "spooled": 0, "dropped": 0,
        "damaged": 0, "host": "host", "pid": 1, "library": "twinline-python/0.1.0",
        "started_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    client.lineage.connect("prompts:/support/answer/1", "prompts:/support/answer/2", "inspired")
    idle = client.prompts.create("idle", "x")
    for prompt_name, text in (("part", "x"), ("whole", "{{> part@1 }}"), ("part", "y")):
        client.prompts.create(prompt_name, text)
    client.prompts.retire(client.prompts.create("gone", "x").name, reason="because")
    client.prompts.move_label("support/answer", "old", 1, reason="because")
    client.prompts.protect("silver", reason="because")
    retired = client.lineage.retire(client.prompts.create("old", "x").ref, reason="because").number
    ends = {"source": "models:/churn/1", "target": "prompts:/support/answer/1", "kind": "inspired"}
    ended = {**ends, "source": "prompts:/support/answer/1", "target": "prompts:/support/answer/2"}
    event = {
        "eventTime": "2026-01-01T00:00:00Z", "eventType": "COMPLETE", "producer": "etl",
        "run": {"runId": "r"}, "job": {"namespace": "n", "name": "j"},
        "inputs": [{"namespace": "n", "name": "d"}],
    }  # fmt: skip
    return [
        Write(("post", "/lineage"), "/lineage", event, author, ("lineage.event",)),
        Write(("post", "/nodes"), "/nodes", {"type": "index", "name": "tickets"}, author,
              ("node.create",)),
        Write(("post", "/edges"), "/edges", ends, author, ("edge.create",)),
        Write(("post", "/edges/end"), "/edges/end", {**ended, **why}, author, ("edge.end",)),
        Write(("post", "/retirements"), "/retirements", {"node": str(idle.ref), **why}, releaser,
              ("node.retired",)),
        Write(("post", "/retirements/{number}/lift"), f"/retirements/{retired}/lift", why,
              releaser, ("node.retired.lift",)),
        Write(("put", "/slots/{slot}/owner"), f"/slots/{SLOT}/owner", {"owner": "team"}, releaser,
              ("slot.own",)),
        Write(("put", "/routes/{route}/owner"), "/routes/answer/owner", {"owner": "team"},
              releaser, ("slot.own",)),
        Write(("post", "/prompts"), "/prompts", new_prompt, author,
              ("prompt.create", "label.move")),
        Write(("post", "/prompts/import"), "/prompts/import",
              {"items": [{"origin": {"place": "x"}, "version": {**new_prompt, "name": "moved"}}]},
              author, ("prompt.create",)),
        Write(("post", "/prompts/{name}/update-includers"), "/prompts/part/update-includers", why,
              author, ("prompt.create",)),
        Write(("post", "/prompts/{name}/retire"), "/prompts/part/retire", why, releaser,
              ("node.retired", "node.retired")),
        Write(("post", "/prompts/{name}/unretire"), "/prompts/gone/unretire", why, releaser,
              ("node.retired.lift",)),
        Write(("put", "/prompts/{name}/labels/{label}"),
              "/prompts/support/answer/labels/production", label, author, ("label.move",)),
        Write(("delete", "/prompts/{name}/labels/{label}"),
              "/prompts/support/answer/labels/old?reason=because", None, author,
              ("label.remove",)),
        Write(("post", "/prompts/{name}/promote"), "/prompts/support/answer/promote",
              {"from": "latest", "to": "staging", **why}, author, ("label.move",)),
        Write(("put", "/labels/{label}/protection"), "/labels/gold/protection", why, releaser,
              ("label.protect",)),
        Write(("delete", "/labels/{label}/protection"), "/labels/silver/protection?reason=because",
              None, releaser, ("label.unprotect",)),
        Write(("post", "/models"), "/models", {"name": "n", "source_uri": "x:/y"}, author,
              ("model.register",)),
        Write(("put", "/models/names"), "/models/names", name, author, ("model.name",)),
        Write(("delete", "/models/names/{provider}/{name}"), "/models/names/*/o*", None, author,
              ("model.name.drop",)),
        Write(("post", "/bundles"), "/bundles", pair, author, ("bundle.create",)),
        Write(("put", "/pairings"), "/pairings", {**pair, "status": "compatible", **why}, author,
              ("pairing.state",)),
        Write(("post", "/evaluations"), "/evaluations", counts, author, ("evaluation.record",)),
        *(Write(operation, path, body, by, actions)
          for operation, path, body, by, actions in suite_writes(claims, waiting)),
        Write(("post", "/slots/{slot}/deployments"), "/slots/new@dev/deployments",
              {"bundle": waiting, **why}, releaser, ("deployment.deploy",), if_match="0"),
        Write(("post", "/slots/{slot}/rollback"), f"/slots/{SLOT}/rollback", back, releaser,
              ("deployment.rollback",), if_match="2"),
        Write(("post", "/slots/{slot}/ramp"), f"/slots/{SPLIT}/ramp", ramp, releaser,
              ("deployment.deploy",), if_match="1"),
        Write(("post", "/resolve"), "/resolve", route, service, ()),
        Write(("post", "/clients"), "/clients", report, service, ()),
        Write(("post", "/inferences"), "/inferences", {"inferences": [{"bundle": waiting}]},
              service, ()),
        Write(("post", "/inferences/days"), "/inferences/days", {"since": since}, service,
              ("ledger.open",)),
        Write(("post", "/inferences/{id}/outcomes"), f"/inferences/{kept.id}/outcomes",
              {"status": "ok"}, service, ()),
        Write(("post", "/slots/{slot}/kill"), f"/slots/{SLOT}/kill", why, releaser,
              ("kill.throw",)),
        Write(("post", "/bundles/{digest}/kill"), f"/bundles/{waiting[9:]}/kill", why, releaser,
              ("kill.throw",)),
        Write(("post", "/kills/everything"), "/kills/everything", why, releaser,
              ("kill.throw",)),
        Write(("post", "/kills/{number}/lift"), f"/kills/{thrown}/lift", why, releaser,
              ("kill.lift",)),
        Write(("post", "/recalls"), "/recalls", {"node": "prompts:/support/answer/5", **why},
              releaser, ("node.recalled", "recall.report")),
        Write(("post", "/recalls/{number}/execute"), f"/recalls/{bad}/execute",
              {**execution, **why}, releaser, ("deployment.recall", "recall.execute")),
        Write(("post", "/recalls/{number}/lift"), f"/recalls/{lifted}/lift", why, releaser,
              ("node.recalled.lift",)),
        Write(("post", "/mlflow/servers/{server}/changes"), "/mlflow/servers/default/changes",
              told, Role.MLFLOW, ()),
        Write(("put", "/mlflow/links/{slot}"), f"/mlflow/links/{SLOT}", {"alias": "production"},
              releaser, ("alias.link",)),
        Write(("delete", "/mlflow/links/{slot}"), f"/mlflow/links/{BAD_SLOT}", None, releaser,
              ("alias.unlink",)),
        Write(("post", "/keys"), "/keys", {"owner": "new", "role": "viewer"}, admin,
              ("key.issue",)),
        Write(("delete", "/keys/{prefix}"), f"/keys/{prefix}", None, admin, ("key.revoke",)),
    ]  # fmt: skip


def evaluation_claims(client: Client) -> list[tuple[int, str]]:
    """Three pending evaluations under leases, and one that waits."""
    client.suites.define("safety")
    client.suites.attach("safety", "scored")
    client.suites.require("safety", "staging", reason="because")
    for number in range(4):
        client.prompts.create("scored", f"Text {number}")
    claims = [client.evaluations.claim("safety") for _ in range(3)]
    return [(claimed[0].number, claimed[1]) for claimed in claims if claimed]


def suite_writes(
    claims: list[tuple[int, str]], bundle: str
) -> list[tuple[Operation, str, dict[str, Any] | None, Role, tuple[str, ...]]]:
    """What is written about suites, and what runners write."""
    author, runner, admin = Role.AUTHOR, Role.RUNNER, Role.ADMIN
    renewed, reported, failed = [
        (f"/evaluations/pending/{number}", {"token": token}) for number, token in claims
    ]
    waiver = {"suite": "safety", "bundle": bundle, "place": "production", "reason": "because"}
    asked = {"suite": "safety", "subject": "prompts:/support/answer/1"}
    under, suite = "/evaluations/pending/{number}", "/suites/{name}"
    return [
        (("put", suite), "/suites/golden", {}, admin, ("suite.define",)),
        (("post", f"{suite}/prompts"), "/suites/safety/prompts", {"prompts": "support/"}, author,
         ("suite.attach",)),
        (("delete", f"{suite}/prompts/{{prompts}}"),
         "/suites/safety/prompts/scored?reason=because", None, author, ("suite.detach",)),
        (("post", f"{suite}/required"), "/suites/safety/required",
         {"place": "quality", "reason": "because"}, admin, ("suite.require",)),
        (("delete", f"{suite}/required/{{place}}"),
         "/suites/safety/required/staging?reason=because", None, admin, ("suite.release",)),
        (("post", "/evaluations/waivers"), "/evaluations/waivers", waiver, admin,
         ("evaluation.waive",)),
        (("post", "/evaluations/pending"), "/evaluations/pending", asked, author,
         ("evaluation.ask",)),
        (("post", "/evaluations/claims"), "/evaluations/claims",
         {"suites": ["safety"], "token": "0" * 32}, runner, ("evaluation.claim",)),
        (("post", f"{under}/renew"), f"{renewed[0]}/renew", renewed[1], runner, ()),
        (("post", f"{under}/report"), f"{reported[0]}/report",
         {**reported[1], "passed": 1, "failed": 0}, runner, ("evaluation.record",)),
        (("post", f"{under}/fail"), f"{failed[0]}/fail", {**failed[1], "error": "no model"},
         runner, ("evaluation.fail",)),
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
