"""Experiments: the splits of slots, and what the arms of one did."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import Query, Response
from markupsafe import Markup
from pydantic import Field

from twinline.access import actions as access
from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.deployments.actions import SplitSlot
from twinline.experiments import actions
from twinline.experiments.actions import Ran
from twinline.inferences import actions as inferences
from twinline.language.errors import NotFound, TwinlineError
from twinline.language.records import Deployment, Experiment, Interval, Service
from twinline.language.refs import DeploymentRef, SlotRef
from twinline.pictures.charts import Bar, Chart, Mark, Said, Series
from twinline.web import addresses, pictures, rendering
from twinline.web.gate import Reader
from twinline.web.page import Page
from twinline.web.problems import page_router

router = page_router()

SLOTS, NEWEST_LOOKED_AT = 100, 20
DAYS, ARMS_DRAWN, ROWS, MARKS = 60, 4, 240, 100
UNITS_AT_ONCE = 300_000
"""Requests up to which units are counted unasked: that takes as long as there are units."""


class ExperimentsPage(Page, template="experiments.html"):
    """Where there are experiments."""

    heading = "Experiments"

    slots: tuple[SplitSlot, ...] = Field(
        description=f"Slots that have a split among their newest {NEWEST_LOOKED_AT} deployments, "
        "those where one is live first."
    )
    cut: bool = Field(
        title="more", description=f"Whether there are more than the first {SLOTS} slots."
    )


@dataclass(frozen=True)
class Verdict:
    """What one comparison comes to, in a sentence."""

    measure: str
    arm: str
    tone: Literal["good", "bad", ""]
    said: str


@dataclass(frozen=True)
class DayRow:
    """What an arm, or the whole slot, did on a day."""

    day: datetime
    arm: str
    served: Service

    @property
    def cost(self) -> float | None:
        """Mean of a request in USD; None when nobody told any."""
        return _cost(self.served)


class ExperimentPage(Page, template="experiment.html"):
    """One experiment."""

    slot: SlotRef = Field(description="Where the split is or was.")
    splits: tuple[Ran, ...] = Field(
        description="The splits that this slot has and had, the newest first, among its newest "
        f"{actions.DEPLOYMENTS_LOOKED_AT} deployments. A split that keeps its salt is one "
        "experiment, however its shares are ramped."
    )
    chosen: Ran | None = Field(description="The split that is shown.")
    found: Experiment | None = Field(
        title="arms",
        description="Each arm with its bundles, its share of the units, and exact counts: units "
        "are counted once, however often they came. Intervals are of 95 %: Wilson's for error "
        "rates, the normal approximation for scores.",
    )
    control: str = Field(description="The arm that the others are compared with.")
    verdicts: tuple[Verdict, ...] = Field(
        description="Each arm against the control: a difference is told when its 95 % interval "
        "leaves zero out (Newcombe's for error rates, Welch's for scores)."
    )
    interval_charts: tuple[Markup, ...] = Field(
        title="intervals", description="Each arm's error rate and score with their intervals."
    )
    day_charts: tuple[Markup, ...] = Field(
        title="day by day",
        description=f"What each arm did on each of the last {DAYS} days of the experiment, up to "
        f"{ARMS_DRAWN} arms; dashed lines are deployments of the slot. A gap is a day without "
        "requests or without scores.",
    )
    slot_charts: tuple[Markup, ...] = Field(
        title="the whole slot", description="Requests and latency of the slot in the same days."
    )
    arm_rows: tuple[DayRow, ...] = Field(
        title="figures", description=f"The same figures as a table, the newest {ROWS} rows."
    )
    slot_rows: tuple[DayRow, ...] = Field(
        title="figures of the slot", description="The slot's figures as a table."
    )
    marks: tuple[Deployment, ...] = Field(
        title="deployments", description="The dashed lines: deployments of the slot in these days."
    )
    count_units: str = Field(
        title="counting units",
        description="Leads to this page with its units counted, when there are so many requests "
        "that it was not done unasked.",
    )

    @property
    def title(self) -> str:
        """The experiment's slot and rule."""
        rule = f", rule {self.chosen.rule}" if self.chosen else ""
        return f"Experiment in {self.slot.short}{rule}"


