"""What is measured of the mirror."""

from collections.abc import Iterator

from twinline.language.figures import Figure, Sample
from twinline.language.records import MirrorStatus


def figures(status: MirrorStatus) -> Iterator[Figure]:
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
