"""``twinline mlflow backfill``: the requests that MLflow's traces remember, into the ledger.

A command and no deed of the server: it may run for hours, its progress is seen where it
runs, and it needs no more than anybody who sends traces, for what it reads is sent as
OTLP and mapped by the same door. What is there already is not counted again, so it may
be broken off and begun anew at any time.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from twinline.cli import times
from twinline.cli.emission import Progress
from twinline.cli.output import AsJson, err, facts, show
from twinline.cli.session import client, server
from twinline.language.errors import Invalid
from twinline.language.records import Json, Record, TracesTaken
from twinline.mirror.traces import RUNNING, Chunk, TraceReader, otlp_spans
from twinline.otel.dialects import KNOWN
from twinline.settings import Settings

READ_SECONDS = 60.0
SPANS_TOGETHER = 500
RUNS_MOST = timedelta(days=1)
"""How long a trace that has not ended keeps the position before it."""
AGO = timedelta(days=6)
"""Since when without ``--from``: what the ledger has places for by itself."""


class Backfilled(Record):
    """What a backfill did."""

    traces: int = 0
    spans: int = 0
    rejected: int = 0
    why: str = ""
    unread: tuple[str, ...] = ()
    until: datetime | None = None


@dataclass(frozen=True)
class Backfill:
    """Sends chunks of traces, and notes after each how far it is."""

    send: Callable[[Json], TracesTaken]
    note: Callable[[datetime], None]
    say: Callable[[str], None]

    def run(self, chunks: Iterator[Chunk], now: datetime) -> Backfilled:
        """Send all of them.

        Raises:
            Unavailable: MLflow or the server does not answer; what was sent is noted.
        """
        done = Backfilled()
        held: datetime | None = None
        for chunk in chunks:
            spans = [span for trace in chunk.traces for span in otlp_spans(trace, KNOWN)]
            taken = [self.send(request) for request in _requests(spans)]
            held = held or _oldest_running(chunk, now)
            until = min(chunk.infos[-1].request_time, held or datetime.max.replace(tzinfo=UTC))
            self.note(until)
            done = Backfilled(
                traces=done.traces + len(chunk.traces),
                spans=done.spans + len(spans),
                rejected=done.rejected + sum(one.rejected for one in taken),
                why=done.why or next((one.why for one in taken if one.why), ""),
                unread=done.unread + chunk.unread,
                until=until,
            )
            self.say(f"{until:%Y-%m-%d %H:%M:%SZ}  {done.traces:,} traces")
        return done


def backfill(
    context: typer.Context,
    experiment: Annotated[
        list[str] | None, typer.Option(help="Only this experiment; may be given again.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", help=f"Since when; default: where it was left, or 6 days ago. {times.HELP}"
        ),
    ] = None,
    until: Annotated[str, typer.Option("--to", help="Up to when.")] = "0s",
    state: Annotated[
        Path | None, typer.Option(help="Where to note how far it is; default: in TWINLINE_HOME.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Record the model calls in MLflow's traces; what is recorded already counts once."""
    settings = server(context).settings
    reader, api = _reader(settings), client(context).inferences
    experiments = reader.experiments(experiment or ())
    what = f"{reader.url} {' '.join(sorted(experiments.values()))}"
    progress = Progress(state or _state_file(settings.home, what), what)
    now = datetime.now(UTC)
    since = times.moment(start, "--from") if start else progress.read() or now - AGO
    end = times.moment(until, "--to")
    if since < now - AGO:
        api.open_days(since.date())
    job = Backfill(api.send_traces, progress.write, lambda said: err.print(said, highlight=False))
    done = job.run(reader.chunks(list(experiments.values()), since, end), now)
    show(done, as_json, lambda: _facts(done))
    if done.rejected or done.unread:
        raise typer.Exit(1)


def _reader(settings: Settings) -> TraceReader:
    if settings.mlflow_url is None:
        raise Invalid(
            "This command reads MLflow itself: set TWINLINE_MLFLOW_URL where it runs.",
            field="mlflow_url",
        )
    token, password = settings.mlflow_token, settings.mlflow_password
    return TraceReader(
        settings.mlflow_url,
        token=token.get_secret_value() if token else None,
        username=settings.mlflow_username,
        password=password.get_secret_value() if password else None,
        timeout_seconds=READ_SECONDS,
    )


def _state_file(home: Path, what: str) -> Path:
    folder = home / "backfill"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{hashlib.sha256(what.encode()).hexdigest()[:16]}.json"


def _requests(spans: Sequence[Json]) -> Iterator[Json]:
    for start in range(0, len(spans), SPANS_TOGETHER):
        scope = {"spans": spans[start : start + SPANS_TOGETHER]}
        yield {"resourceSpans": [{"scopeSpans": [scope]}]}


def _oldest_running(chunk: Chunk, now: datetime) -> datetime | None:
    running = (one.request_time for one in chunk.infos if one.state == RUNNING)
    return min((at for at in running if at > now - RUNS_MOST), default=None)


def _facts(done: Backfilled) -> object:
    return facts(
        (
            ("traces", done.traces),
            ("spans", done.spans),
            ("rejected", done.rejected),
            ("why", done.why),
            ("too large", done.unread),
            ("up to", done.until),
        )
    )