@router.get("/experiments")
def experiments(
    by: Reader,
    slot: Annotated[str, Query(max_length=300)] = "",
    rule: Annotated[str, Query(max_length=200)] = "",
    deployment: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
    control: Annotated[str, Query(max_length=200)] = "",
    units: Literal["", "count"] = "",
) -> Response:
    """The slots with experiments, or one of a slot's."""
    with by.reading() as tx:
        if slot:
            wanted = Wanted(rule, deployment, control, units == "count")
            page: Page = _one(tx, SlotRef.parse(slot.strip()), wanted)
        else:
            found = deployments.with_splits(tx, NEWEST_LOOKED_AT, SLOTS + 1)
            page = ExperimentsPage(slots=found[:SLOTS], cut=len(found) > SLOTS)
    return rendering.answer(by, page)


@dataclass(frozen=True)
class Wanted:
    """Which experiment of a slot is meant, and how it is to be shown."""

    rule: str
    deployment: int | None
    control: str
    every_unit: bool


def _one(tx: Reading, slot: SlotRef, wanted: Wanted) -> ExperimentPage:
    splits = actions.ran(tx, slot)
    chosen = _chosen(splits, wanted)
    if chosen is None and (wanted.rule or wanted.deployment):
        raise _not_among(tx, slot, wanted)
    if chosen is None:
        return _nothing(slot, splits)
    found = actions.read(
        tx,
        slot,
        chosen.rule,
        wanted.control or None,
        number=chosen.last.number,
        requests_most=None if wanted.every_unit else UNITS_AT_ONCE,
    )
    window = _window(tx, chosen)
    marks = _deployments(tx, slot, window)
    by_arm = actions.by_day(tx, found, window[0])
    of_slot = inferences.served_by_day(tx, slot, window[0])
    drawn = [Mark(one.at, str(one.number), f"{one.ref}: {one.reason}") for one in marks]
    return ExperimentPage(
        slot=slot,
        splits=splits,
        chosen=chosen,
        found=found,
        control=wanted.control or found.arms[0].arm,
        verdicts=tuple(_verdicts(found)),
        interval_charts=tuple(_interval_charts(found)),
        day_charts=tuple(_day_charts(found, by_arm, window, drawn)),
        slot_charts=_slot_charts(of_slot, window, drawn),
        arm_rows=_rows(by_arm, window),
        slot_rows=_rows({"": of_slot}, window),
        marks=marks,
        count_units=_counted(slot, chosen, wanted) if found.ratio is None else "",
    )


def _chosen(splits: Sequence[Ran], wanted: Wanted) -> Ran | None:
    """The newest split of that rule which that deployment has, be it the split's last or not."""
    return next(
        (
            one
            for one in splits
            if wanted.rule in ("", one.rule)
            and (wanted.deployment is None or wanted.deployment in one.numbers)
        ),
        None,
    )


def _not_among(tx: Reading, slot: SlotRef, wanted: Wanted) -> TwinlineError:
    """Why a split that was asked for is not among those that were looked at."""
    try:
        rule, number = wanted.rule or None, wanted.deployment
        found = actions.read(tx, slot, rule, None, number=number, requests_most=0)
    except TwinlineError as refused:  # it says what there is instead
        return refused
    newest = found.deployments[0]
    return NotFound(
        f"{newest} has a split in rule {found.rule!r}, but is older than the newest "
        f"{actions.DEPLOYMENTS_LOOKED_AT} deployments of the slot, in which splits are looked for.",
        kind="deployment",
        name=str(newest),
    )


def _nothing(slot: SlotRef, splits: tuple[Ran, ...]) -> ExperimentPage:
    return ExperimentPage(
        slot=slot, splits=splits, chosen=None, found=None, control="", verdicts=(),
        interval_charts=(), day_charts=(), slot_charts=(), arm_rows=(), slot_rows=(), marks=(),
        count_units="",
    )  # fmt: skip


def _counted(slot: SlotRef, chosen: Ran, wanted: Wanted) -> str:
    return addresses.asked(
        "/experiments",
        slot=slot.short,
        rule=chosen.rule,
        deployment=chosen.last.number,
        control=wanted.control,
        units="count",
    )


# --- days ------------------------------------------------------------------------------


def _window(tx: Reading, chosen: Ran) -> tuple[datetime, ...]:
    """The last days of an experiment, up to today or the day when its split went."""
    gone = deployments.find(tx, DeploymentRef(chosen.last.slot, chosen.last.number + 1))
    last = _day(access.now(tx) if chosen.is_live or gone is None else gone.at)
    first = max(_day(chosen.since), last - timedelta(days=DAYS - 1))
    return tuple(first + timedelta(days=one) for one in range((last - first).days + 1))


