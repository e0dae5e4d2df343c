"""Exports over HTTP, each with its media type and a file name."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from twinline.access.gate import reading, strict_router
from twinline.access.rules import Permission
from twinline.client.exports import UNTIL
from twinline.db.session import Reading
from twinline.exports import actions, cyclonedx, graphml, intoto, openlineage, prov
from twinline.language.canonical import canonical
from twinline.language.names import Environment
from twinline.language.records import Direction, Instant, Json, ManifestKey
from twinline.language.refs import BundleRef
from twinline.lineage.api import NodeRef

NDJSON = "application/x-ndjson"

router = strict_router("exports", prefix="/exports")
schemas = APIRouter(tags=["exports"])
"""What anybody may read, because whoever gets our events must find what they mean."""

Read = Annotated[Reading, reading(Permission.READ)]
Bundle = Annotated[
    str,
    Query(
        max_length=100,
        description="A bundle, by 12 or more characters of its digest.",
        examples=[BundleRef.example],
    ),
]


_TEXT = {"type": "string"}
_OBJECT = {"type": "object", "additionalProperties": True}
_OBJECTS = {"type": "array", "items": _OBJECT}


def _answers(shapes: dict[str, Json]) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": shape} for media_type, shape in shapes.items()}
    return {200: {"content": content, "description": "The document"}}


@router.get(
    "/cyclonedx", response_class=Response, responses=_answers({cyclonedx.MEDIA_TYPE: _OBJECT})
)
def bill_of_materials(node: Bundle, tx: Read) -> Response:
    """What a bundle is made of: a CycloneDX 1.7 bill of materials with a model card."""
    ref, document = actions.bill_of_materials(tx, node)
    return _json(document, cyclonedx.MEDIA_TYPE, f"{_short(ref)}.cdx.json")


@router.get(
    "/intoto",
    response_class=Response,
    responses=_answers({intoto.ENVELOPE_MEDIA_TYPE: _OBJECT, intoto.STATEMENT_MEDIA_TYPE: _OBJECT}),
)
def statement(
    node: Bundle,
    tx: Read,
    signed: Annotated[bool, Query(description="False: the bare statement.")] = True,
) -> Response:
    """Where a bundle came from: an in-toto statement with SLSA provenance, in a signed
    DSSE envelope; `exports/key` is the key that it can be verified with."""
    if not signed:
        ref, document = actions.statement(tx, node)
        return _json(document, intoto.STATEMENT_MEDIA_TYPE, f"{_short(ref)}.statement.json")
    ref, document = actions.signed_statement(tx, node)
    return _json(document, intoto.ENVELOPE_MEDIA_TYPE, f"{_short(ref)}.intoto.json")


@router.get("/key")
def key(tx: Read) -> ManifestKey:
    """The Ed25519 public key that statements are signed with, in base64."""
    return actions.key(tx)


@router.get("/prov", response_class=Response, responses=_answers({prov.MEDIA_TYPE: _OBJECT}))
def provenance(node: Bundle, tx: Read) -> Response:
    """How a bundle came to be: its upstream lineage in PROV-JSON."""
    ref, document = actions.provenance(tx, node)
    return _json(document, prov.MEDIA_TYPE, f"{_short(ref)}.prov.json")


@router.get("/graphml", response_class=Response, responses=_answers({graphml.MEDIA_TYPE: _TEXT}))
def graph(
    node: NodeRef,
    tx: Read,
    direction: Annotated[
        Direction, Query(description="To what it came from, to what came from it, or both.")
    ] = "both",
    depth: Annotated[int, Query(ge=1, le=100, description="1: direct neighbours.")] = 10,
    limit: Annotated[int, Query(ge=1, le=5000, description="Nodes that are shown.")] = 500,
) -> Response:
    """What a node came from and what came from it, in GraphML."""
    document = actions.graph(tx, node, direction=direction, depth=depth, limit=limit)
    name = re.sub("[^A-Za-z0-9]+", "-", node)[:80].strip("-")
    return _file(document, graphml.MEDIA_TYPE, f"{name}.graphml")


@router.get(
    "/openlineage",
    response_class=Response,
    responses=_answers({NDJSON: _TEXT, "application/json": _OBJECTS}),
)
def events(
    request: Request,
    tx: Read,
    environment: Annotated[Environment, Query()],
    start: Annotated[Instant, Query(alias="from", description="Rounded down to a minute.")],
    end: Annotated[Instant, Query(alias="to", description="At most 24 hours later; not included.")],
    format: Annotated[
        Literal["ndjson", "json"], Query(description="An event a line, or an array.")
    ] = "ndjson",
) -> Response:
    """What served in an environment: an OpenLineage event for each slot, bundle and
    minute. A run's id follows from the three. Only minutes that are over are told;
    `X-Twinline-Until` says up to when."""
    found, until = actions.events(tx, environment, start, end, _server_url(request))
    name = f"openlineage-{environment}-{start:%Y%m%dT%H%MZ}"
    if format == "json":
        answer = _json(found, "application/json", f"{name}.json")
    else:
        lines = b"".join(canonical(event) + b"\n" for event in found)
        answer = _file(lines, NDJSON, f"{name}.ndjson")
    answer.headers[UNTIL] = until.isoformat()
    return answer


@schemas.get(openlineage.SCHEMA_PATH)
def schema(request: Request) -> Json:
    """The JSON Schema of the facet that our OpenLineage events carry."""
    return openlineage.schema(f"{_server_url(request)}{openlineage.SCHEMA_PATH}")


def _server_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _short(ref: BundleRef) -> str:
    return f"bundle-{ref.digest[:12]}"


def _json(document: Mapping[str, Any] | list[Json], media_type: str, name: str) -> Response:
    """Canonical, so that what is known in the same way is the same bytes."""
    return _file(canonical(document), media_type, name)


def _file(content: bytes | str, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=headers, media_type=media_type)
