"""What Prometheus may ask this process: what it counted, and figures of the catalog."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse

from twinline.access.gate import database
from twinline.aliases import gauges as aliases
from twinline.db.session import Database
from twinline.language.errors import DatabaseUnavailable
from twinline.otel.counts import Counts

FORMAT = "text/plain; version=0.0.4; charset=utf-8"
_ANSWERS = """\
# HELP twinline_database_answers Whether the database answered this time.
# TYPE twinline_database_answers gauge
twinline_database_answers """

router = APIRouter(tags=["health"])


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(
    request: Request, database: Annotated[Database, Depends(database)]
) -> PlainTextResponse:
    """Gauges and counters in Prometheus' text format, without names of the catalog in it.

    Without the database, what this process counted alone.
    """
    counted: Counts = request.app.state.otlp
    try:
        with database.reading() as tx:
            found = [_ANSWERS + "1", *aliases.lines(tx)]
    except DatabaseUnavailable:
        found = [_ANSWERS + "0"]
    text = "\n".join([*found, counted.text().strip()]) + "\n"
    return PlainTextResponse(text, media_type=FORMAT)
