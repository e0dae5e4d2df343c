"""What a resolution is in OpenFeature's words."""

from typing import Literal

from twinline.language.errors import (
    Invalid,
    InvalidReference,
    Killed,
    MalformedJson,
    NotFound,
    NothingLive,
    TwinlineError,
)
from twinline.language.records import Json

Reason = Literal["STATIC", "TARGETING_MATCH", "SPLIT", "DISABLED", "UNKNOWN"]

_REASONS: dict[str, Reason] = {
    "default": "STATIC",
    "rule": "TARGETING_MATCH",
    "split": "SPLIT",
    "unit-missing": "UNKNOWN",
}


def evaluated(key: str, resolution: Json) -> Json:
    """A resolution as the evaluation of a flag."""
    deployment = str(resolution["deployment"])
    metadata = {
        "inferenceId": resolution["inference_id"],
        "deployment": deployment,
        "bundle": resolution["bundle"]["ref"],
        "rule": resolution["rule"],
        "bucket": resolution["bucket"],
        "manifestVersion": resolution["manifest_version"],
        "assigned": resolution["assigned"],
        "unknown": ",".join(resolution["unknown"]) or None,
    }
    return {
        "key": key,
        "value": resolution["bundle"],
        "variant": resolution["arm"] or resolution["rule"] or "default",
        "reason": _REASONS.get(resolution["reason"], "UNKNOWN"),
        "metadata": {name: value for name, value in metadata.items() if value is not None},
    }


def aged(answer: Json, seconds: float) -> Json:
    """An answer that says how long ago it was known to be the newest, unless it is."""
    if not seconds:
        return answer
    return {**answer, "metadata": {**answer.get("metadata", {}), "staleSeconds": seconds}}


def failed(key: str | None, error: TwinlineError) -> tuple[int, Json]:
    """The status and the body for a flag that has no value.

    A route that is switched off is no error: it is DISABLED without a value, and the
    SDK gives the caller's own.
    """
    match error:
        case Killed():
            metadata = {"killedBy": error.fields["by"], "killedBecause": error.fields["reason"]}
            return 200, {"key": key, "variant": "", "reason": "DISABLED", "metadata": metadata}
        case NotFound() | NothingLive() | InvalidReference():
            return 404, _problem(key, "FLAG_NOT_FOUND", error.detail)
        case MalformedJson():
            return 400, _problem(key, "PARSE_ERROR", error.detail)
        case Invalid():
            return 400, _problem(key, "INVALID_CONTEXT", error.detail)
        case _:
            status = 400 if error.status < 500 else error.status
            return status, _problem(key, "GENERAL", error.detail)


def misread(key: str | None, place: tuple[int | str, ...], details: str) -> tuple[int, Json]:
    """The status and the body for a request of which a part, at ``place``, does not fit."""
    match place:
        case ("path", *_):
            return 404, _problem(key, "FLAG_NOT_FOUND", details)
        case ("body", "context", *_):
            return 400, _problem(key, "INVALID_CONTEXT", details)
        case _:
            return 400, _problem(key, "PARSE_ERROR", details)


def _problem(key: str | None, code: str, details: str) -> Json:
    """What is wrong, of one flag or (without ``key``) of all."""
    named = {} if key is None else {"key": key}
    return {**named, "errorCode": code, "errorDetails": details}
