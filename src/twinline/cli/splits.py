"""Ramp splits, and compare their arms."""

from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from twinline.cli.output import AsJson, err, facts, number, out, percent, show, table_of
from twinline.cli.session import client
from twinline.cli.slots import SlotArgument, facts_of
from twinline.language.errors import Invalid
from twinline.language.records import Experiment, Interval, RampPreview
from twinline.routing.buckets import BUCKETS

RuleOption = Annotated[
    str | None, typer.Option(help="The rule with the split, when there are several.")
]


def ramp(
    context: typer.Context,
    slot: SlotArgument,
    arm: Annotated[str, typer.Argument(help="The arm that should get the share.")],
    share: Annotated[str, typer.Argument(help="Its share of the units, as 20% or 0.2.")],
    reason: Annotated[str | None, typer.Option("--reason", "-r", help="Why.")] = None,
    rule: RuleOption = None,
    donor: Annotated[str | None, typer.Option(help="Take from this arm alone.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Only show what it moves.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give an arm of a live split another share; only the units that must move do."""
    api, wanted = client(context), _share(share)
    foreseen = api.slots.preview_ramp(slot, arm, wanted, rule=rule, donor=donor)
    if preview:
        show(foreseen, as_json, lambda: _foreseen(foreseen))
        return
    if reason is None:
        raise Invalid("A ramp needs --reason.")
    if not as_json:
        out.print(_foreseen(foreseen))
    if not yes and not typer.confirm(f"Ramp {slot}?", default=False, err=True):
        err.print("Nothing was changed.")
        raise typer.Exit(1)
    made = api.slots.ramp(
        slot,
        arm,
        wanted,
        reason=reason,
        expected=foreseen.live.number,
        rule=rule,
        donor=donor,
    )
    show(made, as_json, lambda: facts_of(made))


def experiment(
    context: typer.Context,
    slot: SlotArgument,
    rule: RuleOption = None,
    control: Annotated[
        str | None, typer.Option(help="The arm to compare with; default: the first.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare what the arms of a live split did, with 95 % intervals."""
    found = client(context).policies.experiment(slot, rule=rule, control=control)
    show(found, as_json, lambda: _experiment(found))


def _share(text: str) -> float:
    plain, is_percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        share = float(plain) / (100 if is_percent else 1)
    except ValueError as error:
        raise Invalid(f"{text!r} is no share; one is 20% or 0.2.", field="share") from error
    if not 0 <= share <= 1:
        raise Invalid(f"{text!r} is no share: write 20% or 0.2, up to 100% or 1.", field="share")
    return share


def _foreseen(found: RampPreview) -> Group:
    arms = table_of(
        ("arm", "bundle", "now#", "then#"),
        (
            (one.arm, one.bundle.digest[:12], _part(one.before), _part(one.after))
            for one in found.arms
        ),
    )
    moves = [Text(move.text, style="bold") for move in found.moves]
    lacks = [Text(f"not passed: {one}", style="yellow") for one in found.missing]
    return Group(arms, *(moves or [Text("Nothing moves.", style="dim")]), *lacks)


def _experiment(found: Experiment) -> Group:
    head = facts(
        (
            ("slot", found.slot.short),
            ("rule", found.rule),
            ("since", found.since),
            ("deployments", f"{len(found.deployments)}"),
        )
    )
    arms = table_of(
        ("arm", "share#", "units#", "requests#", "errors", "p50#", "p95#", "cost#", "score"),
        (
            (
                one.arm,
                f"{one.share:.1%}",
                one.units,
                one.service.requests,
                _shown(one.error_rate, 100, " %"),
                number(one.service.latency_ms.p50 if one.service.latency_ms else None, " ms"),
                number(one.service.latency_ms.p95 if one.service.latency_ms else None, " ms"),
                number(one.cost_usd, " $"),
                _shown(one.score),
            )
            for one in found.arms
        ),
    )
    differences = [
        Text(
            f"{one.arm} against {one.control}: errors {_shown(one.error_rate, 100, ' points')}, "
            f"score {_shown(one.score)}"
        )
        for one in found.differences
    ]
    return Group(head, Text(), arms, Text(), *differences, _ratio(found))


def _ratio(found: Experiment) -> Text:
    ratio = found.ratio
    if ratio is None:
        return Text("Sample ratio: the units were not counted.", style="dim")
    if ratio.p is None:
        return Text("Sample ratio: too few units to say.", style="dim")
    if ratio.mismatch:
        return Text(
            f"Sample ratio mismatch (p = {ratio.p:.2g}): units did not fall into the arms as the "
            "ranges say. Do not trust the comparison before you know why.",
            style="bold red",
        )
    return Text(f"Sample ratio as it should be (p = {ratio.p:.2g}).", style="green")


def _shown(found: Interval | None, scale: float = 1, unit: str = "") -> str:
    if found is None:
        return number(None)
    value, low, high = (part * scale for part in (found.value, found.low, found.high))
    return f"{value:.3g}{unit} [{low:.3g}, {high:.3g}]"


def _part(buckets: int) -> str:
    return percent(buckets, BUCKETS)
