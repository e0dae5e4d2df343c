"""What is answered is what the OpenAPI document says."""

from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.support.writes import SLOT, SPLIT, good_writes, send
from twinline.client import Client
from twinline.language.records import Role

Json = dict[str, Any]

READS = (
    ("/prompts", "/prompts"),
    ("/prompts/{name}", "/prompts/support/answer"),
    ("/prompts/{name}/versions", "/prompts/support/answer/versions"),
    ("/prompts/{name}/versions/{number}", "/prompts/support/answer/versions/1"),
    ("/prompts/{name}/labels", "/prompts/support/answer/labels"),
    ("/prompts/{name}/history", "/prompts/support/answer/history"),
    ("/prompts/{name}/diff", "/prompts/support/answer/diff?from=1&to=2"),
    ("/prompts/export", "/prompts/export"),
    ("/models", "/models"),
    ("/models/{name}", "/models/churn"),
    ("/models/{name}/versions/{number}", "/models/churn/versions/1"),
    ("/bundles", "/bundles"),
    ("/slots", "/slots"),
    ("/slots/{slot}", f"/slots/{SPLIT}"),
    ("/slots/{slot}", f"/slots/{SLOT}?at=2020-01-01T00:00:00Z"),
    ("/slots/{slot}/deployments", f"/slots/{SLOT}/deployments"),
    ("/slots/{slot}/timeline", f"/slots/{SLOT}/timeline"),
    ("/slots/{slot}/changes", f"/slots/{SLOT}/changes?from=2020-01-01T00:00:00Z"),
    ("/slots/{slot}/rollback/preview", f"/slots/{SLOT}/rollback/preview?side=prompt"),
    ("/environments/{environment}/live", "/environments/production/live"),
    ("/manifest", "/manifest?environment=production"),
    ("/lineage", "/lineage?node=models:/churn/1"),
    ("/impact", "/impact?node=prompts:/support/answer/1"),
    ("/impact/inferences", "/impact/inferences?node=models:/churn/1"),
    ("/impact/decisions", "/impact/decisions?node=models:/churn/1"),
    ("/inferences", "/inferences"),
    ("/experiments/{slot}", f"/experiments/{SPLIT}"),
    ("/evaluations", "/evaluations"),
    ("/evaluations/pending", "/evaluations/pending"),
    ("/suites", "/suites"),
    ("/kills", "/kills"),
    ("/recalls", "/recalls"),
    ("/recalls/{number}", "/recalls/1"),
    ("/retirements", "/retirements"),
    ("/keys", "/keys"),
    ("/audit", "/audit"),
)  # fmt: skip
"""A route, and a question for it to which the catalog of the good writes has an answer."""


@pytest.fixture
def document(url: str) -> Json:
    return httpx.get(f"{url}/openapi.json").json()


def test_every_answer_fits_its_schema(
    url: str, key: str, client: Client, http: httpx.Client, document: Json
) -> None:
    writes = good_writes(client)
    for route, path in READS:
        _fits(document, "get", route, http.get(path))
    for write in writes:
        by = key if write.by is not Role.MLFLOW else client.keys.issue("m", Role.MLFLOW).key
        _fits(document, *write.operation, send(url, by, write))


@pytest.mark.parametrize(
    ("method", "route", "path", "body"),
    [
        ("get", "/prompts/{name}", "/prompts/nobody", None),
        ("get", "/slots/{slot}", "/slots/nowhere", None),
        ("post", "/prompts", "/prompts", {"name": "p"}),
        ("post", "/resolve", "/resolve", {"route": "a", "environment": "b"}),
        ("post", "/resolve", "/resolve", {"route": 1}),
        ("post", "/slots/{slot}/rollback", "/slots/a@b/rollback", {}),
    ],
)
def test_a_refusal_fits_its_schema(
    http: httpx.Client, document: Json, method: str, route: str, path: str, body: Json | None
) -> None:
    answer = http.request(method, path, json=body)
    assert answer.is_client_error
    _fits(document, method, route, answer)


@pytest.mark.parametrize("where", ["", "/environments/{environment}"])
def test_an_answer_to_openfeature_fits_its_schema(
    url: str, key: str, client: Client, document: Json, where: str
) -> None:
    good_writes(client)
    client.kills.slot(SPLIT, "because")
    door = f"{where}/ofrep/v1/evaluate/flags"
    bodies = ({}, {"context": 1}, {"what": 1})
    asked = [(door, "", body) for body in bodies]
    asked += [(f"{door}/{{key}}", f"/{key}", {}) for key in ("answer", "divided", "nothing")]
    statuses: list[int] = []
    for route, flag, body in asked:
        path = f"{door.format(environment='production')}{flag}"
        answer = httpx.post(f"{url}{path}", json=body, headers={"X-API-Key": key})
        _fits(document, "post", route, answer)
        statuses.append(answer.status_code)
    assert statuses == [200, 400, 400, 200, 200, 404]
    refused = httpx.post(f"{url}{door.format(environment='production')}", json={})
    _fits(document, "post", door, refused)
    assert refused.status_code == 401


def _fits(document: Json, method: str, route: str, answer: httpx.Response) -> None:
    path = route if route in document["paths"] else f"/api/v1{route}"
    said, status = document["paths"][path][method]["responses"], str(answer.status_code)
    status = status if status in said else f"{status[0]}XX"
    if "content" not in said[status]:
        assert answer.content == b"", (route, answer.text)
        return
    media_type = answer.headers["content-type"].partition(";")[0]
    assert media_type in said[status]["content"], (route, status)
    place = ("paths", path, method, "responses", status, "content", media_type, "schema")
    wrong = [
        f"{error.json_path}: {error.message}"
        for error in _schema(document, *place).iter_errors(answer.json())
    ]
    assert wrong == [], (method, route, answer.text[:500])


def _schema(document: Json, *place: str) -> Draft202012Validator:
    """A schema within the document, as that place is written by RFC 6901."""
    registry = Registry[Any]().with_resource("urn:api", DRAFT202012.create_resource(document))
    pointer = "/".join(part.replace("~", "~0").replace("/", "~1") for part in place)
    return Draft202012Validator(
        {"$ref": f"urn:api#/{pointer}"}, registry=registry, format_checker=FormatChecker()
    )
