"""An OpenFeature provider over the client that resolves in its own process.

::

    from openfeature import api
    from twinline.client.openfeature import TwinlineProvider

    api.set_provider(TwinlineProvider(client))
    bundle = api.get_client().get_object_value("support-answer", {}, context)

A flag is a route, its value the bundle; the targeting key is the attribute
``targetingKey`` of the context. Install ``twinline[openfeature]``.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import (
    FlagNotFoundError,
    GeneralError,
    OpenFeatureError,
    ProviderNotReadyError,
    TypeMismatchError,
)
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata

from twinline.client.client import Client
from twinline.client.local.resolved import Resolved
from twinline.language.errors import Killed, NotFound, TwinlineError, Unavailable
from twinline.language.records import ServedBundle
from twinline.language.refs import BundleRef

_REASONS = {
    "default": Reason.STATIC,
    "rule": Reason.TARGETING_MATCH,
    "split": Reason.SPLIT,
    "unit-missing": Reason.UNKNOWN,
}
Object = Sequence[FlagValueType] | Mapping[str, FlagValueType]


class TwinlineProvider(AbstractProvider):
    """Evaluates flags in this process; every evaluation is recorded as an inference."""

    def __init__(self, client: Client, environment: str | None = None) -> None:
        super().__init__()
        self._client = client
        self._environment = environment
        self._values: dict[BundleRef, str] = {}

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Fetch the manifest, so that the first evaluation need not."""
        try:
            self._client.start(self._environment)
        except Unavailable as error:
            raise ProviderNotReadyError(error.detail) from error

    def shutdown(self) -> None:
        """Ship what was recorded."""
        self._client.flush()

    def get_metadata(self) -> Metadata:
        """The provider's name."""
        return Metadata(name="twinline")

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Object,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Object]:
        """The bundle that answers a request to the route ``flag_key``."""
        try:
            resolved = self._client.resolve(
                flag_key, _context(evaluation_context), environment=self._environment
            )
        except Killed as error:
            metadata = {"killedBy": error.fields["by"], "killedBecause": error.fields["reason"]}
            return FlagResolutionDetails(
                default_value, reason=Reason.DISABLED, flag_metadata=metadata
            )
        except TwinlineError as error:
            raise _translated(error) from error
        return FlagResolutionDetails(
            self._value(resolved.bundle),
            variant=resolved.arm or resolved.rule or "default",
            reason=_REASONS.get(resolved.reason, Reason.UNKNOWN),
            flag_metadata=_metadata(resolved),
        )

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Refused: the value is an object."""
        _refuse(flag_key)

    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        """Refused: the value is an object."""
        _refuse(flag_key)

    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[int]:
        """Refused: the value is an object."""
        _refuse(flag_key)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        """Refused: the value is an object."""
        _refuse(flag_key)

    def _value(self, bundle: ServedBundle) -> dict[str, Any]:
        if bundle.ref not in self._values:
            self._values[bundle.ref] = bundle.model_dump_json()
        return json.loads(self._values[bundle.ref])  # each caller may do as it likes with its own


def _context(given: EvaluationContext | None) -> dict[str, Any]:
    if given is None:
        return {}
    context = dict(given.attributes)
    return {**context, "targetingKey": given.targeting_key} if given.targeting_key else context


def _metadata(resolved: Resolved) -> dict[str, bool | int | float | str]:
    said = {
        "inferenceId": str(resolved.inference_id),
        "deployment": str(resolved.deployment),
        "bundle": str(resolved.bundle.ref),
        "rule": resolved.rule,
        "bucket": resolved.bucket,
        "manifestVersion": resolved.manifest_version,
        "servedFrom": resolved.served_from,
        "assigned": str(resolved.assigned) if resolved.assigned else None,
        "unknown": ",".join(resolved.unknown) or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _translated(error: TwinlineError) -> OpenFeatureError:
    match error:
        case NotFound():
            return FlagNotFoundError(error.detail)
        case Unavailable():
            return ProviderNotReadyError(error.detail)
        case _:
            return GeneralError(error.detail)


def _refuse(flag_key: str) -> NoReturn:
    raise TypeMismatchError(f"The value of {flag_key!r} is a bundle: ask for an object.")
