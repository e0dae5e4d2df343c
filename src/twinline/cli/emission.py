"""Tell another system what serves, minute by minute, and go on where it was left.

Each event is told at least once: the minute is noted when all its events were taken,
and telling them again changes nothing, because a run's id follows from its slot, bundle
and minute.
"""

import json
import os
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import httpx

from twinline.client.exports import Told
from twinline.language.errors import Invalid, Unavailable
from twinline.language.records import Json

MINUTE = timedelta(minutes=1)
SETTLED = timedelta(seconds=15)
"""How long after a minute it is told: applications ship their records a moment late."""
TRIES = 5
WAIT_SECONDS = 0.5
"""Before the second try; twice as long before each further one."""

Ask = Callable[[datetime, datetime], Told]
"""What served from a moment up to another."""


class Sink(Protocol):
    """Where events go."""

    def take(self, events: Sequence[Json]) -> None:
        """Keep events.

        Raises:
            Unavailable: not now; they are told again.
            Invalid: one is refused for good.
        """
        ...


class FileSink:
    """Appends an event a line; what was taken is on the disk."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def take(self, events: Sequence[Json]) -> None:
        """Append the events.

        Raises:
            Unavailable: the file cannot be written.
        """
        if not events:
            return
        try:
            with self.file.open("a+b") as out:
                out.write(_after_a_torn_line(self.file) + _lines(events))
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            raise Unavailable(f"{self.file} cannot be written: {error}") from error


class HttpSink:
    """POSTs each event to a URL, as OpenLineage's own HTTP transport does.

    What does not answer, or answers 408, 429 or 5xx, is tried five times in all.

    Args:
        url: where to, as ``http://127.0.0.1:5000/api/v1/lineage``.
        key: sent as bearer token.
        transport: how to reach it, for tests; default: the network.
        sleep: how to wait between tries.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url, self._sleep = url, sleep
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(headers=headers, transport=transport, timeout=10.0)

    def take(self, events: Sequence[Json]) -> None:
        """Send the events, one after another.

        Raises:
            Unavailable: five tries got no answer, or none that means anything.
            Invalid: the other side refuses an event.
        """
        for event in events:
            self._send(event)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _send(self, event: Json) -> None:
        said = ""
        for number in range(TRIES):
            if number:
                self._sleep(WAIT_SECONDS * 2 ** (number - 1) * (1 + random.random()))  # noqa: S311 -- jitter
            try:
                answer = self._client.post(self._url, json=event)
            except httpx.TransportError as error:
                said = str(error) or type(error).__name__
                continue
            if answer.is_success:
                return
            said = f"{answer.status_code} {answer.text[:200]}".strip()
            if answer.status_code not in (408, 429) and answer.status_code < 500:
                run = event["run"]["runId"]
                raise Invalid(f"{self._url} refuses the event of run {run}: {said}")
        raise Unavailable(f"{self._url} does not take events: {said}", url=self._url)


class Progress:
    """Keeps in a small file up to when an environment's events were taken."""

    def __init__(self, file: Path, environment: str) -> None:
        self.file, self.environment = file, environment

    def read(self) -> datetime | None:
        """Up to when; None when nothing was told yet.

        Raises:
            Invalid: the file is damaged, or of another environment.
        """
        try:
            kept = json.loads(self.file.read_bytes())
            environment, until = kept["environment"], datetime.fromisoformat(kept["until"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Invalid(
                f"{self.file} does not say how far events were told: {error}. Remove it to begin "
                "with the minute that is over now, or name another with --state."
            ) from error
        if environment != self.environment or until.tzinfo is None:
            raise Invalid(
                f"{self.file} is of the environment {environment!r}, not of "
                f"{self.environment!r}; name another with --state."
            )
        return until

    def write(self, until: datetime) -> None:
        """Note up to when; the file is never half written.

        Raises:
            Unavailable: the file cannot be written.
        """
        kept = {"environment": self.environment, "until": until.isoformat()}
        beside = self.file.with_name(f"{self.file.name}.new")
        try:
            beside.write_text(json.dumps(kept) + "\n")
            beside.replace(self.file)
        except OSError as error:
            raise Unavailable(f"{self.file} cannot be written: {error}") from error


class Emission:
    """Tells a sink what served, minute after minute."""

    def __init__(self, ask: Ask, sink: Sink, progress: Progress) -> None:
        self._ask, self._sink, self._progress = ask, sink, progress

    def catch_up(self, now: datetime) -> int:
        """Tell every minute that was over by ``now`` and is not told yet; how many events.

        The first time of all, that is the last minute alone. Minutes that are not over
        by the server's clock wait for the next time.

        Raises:
            Unavailable: the server or the sink does not answer; the minute waits.
            Invalid: the sink refuses an event, or the progress cannot be read.
        """
        end = now.replace(second=0, microsecond=0)
        at, count = self._progress.read() or end - MINUTE, 0
        while at < end:
            told = self._ask(at, at + MINUTE)
            if told.until <= at:
                break
            self._sink.take(told.events)
            self._progress.write(told.until)
            at, count = told.until, count + len(told.events)
        return count


def follow(
    emission: Emission,
    say: Callable[[str], None],
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Tell each minute soon after it is over, for ever.

    When the server or the sink is away, that is said, and tried again a minute later.

    Raises:
        Invalid: the sink refuses an event, or the progress cannot be read.
    """
    while True:
        try:
            count = emission.catch_up(clock() - SETTLED)
            if count:
                say(f"{clock():%H:%M:%S} told {count}")
        except Unavailable as error:
            say(f"{clock():%H:%M:%S} waiting: {error.detail}")
        settled = clock() - SETTLED
        sleep((MINUTE - timedelta(seconds=settled.second)).total_seconds())


def _lines(events: Sequence[Json]) -> bytes:
    return "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events).encode()


def _after_a_torn_line(file: Path) -> bytes:
    """A line that was broken off by a crash stays alone; its event is told again."""
    with file.open("rb") as found:
        if found.seek(0, os.SEEK_END) == 0:
            return b""
        found.seek(-1, os.SEEK_END)
        return b"" if found.read() == b"\n" else b"\n"
