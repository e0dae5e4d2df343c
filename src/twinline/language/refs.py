"""References: the URIs by which people and programs name things.

One parser, one formatter, each the inverse of the other. The forms are MLflow's
own where MLflow has one::

    prompts:/support/answer/7            a prompt version
    prompts:/support/answer@production   the prompt version that a label names
    models:/churn/3                      a model version
    models:/churn@champion               the model version that an alias names
    runs:/9d2c67                         an MLflow run
    datasets:/tickets/5e1f               a dataset, by name and digest
    bundles:/3f9a1c22b1d0                a bundle, by 12 to 64 characters of its digest
    routes:/support-answer@production    a slot: a route in an environment
    deployments:/support-answer@production/12
    evaluations:/41                      how a bundle scored on a suite, once
    nodes:/vector-index/tickets          something of your own, by type and name
    inferences:/01978f6e-...             one request, by its UUIDv7
    decisions:/loan-4711                 the caller's own reference

Names may hold slashes. A last segment of digits is the version number.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Self
from uuid import UUID

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from twinline.language.errors import InvalidReference
from twinline.language.names import Environment, FreeName, Label, Name

_name = TypeAdapter(Name)
_free_name = TypeAdapter(FreeName)
_label = TypeAdapter(Label)
_environment = TypeAdapter(Environment)
_free_text = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,500}")
_number = re.compile(r"[1-9][0-9]{0,8}")
_long_number = re.compile(r"[1-9][0-9]{0,17}")
_digest_prefix = re.compile(r"[0-9a-f]{12,64}")


class Ref:
    """What every reference is: a frozen value whose ``str()`` is its URI."""

    scheme: ClassVar[str]
    example: ClassVar[str]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a reference of this kind.

        Raises:
            InvalidReference: the text is no reference, or one of another kind.
        """
        ref = parse_ref(text)
        if not isinstance(ref, cls):
            raise InvalidReference(
                f"{text!r} is not of the form {cls.example}", value=text, expected=cls.example
            )
        return ref

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validated, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "string",
            "title": cls.__name__,
            "description": (cls.__doc__ or "").replace("``", "`"),
            "examples": [cls.example],
        }

    @classmethod
    def _validated(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise PydanticCustomError("reference", "a reference is a string")
        try:
            return cls.parse(value)
        except InvalidReference as error:
            raise PydanticCustomError("reference", "{detail}", {"detail": error.detail}) from error


@dataclass(frozen=True)
class PromptVersionRef(Ref):
    """``prompts:/NAME/NUMBER``."""

    scheme = "prompts"
    example = "prompts:/support/answer/7"
    name: str
    number: int

    def __str__(self) -> str:
        return f"prompts:/{self.name}/{self.number}"


@dataclass(frozen=True)
class PromptLabelRef(Ref):
    """``prompts:/NAME@LABEL``."""

    scheme = "prompts"
    example = "prompts:/support/answer@production"
    name: str
    label: str

    def __str__(self) -> str:
        return f"prompts:/{self.name}@{self.label}"


@dataclass(frozen=True)
class ModelVersionRef(Ref):
    """``models:/NAME/NUMBER``."""

    scheme = "models"
    example = "models:/churn/3"
    name: str
    number: int

    def __str__(self) -> str:
        return f"models:/{self.name}/{self.number}"


@dataclass(frozen=True)
class ModelAliasRef(Ref):
    """``models:/NAME@ALIAS``."""

    scheme = "models"
    example = "models:/churn@champion"
    name: str
    alias: str

    def __str__(self) -> str:
        return f"models:/{self.name}@{self.alias}"


@dataclass(frozen=True)
class RunRef(Ref):
    """``runs:/ID``."""

    scheme = "runs"
    example = "runs:/9d2c6711c9bd4d0bb1a52f0e6b3aa0f1"
    id: str

    def __str__(self) -> str:
        return f"runs:/{self.id}"


@dataclass(frozen=True)
class DatasetRef(Ref):
    """``datasets:/NAME/DIGEST``; the digest is what the run logged, often 8 characters."""

    scheme = "datasets"
    example = "datasets:/tickets/5e1f0a7c"
    name: str
    digest: str

    def __str__(self) -> str:
        return f"datasets:/{self.name}/{self.digest}"


@dataclass(frozen=True)
class BundleRef(Ref):
    """``bundles:/DIGEST``; 12 characters of the digest are enough to ask."""

    scheme = "bundles"
    example = "bundles:/9f86d081884c"
    digest: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a bundle with or without its ``bundles:/`` (as tables print it).

        Raises:
            InvalidReference: the text names no bundle.
        """
        return super().parse(text if ":/" in text else f"bundles:/{text}")

    def __str__(self) -> str:
        return f"bundles:/{self.digest}"


@dataclass(frozen=True)
class SlotRef(Ref):
    """``routes:/ROUTE@ENVIRONMENT``; people write the part after ``routes:/``."""

    scheme = "routes"
    example = "routes:/support-answer@production"
    route: str
    environment: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a slot with or without its ``routes:/`` (as in URLs and on the command line).

        Raises:
            InvalidReference: the text names no slot.
        """
        return super().parse(text if ":/" in text else f"routes:/{text}")

    @property
    def short(self) -> str:
        """As people write it: ``support-answer@production``."""
        return f"{self.route}@{self.environment}"

    def __str__(self) -> str:
        return f"routes:/{self.short}"


@dataclass(frozen=True)
class DeploymentRef(Ref):
    """``deployments:/ROUTE@ENVIRONMENT/NUMBER``."""

    scheme = "deployments"
    example = "deployments:/support-answer@production/12"
    slot: SlotRef
    number: int

    def __str__(self) -> str:
        return f"deployments:/{self.slot.short}/{self.number}"


@dataclass(frozen=True)
class EvaluationRef(Ref):
    """``evaluations:/NUMBER``."""

    scheme = "evaluations"
    example = "evaluations:/41"
    number: int

    def __str__(self) -> str:
        return f"evaluations:/{self.number}"


@dataclass(frozen=True)
class CustomRef(Ref):
    """``nodes:/TYPE/NAME``: what people add to the lineage themselves."""

    scheme = "nodes"
    example = "nodes:/vector-index/tickets"
    type: str
    name: str

    def __str__(self) -> str:
        return f"nodes:/{self.type}/{self.name}"


@dataclass(frozen=True)
class InferenceRef(Ref):
    """``inferences:/UUID``."""

    scheme = "inferences"
    example = "inferences:/01978f6e-5c3a-7b10-8a2e-2f9c0d1e4b5a"
    id: UUID

    def __str__(self) -> str:
        return f"inferences:/{self.id}"


@dataclass(frozen=True)
class DecisionRef(Ref):
    """``decisions:/REFERENCE``, the caller's own words."""

    scheme = "decisions"
    example = "decisions:/loan-4711"
    reference: str

    def __str__(self) -> str:
        return f"decisions:/{self.reference}"


@lru_cache(maxsize=8192)  # thousands of requests in a batch name the same few things
def parse_ref(text: str) -> Ref:
    """Read any reference; the inverse of ``str(ref)``.

    Raises:
        InvalidReference: the scheme is unknown or the rest does not fit it; the
            message shows the form that was expected.
    """
    scheme, separator, rest = text.partition(":/")
    reader = _readers.get(scheme) if separator else None
    if reader is None:
        known = ", ".join(f"{name}:/" for name in _readers)
        raise InvalidReference(f"{text!r} is no reference; one begins with {known}", value=text)
    try:
        ref = reader(rest)
    except (ValidationError, ValueError) as error:
        raise InvalidReference(f"{text!r} is no reference: {_why(error)}", value=text) from error
    if ref is None:
        example = _examples[scheme]
        raise InvalidReference(f"{text!r} is not of the form {example}", value=text)
    return ref


def _why(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(item["msg"] for item in error.errors())
    return str(error)


def _read_prompt(rest: str) -> Ref | None:
    head, _, tail = rest.rpartition("/")
    if head and _number.fullmatch(tail):
        return PromptVersionRef(_name.validate_python(head), int(tail))
    head, _, tail = rest.rpartition("@")
    if head:
        return PromptLabelRef(_name.validate_python(head), _label.validate_python(tail))
    return None


def _read_model(rest: str) -> Ref | None:
    head, _, tail = rest.rpartition("/")
    if head and _number.fullmatch(tail):
        return ModelVersionRef(_free_name.validate_python(head), int(tail))
    head, _, tail = rest.rpartition("@")
    if head:
        return ModelAliasRef(_free_name.validate_python(head), _label.validate_python(tail))
    return None


def _read_run(rest: str) -> Ref | None:
    return RunRef(rest) if _free_text.fullmatch(rest) and "/" not in rest else None


def _read_dataset(rest: str) -> Ref | None:
    head, _, tail = rest.rpartition("/")
    if not head or not _free_text.fullmatch(tail):
        return None
    return DatasetRef(_free_name.validate_python(head), tail)


def _read_bundle(rest: str) -> Ref | None:
    return BundleRef(rest) if _digest_prefix.fullmatch(rest) else None


def _read_slot(rest: str) -> SlotRef | None:
    head, _, tail = rest.rpartition("@")
    return _slot(head, tail) if head else None


@lru_cache(maxsize=8192)  # a slot has thousands of deployments
def _slot(route: str, environment: str) -> SlotRef:
    return SlotRef(_name.validate_python(route), _environment.validate_python(environment))


def _read_deployment(rest: str) -> Ref | None:
    head, _, tail = rest.rpartition("/")
    slot = _read_slot(head) if _number.fullmatch(tail) else None
    return DeploymentRef(slot, int(tail)) if slot else None


def _read_evaluation(rest: str) -> Ref | None:
    return EvaluationRef(int(rest)) if _long_number.fullmatch(rest) else None


def _read_custom(rest: str) -> Ref | None:
    type, _, name = rest.partition("/")
    if not name:
        return None
    return CustomRef(_label.validate_python(type), _free_name.validate_python(name))


def _read_inference(rest: str) -> Ref | None:
    id = UUID(rest)
    return InferenceRef(id) if str(id) == rest else None


def _read_decision(rest: str) -> Ref | None:
    return DecisionRef(rest) if _free_text.fullmatch(rest) else None


_readers: dict[str, Callable[[str], Ref | None]] = {
    "prompts": _read_prompt,
    "models": _read_model,
    "runs": _read_run,
    "datasets": _read_dataset,
    "bundles": _read_bundle,
    "routes": _read_slot,
    "deployments": _read_deployment,
    "evaluations": _read_evaluation,
    "nodes": _read_custom,
    "inferences": _read_inference,
    "decisions": _read_decision,
}
_examples = {kind.scheme: kind.example for kind in reversed(Ref.__subclasses__())}
