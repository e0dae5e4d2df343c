"""What Prometheus may ask this process: what it counted, and figures of the catalog."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

from twinline.access.gate import database
from twinline.db.session import Database
from twinline.language.errors import DatabaseUnavailable
from twinline.language.figures import CONTENT_TYPE, Figure, Sample, render
from twinline.mirror import gauges as mirror
from twinline.mirror.mirroring import Mirroring
from twinline.otel.counts import Counts

router = APIRouter(tags=["health"])


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request, database: Annotated[Database, Depends(database)]) -> Response:
    """Figures for Prometheus: how far the mirror of MLflow is behind and what it found, aliases
    that go with slots, spans and reads of prompts by what became of them. No names of the
    catalog are in it, but those of MLflow servers and their workspaces. What is counted in
    the database may be ten seconds old.

    Without the database there is what this process counted alone.
    """
    counted: Counts = request.app.state.otlp
    try:
        kept = list(_kept(database, request.app))
    except DatabaseUnavailable:
        kept = []
    answers = Figure(
        "twinline_database_answers",
        "gauge",
        "Whether the database answered this time.",
        (Sample({}, bool(kept)),),
    )
    counts = (*counted.figures(), *request.app.state.access_log.figures())
    return Response(render([answers, *kept, *counts]), media_type=CONTENT_TYPE)


def _kept(database: Database, app: FastAPI) -> Iterator[Figure]:
    mirroring: Mirroring = app.state.mirroring
    with database.reading() as tx:
        yield from mirror.figures(mirroring.glance(tx))
        yield from app.state.alias_figures.at(tx)