def _day(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _deployments(tx: Reading, slot: SlotRef, window: Sequence[datetime]) -> tuple[Deployment, ...]:
    end = window[-1] + timedelta(days=1)
    return deployments.between(tx, slot, window[0], end, limit=MARKS)


def _rows(
    served: Mapping[str, Mapping[datetime, Service]], window: Sequence[datetime]
) -> tuple[DayRow, ...]:
    rows = [
        DayRow(day, arm, served[arm][day])
        for day in reversed(window)
        for arm in sorted(served)
        if day in served[arm]
    ]
    return tuple(rows[:ROWS])


# --- charts ----------------------------------------------------------------------------


def _percent(value: float) -> str:
    return f"{value * 100:.3g} %"


def _milliseconds(value: float) -> str:
    return f"{value:,.0f} ms"


def _score(value: float) -> str:
    return f"{value:.3g}"


def _dollars(value: float) -> str:
    return f"${value:.3g}"


def _errors(served: Service) -> float | None:
    return served.error_rate


def _p95(served: Service) -> float | None:
    return served.latency_ms.p95 if served.latency_ms else None


def _mean_score(served: Service) -> float | None:
    return served.score


def _cost(served: Service) -> float | None:
    return served.cost_usd / served.requests if served.requests and served.cost_usd else None


_MEASURES: tuple[tuple[str, Callable[[Service], float | None], Said], ...] = (
    ("Errors per request", _errors, _percent),
    ("Latency, p95", _p95, _milliseconds),
    ("Score, mean", _mean_score, _score),
    ("Cost of a request", _cost, _dollars),
)


def _day_charts(
    found: Experiment,
    by_arm: Mapping[str, Mapping[datetime, Service]],
    window: Sequence[datetime],
    marks: Sequence[Mark],
) -> Iterator[Markup]:
    """A chart for each measure that any arm has."""
    arms = [one.arm for one in found.arms][:ARMS_DRAWN]
    for title, measure, said in _MEASURES:
        series = [
            Series(
                arm,
                [
                    measure(served) if served else None
                    for day in window
                    for served in [by_arm.get(arm, {}).get(day)]
                ],
            )
            for arm in arms
        ]
        if any(value is not None for one in series for value in one.values):
            yield pictures.lines(Chart(title, window, series, marks, said))


def _interval_charts(found: Experiment) -> Iterator[Markup]:
    errors = [_bar(one.arm, one.error_rate) for one in found.arms]
    yield pictures.intervals("Errors per request, 95 % intervals", errors, _percent)
    scores = [_bar(one.arm, one.score) for one in found.arms]
    if any(one.value is not None for one in scores):
        yield pictures.intervals("Score, 95 % intervals", scores, _score)


def _bar(name: str, found: Interval | None) -> Bar:
    return Bar(name, found.value, found.low, found.high) if found else Bar(name, None)


def _slot_charts(
    of_slot: Mapping[datetime, Service], window: Sequence[datetime], marks: Sequence[Mark]
) -> tuple[Markup, ...]:
    days = [of_slot.get(day) for day in window]
    return (
        pictures.requests(window, [one.requests if one else 0 for one in days], marks),
        pictures.latency(window, [_p95(one) if one else None for one in days], marks),
    )


# --- verdicts --------------------------------------------------------------------------


def _verdicts(found: Experiment) -> Iterator[Verdict]:
    for one in found.differences:
        yield _verdict("errors", one.arm, one.error_rate, higher_is_better=False, said=_points)
        yield _verdict("score", one.arm, one.score, higher_is_better=True, said=_signed)


def _points(value: float) -> str:
    return f"{value * 100:+.2f} points"


def _signed(value: float) -> str:
    return f"{value:+.3f}"


def _verdict(
    measure: str, arm: str, found: Interval | None, *, higher_is_better: bool, said: Said
) -> Verdict:
    if found is None:
        return Verdict(measure, arm, "", "nothing to compare was measured on one of the sides")
    interval = f"{said(found.value)} (95 %: {said(found.low)} to {said(found.high)})"
    if found.low <= 0 <= found.high:
        return Verdict(measure, arm, "", f"no difference can be told: {interval}")
    better = (found.value > 0) == higher_is_better
    return Verdict(measure, arm, "good" if better else "bad",
                   f"{'better' if better else 'worse'}: {interval}")  # fmt: skip
