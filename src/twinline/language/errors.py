"""Every error that Twinline raises, on one screen.

::

    TwinlineError                       500
    ├── NotFound                        404
    ├── Invalid                         422
    │   ├── InvalidReference            422
    │   ├── MalformedJson               400
    │   ├── MalformedOtlp               400
    │   ├── UnsupportedMedia            415
    │   ├── KeyReused                   422
    │   ├── NotRendered                 422
    │   │   ├── MissingVariable         422
    │   │   ├── UnexpectedVariable      422
    │   │   └── WrongVariable           422
    │   └── TooLarge                    413
    ├── Conflict                        409
    │   ├── VersionChanged              409
    │   ├── VersionWithdrawn            409
    │   ├── NothingToRollBack           409
    │   ├── NothingLive                 409
    │   ├── UntestedPair                409
    │   ├── BlockedPair                 409
    │   ├── BundleWithdrawn             409
    │   ├── NotEvaluated                409
    │   ├── LeaseLost                   409
    │   ├── Killed                      409
    │   └── NoActiveBundle              409
    ├── PreconditionRequired            428
    ├── Stale                           412
    ├── NotAuthenticated                401
    ├── NotAllowed                      403
    ├── NotInstalled                    501
    ├── Unavailable                     503
    │   ├── CutShort                    503
    │   ├── DatabaseUnavailable         503
    │   ├── MlflowUnavailable           503
    │   │   └── AnswerTooLarge          503
    │   └── Overloaded                  503
    ├── ManifestRefused                 500
    └── StartRefused                    500
        ├── AlreadyRunning              500
        ├── PortInUse                   500
        ├── DataFolderRefused           500
        └── NoPostgres                  500

The same classes are raised by the server's verbs and by the client, which builds
them again from the problem details (RFC 9457) that the server answered.
A message names the value that was wrong and what to do about it.
"""

from typing import Any, ClassVar

PROBLEM_PREFIX = "urn:twinline:problem:"


class TwinlineError(Exception):
    """What every error of ours is.

    ``fields`` are the values that a program would want to read without parsing
    the message; they become members of the problem details.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"

    def __init__(self, detail: str, **fields: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = fields

    @property
    def title(self) -> str:
        """The code in words: ``nothing-to-roll-back`` is "Nothing to roll back"."""
        return self.code.replace("-", " ").capitalize()

    def problem(self) -> dict[str, Any]:
        """The members of the RFC 9457 problem details for this error."""
        members = {
            "type": PROBLEM_PREFIX + self.code,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        return self.fields | members


class NotFound(TwinlineError):
    """Nothing of that name exists; ``nearest`` lists the names most like it."""

    status = 404
    code = "not-found"


class Invalid(TwinlineError):
    """A value that can never be right; ``field`` and ``value`` say which."""

    status = 422
    code = "invalid"


class InvalidReference(Invalid):
    """Text that is no reference of ours, or one of the wrong kind."""

    code = "invalid-reference"


class MalformedJson(Invalid):
    """A body that is not JSON, or JSON that no PostgreSQL and no peer could keep."""

    status = 400
    code = "malformed-json"


class MalformedOtlp(Invalid):
    """A body that is no request of OpenTelemetry's protocol."""

    status = 400
    code = "malformed-otlp"


class UnsupportedMedia(Invalid):
    """A body in a form that we do not read; the message names those that we do."""

    status = 415
    code = "unsupported-media-type"


class KeyReused(Invalid):
    """An idempotency key that was already used for another request."""

    code = "idempotency-key-reused"


class NotRendered(Invalid):
    """A prompt that gives no text; ``version`` says which."""

    code = "not-rendered"


class MissingVariable(NotRendered):
    """A ``variable`` or a ``placeholder`` of a prompt that was given nothing."""

    code = "missing-variable"


class UnexpectedVariable(NotRendered):
    """A value for a ``variable`` or ``placeholder`` that the prompt does not have."""

    code = "unexpected-variable"


