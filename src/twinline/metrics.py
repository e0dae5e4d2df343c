"""Figures about this process and its catalog, as Prometheus reads them."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, NamedTuple

from fastapi import APIRouter, Depends, Request, Response

from twinline.access.gate import database
from twinline.db.session import Database
from twinline.language.records import MirrorStatus
from twinline.mirror.mirroring import Mirroring

router = APIRouter(tags=["health"])

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class Sample(NamedTuple):
    """One value, and what distinguishes it from the others of its figure."""

    labels: dict[str, str]
    value: float


class Figure(NamedTuple):
    """One thing that is measured."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    samples: tuple[Sample, ...]


@router.get("/metrics", response_class=Response)
def metrics(request: Request, database: Annotated[Database, Depends(database)]) -> Response:
    """Figures for Prometheus: how far the mirror of MLflow is behind, what waits, what it
    found, and which deliveries of webhooks this process refused."""
    mirroring: Mirroring = request.app.state.mirroring
    with database.reading() as tx:
        status = mirroring.status(tx)
    return Response(render(mirror_figures(status)), media_type=CONTENT_TYPE)


def mirror_figures(status: MirrorStatus) -> Iterator[Figure]:
    """What is measured of the mirror; what is not known yet has no sample."""
    places = [
        (place, {"server": place.server, "workspace": place.workspace}) for place in status.places
    ]
    yield Figure(
        "twinline_mirror_behind_seconds",
        "gauge",
        "What is older than this is in the mirror.",
        tuple(
            Sample(labels, place.behind_seconds)
            for place, labels in places
            if place.behind_seconds is not None
        ),
    )
    yield Figure(
        "twinline_mirror_waiting_names",
        "gauge",
        "Names that are still to be read again.",
        tuple(Sample(labels, place.waiting) for place, labels in places),
    )
    yield Figure(
        "twinline_mirror_drift_total",
        "counter",
        "Findings that MLflow has something no longer as the catalog knows it.",
        tuple(Sample(labels, place.drift) for place, labels in places),
    )
    yield Figure(
        "twinline_mirror_inbox",
        "gauge",
        "Deliveries of webhooks that wait to be looked at.",
        (Sample({}, status.inbox),),
    )
    yield Figure(
        "twinline_mirror_refused_total",
        "counter",
        "Deliveries of webhooks that this process refused.",
        tuple(Sample({"reason": reason}, count) for reason, count in status.refused.items()),
    )


def render(figures: Iterable[Figure]) -> str:
    """Figures in Prometheus' text format 0.0.4."""
    lines = [line for figure in figures for line in _lines(figure)]
    return "\n".join(lines) + "\n"


def _lines(figure: Figure) -> Iterator[str]:
    yield f"# HELP {figure.name} {figure.help}"
    yield f"# TYPE {figure.name} {figure.kind}"
    for labels, value in figure.samples:
        said = ",".join(f'{name}="{text.translate(_ESCAPES)}"' for name, text in labels.items())
        yield f"{figure.name}{{{said}}} {value:g}" if said else f"{figure.name} {value:g}"
