"""Which of what was observed was not declared: whole counts where they are enough, and
the pieces whose facts must be counted where they are not."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from twinline.language.records import DivergenceKind
from twinline.language.refs import BundleRef
from twinline.routing.policy import Policy

ALWAYS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Seen:
    """Requests of one bundle that name one deployment of a slot (0: none), counted.

    Every request is at ``first_at`` or later and at ``last_at`` or earlier.
    """

    slot: int
    deployment: int
    bundle: int
    requests: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class Span:
    """A deployment and when it was live: from ``begin`` up to, but not with, ``end``."""

    number: int
    begin: datetime
    end: datetime
    serves: frozenset[BundleRef]


@dataclass(frozen=True)
class Wrong:
    """A stretch of time in which requests of one group are not as declared.

    ``against`` is the deployment that they are held against, None when there was none;
    ``border`` is the moment from which to measure how far off they are.
    """

    kind: DivergenceKind
    begin: datetime
    end: datetime
    against: int | None
    border: datetime | None = None


@dataclass(frozen=True)
class Piece:
    """A part of a group whose facts must be counted: from ``begin`` up to ``end``."""

    seen: Seen
    wrong: Wrong
    begin: datetime
    end: datetime


@dataclass(frozen=True)
class Found:
    """Requests that are not as declared, counted."""

    seen: Seen
    wrong: Wrong


def serves(policy: Policy) -> frozenset[BundleRef]:
    """The bundles that a policy may serve: not those that only run in the shadow."""
    return frozenset(bundle for place, bundle in policy.places() if not place.startswith("shadow."))


def spans(
    starts: Sequence[tuple[int, datetime, frozenset[BundleRef]]],
) -> tuple[Span, ...]:
    """The spans of consecutive deployments, given by number, beginning and what they serve."""
    ends = [begin for _, begin, _ in starts[1:]] + [ALWAYS[1]]
    return tuple(
        Span(number, begin, end, bundles)
        for (number, begin, bundles), end in zip(starts, ends, strict=True)
    )


def wrong_under(span: Span, bundle: BundleRef, grace: timedelta) -> Iterator[Wrong]:
    """When requests of a bundle that name this deployment are not as declared."""
    if bundle not in span.serves:
        yield Wrong("bundle-not-permitted", *ALWAYS, span.number)
    yield Wrong("not-yet-live", ALWAYS[0], _shifted(span.begin, -grace), span.number, span.begin)
    yield Wrong("no-longer-live", _shifted(span.end, grace), ALWAYS[1], span.number, span.end)


def wrong_within(history: Sequence[Span], bundle: BundleRef) -> Iterator[Wrong]:
    """When requests of a bundle that name no deployment are not in the policy of the time.

    ``history`` has the spans that matter, the oldest first. Before it nothing was live.
    """
    begin = history[0].begin if history else ALWAYS[1]
    yield Wrong("not-in-the-policy", ALWAYS[0], begin, None)
    for span in history:
        if bundle not in span.serves:
            yield Wrong("not-in-the-policy", span.begin, span.end, span.number)


def judge(seen: Seen, wrongs: Iterable[Wrong], since: datetime) -> Iterator[Found | Piece]:
    """What of a counted group is not as declared, from ``since`` on.

    A count is enough when the whole group falls into a stretch; otherwise a piece says
    which facts to count.
    """
    for wrong in wrongs:
        begin = max(wrong.begin, since, seen.first_at)
        end = min(wrong.end, seen.last_at + _TICK)
        if begin >= end:
            continue
        if begin == seen.first_at and end > seen.last_at:
            yield Found(seen, wrong)
        else:
            yield Piece(seen, wrong, begin, end)


def together(found: Iterable[Found]) -> tuple[Found, ...]:
    """One of each group and kind, those with most requests first."""
    sums: dict[tuple[int, int, int, str, int | None], Found] = {}
    for one in found:
        seen = one.seen
        key = (seen.slot, seen.deployment, seen.bundle, one.wrong.kind, one.wrong.against)
        sums[key] = Found(_added(sums[key].seen, seen), one.wrong) if key in sums else one
    return tuple(sums[key] for key in sorted(sums, key=lambda key: _weight(sums[key])))


def off_seconds(one: Found) -> float | None:
    """How far the farthest request was outside of the time that its deployment was live."""
    border = one.wrong.border
    if border is None:
        return None
    far = one.seen.first_at if one.wrong.kind == "not-yet-live" else one.seen.last_at
    return abs((far - border).total_seconds())


def detail(one: Found, grace_seconds: float) -> str:
    """In words, what is wrong."""
    against = one.wrong.against
    match one.wrong.kind:
        case "bundle-not-permitted":
            return f"the policy of deployment {against} does not serve this bundle"
        case "not-yet-live":
            return f"more than {grace_seconds:g} s before deployment {against} was made"
        case "no-longer-live":
            return f"more than {grace_seconds:g} s after deployment {against} was replaced"
        case "not-in-the-policy" if against is None:
            return "nothing was live, and the requests name no deployment"
        case "not-in-the-policy":
            return (
                f"deployment {against} was live and does not serve this bundle; the requests name "
                "no deployment"
            )
        case "not-seen":
            return "something is live, and no request came"


def counts(found: Iterable[Found]) -> Mapping[DivergenceKind, int]:
    """Requests by kind."""
    sums: dict[DivergenceKind, int] = {}
    for one in found:
        sums[one.wrong.kind] = sums.get(one.wrong.kind, 0) + one.seen.requests
    return sums


def _added(one: Seen, other: Seen) -> Seen:
    return replace(
        one,
        requests=one.requests + other.requests,
        first_at=min(one.first_at, other.first_at),
        last_at=max(one.last_at, other.last_at),
    )


def _weight(one: Found) -> tuple[int, str, int, int, int]:
    seen = one.seen
    return -seen.requests, one.wrong.kind, seen.slot, seen.deployment, seen.bundle


def _shifted(at: datetime, by: timedelta) -> datetime:
    """``at + by``, kept within what a datetime can say."""
    if by > timedelta(0):
        return ALWAYS[1] if at > ALWAYS[1] - by else at + by
    return ALWAYS[0] if at < ALWAYS[0] - by else at + by
