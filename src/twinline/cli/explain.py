"""Explain a request: its whole story, and its policy evaluated again."""

from typing import Annotated
from uuid import UUID

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from twinline.cli.output import (
    UNKNOWN,
    AsCsv,
    AsJson,
    facts,
    number,
    short,
    show,
    show_list,
    table_of,
)
from twinline.cli.output import model as marked
from twinline.cli.session import client, read_json
from twinline.client.ledger import Inferences
from twinline.language.errors import Invalid
from twinline.language.records import EvaluationSubject, Explanation, Inference, Replay
from twinline.language.refs import DecisionRef, InferenceRef, parse_ref


def explain(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(help="An inference's id, `decisions:/REFERENCE`, or a trace id."),
    ],
    replay: Annotated[
        bool, typer.Option("--replay", help="Evaluate its policy again, and compare.")
    ] = False,
    about: Annotated[
        str | None,
        typer.Option("--context", help="With --replay: the context, as JSON, if it was not kept."),
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """The whole story of one request, up to the datasets, as things were at its time.

    A trace or a decision with several requests lists them; --csv lists always.
    """
    if about is not None and not replay:
        raise Invalid("--context goes with --replay.", field="--context")
    if replay and as_csv:
        raise Invalid("--csv lists requests, and --replay looks at one; give one.", field="--csv")
    api = client(context).inferences
    found = _meant(api, what)
    if len(found) > 1 or as_csv:
        show_list(found, as_json, requests, "No requests.", as_csv=as_csv)
    elif replay:
        again = api.replay(found[0].id, read_json(about, "--context") if about else None)
        show(again, as_json, lambda: replayed(again))
    else:
        told = api.explain(found[0].id)
        show(told, as_json, lambda: story(told))


def _meant(api: Inferences, what: str) -> list[Inference]:
    ref = parse_ref(what) if ":/" in what else None
    match ref:
        case InferenceRef(id=id):
            return [api.get(id)]
        case DecisionRef(reference=reference):
            found = list(api.find(decision=reference))
        case None:
            id = _uuid(what)
            found = [api.get(id)] if id else list(api.find(trace_id=what))
        case _:
            raise Invalid(f"{what} is no request; `twinline impact` lists what it touched.")
    if not found:
        raise Invalid(f"No request belongs to {what!r}: it is no id, trace or decision of ours.")
    return found


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if "-" in text else None
    except ValueError:
        return None


def requests(found: object) -> Table:
    """Requests, one a line."""
    assert isinstance(found, list)
    rows: list[Inference] = found  # pyright: ignore[reportUnknownVariableType] -- what show_list gives
    return table_of(
        ("inference", "at", "deployment", "bundle", "status", "score#", "decision"),
        (
            (
                one.id,
                one.at,
                one.deployment,
                short(one.bundle),
                one.measured.status,
                number(one.measured.score),
                one.decision,
            )
            for one in rows
        ),
    )


def story(found: Explanation) -> Tree:
    """One request's story as a tree, from the answer up to the data."""
    one, measured = found.inference, found.inference.measured
    tree = Tree(Text.assemble(("request ", "bold"), str(one.id), f"  {one.at:%Y-%m-%d %H:%M:%SZ}"))
    tree.add(
        Text(
            f"outcome: {measured.status or 'unknown'}, {number(measured.latency_ms, ' ms')}, "
            f"score {number(measured.score)}"
        )
    )
    if found.deployment:
        by = found.deployment
        who = f"{by.kind}, {by.actor}, {by.at:%Y-%m-%d %H:%M:%SZ}"
        tree.add(Text(f"chosen by {by.ref} ({who}): {by.reason}"))
    bundle = tree.add(Text(f"bundle {short(found.bundle.ref)}"))
    if found.bundle.words:
        bundle.add(Text(f"unresolved: {found.bundle.words}"))
    _add_results(bundle, found, found.bundle.ref)
    if found.prompt:
        prompt = bundle.add(
            Text(f"prompt {found.prompt.ref} by {found.prompt.author}: {found.prompt.message}")
        )
        _add_results(prompt, found, found.prompt.ref)
    if found.model:
        named = marked(found.model.ref, found.model.pinned)
        model = bundle.add(Text(f"model {named} from {found.model.source_uri}"))
        _add_results(model, found, found.model.ref)
        if found.run:
            run = model.add(Text(f"run {found.run.ref} {found.run.name}".rstrip()))
            for dataset in found.datasets:
                run.add(Text(f"dataset {dataset.ref}"))
    return tree


def _add_results(place: Tree, found: Explanation, subject: EvaluationSubject) -> None:
    """What suites had said of a subject by then."""
    for one in found.evaluations:
        if one.subject == subject:
            score = "" if one.score is None else f" with {one.score:.4g}"
            place.add(Text(f"{one.verdict} {one.suite}{score} ({one.ref})"))


def replayed(found: Replay) -> Group:
    """What a replay gave, beside what was recorded."""
    kept = found.inference
    if not found.possible:
        return Group(Text(f"It cannot be replayed: {found.why_not}", style="yellow"))
    verdict = (
        Text("The policy gives the same again.", style="green")
        if found.same
        else Text("The policy gives something else than was recorded.", style="bold red")
    )
    again = found.bundle or UNKNOWN
    table = table_of(
        ("", "recorded", "again"),
        (
            ("bundle", short(kept.bundle), short(again)),
            ("rule", kept.rule, found.rule),
            ("arm", kept.arm, found.arm),
            ("reason", kept.reason, found.reason),
        ),
    )
    rules = facts(
        (one.id, "fired" if one.fired else _truth(one.in_force, one.truth)) for one in found.rules
    )
    return Group(verdict, table, rules)


def _truth(in_force: bool, truth: bool | None) -> str:
    if not in_force:
        return "not in force"
    return {True: "true", False: "false", None: "unknown"}[truth]
