"""Suites as the client offers them."""

from collections.abc import Iterator

from twinline.client.http import Http, segment
from twinline.language.records import (
    NewRequirement,
    NewSuite,
    SubjectKind,
    Suite,
    SuiteAttachment,
)


class Suites:
    """Named ways to score: what they are, and where they are wanted."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def define(
        self,
        name: str,
        *,
        scores: SubjectKind = "prompt",
        description: str = "",
        threshold: float | None = None,
        command: str = "",
        attempts_max: int = 3,
        reason: str | None = None,
        key: str | None = None,
    ) -> Suite:
        """Say what a suite is, for the first time or anew.

        Args:
            name: one word.
            scores: prompt versions, model versions, or bundles; it stays so.
            description: for people.
            threshold: the score in [0, 1] that passes; None: no case may fail.
            command: how it is run, for people.
            attempts_max: how often a pending evaluation may fail before it is given up.
            reason: why; needed when it is defined already, and otherwise.
            key: an idempotency key of your own.

        Raises:
            Conflict: it scores something else already.
            Invalid: it is defined otherwise, and no reason is given.
        """
        new = NewSuite(
            description=description,
            scores=scores,
            threshold=threshold,
            command=command,
            attempts_max=attempts_max,
            reason=reason,
        )
        return self._http.write(Suite, "PUT", f"/suites/{segment(name)}", new, key=key)

    def list(self) -> Iterator[Suite]:
        """Suites by name."""
        return self._http.pages(Suite, "/suites")

    def get(self, name: str) -> Suite:
        """A suite, with where it is attached and required."""
        return self._http.get(Suite, f"/suites/{segment(name)}")

    def attach(self, name: str, prompts: str) -> Suite:
        """From now on evaluate each new version of these prompts: a prompt's name, a folder
        (``support/``), or ``*``.

        Raises:
            Conflict: the suite scores no prompt versions.
        """
        wanted = SuiteAttachment(prompts=prompts)
        return self._http.write(Suite, "POST", f"/suites/{segment(name)}/prompts", wanted)

    def detach(self, name: str, prompts: str, *, reason: str) -> Suite:
        """Evaluate new versions of these prompts no more."""
        path = f"/suites/{segment(name)}/prompts/{segment(prompts)}"
        return self._http.write(Suite, "DELETE", path, query={"reason": reason})

    def require(self, name: str, place: str, *, reason: str) -> Suite:
        """Let nothing be deployed to an environment, or to a slot (``ROUTE@ENVIRONMENT``),
        that has not passed the suite."""
        wanted = NewRequirement(place=place, reason=reason)
        return self._http.write(Suite, "POST", f"/suites/{segment(name)}/required", wanted)

    def release(self, name: str, place: str, *, reason: str) -> Suite:
        """Require the suite there no more."""
        path = f"/suites/{segment(name)}/required/{segment(place)}"
        return self._http.write(Suite, "DELETE", path, query={"reason": reason})