class WrongVariable(NotRendered):
    """A value that is not of the type that was declared for its ``variable``."""

    code = "wrong-variable"


class TooLarge(Invalid):
    """A body above the limit."""

    status = 413
    code = "too-large"


class Conflict(TwinlineError):
    """The request is well formed, but what is there now does not allow it."""

    status = 409
    code = "conflict"


class VersionChanged(Conflict):
    """A version that should be immutable comes back with other content."""

    code = "version-changed"


class VersionWithdrawn(Conflict):
    """A version is retired or recalled, or what it holds or came from is: nothing new is
    built on it, and no label moves to it."""

    code = "version-withdrawn"


class NothingToRollBack(Conflict):
    """The side that should go back has no earlier version in this slot."""

    code = "nothing-to-roll-back"


class NothingLive(Conflict):
    """The slot has no deployment yet."""

    code = "nothing-live"


class UntestedPair(Conflict):
    """The pair has never served here and has no passing evaluation."""

    code = "untested-pair"


class BlockedPair(Conflict):
    """The pair is declared incompatible."""

    code = "blocked-pair"


class BundleWithdrawn(Conflict):
    """A policy names a bundle that is killed, or built on what is retired or recalled."""

    code = "bundle-withdrawn"


class NotEvaluated(Conflict):
    """A policy names a bundle that has not passed a suite which its slot requires."""

    code = "not-evaluated"


class LeaseLost(Conflict):
    """Somebody else may run this evaluation by now, or it is done."""

    code = "lease-lost"


class Killed(Conflict):
    """The slot is switched off, and serves nothing until somebody lifts that."""

    code = "killed"


class NoActiveBundle(Conflict):
    """What the policy chose is withdrawn, and so is everything it may fall back to."""

    code = "no-active-bundle"


class PreconditionRequired(TwinlineError):
    """A change of a slot that does not say which deployment it was looking at."""

    status = 428
    code = "precondition-required"


class Stale(TwinlineError):
    """The live deployment moved since the caller looked at it."""

    status = 412
    code = "stale"


class NotAuthenticated(TwinlineError):
    """No API key, or one that is unknown, expired or revoked."""

    status = 401
    code = "not-authenticated"


class NotAllowed(TwinlineError):
    """The key is good, but its role lacks the permission."""

    status = 403
    code = "not-allowed"


class NotInstalled(TwinlineError):
    """Something that needs a library which the server runs without; the message names what
    to install."""

    status = 501
    code = "not-installed"


class Unavailable(TwinlineError):
    """Something that we depend on does not answer; trying again may help."""

    status = 503
    code = "unavailable"


class CutShort(Unavailable):
    """A long answer that ended before it was whole: what came of it is no answer."""

    code = "cut-short"


class DatabaseUnavailable(Unavailable):
    """PostgreSQL does not answer, or refuses more work."""

    code = "database-unavailable"


class MlflowUnavailable(Unavailable):
    """The MLflow server does not answer in time, or not as MLflow does."""

    code = "mlflow-unavailable"


class AnswerTooLarge(MlflowUnavailable):
    """The MLflow server answers with more than we read at once."""

    code = "mlflow-answer-too-large"


class Overloaded(Unavailable):
    """More is waiting to be recorded than should wait; try again in a moment."""

    code = "overloaded"


class ManifestRefused(TwinlineError):
    """A manifest that was not signed by our server, is damaged, or is older than ours."""

    code = "manifest-refused"


class StartRefused(TwinlineError):
    """The server cannot start; the message holds the remedy."""

    code = "start-refused"


class AlreadyRunning(StartRefused):
    """Another server holds this data folder."""

    code = "already-running"


class PortInUse(StartRefused):
    """Something else listens where we were told to listen."""

    code = "port-in-use"


class DataFolderRefused(StartRefused):
    """A data folder of another PostgreSQL major, or of a newer Twinline."""

    code = "data-folder-refused"


class NoPostgres(StartRefused):
    """No PostgreSQL 15 or newer was found, or it does not start."""

    code = "no-postgres"
