"""What MLflow answers, as far as we read it: one frozen value for each answer.

Other members are ignored. Text comes without NUL, which PostgreSQL cannot keep.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

IS_PROMPT = "mlflow.prompt.is_prompt"
PROMPT_TEXT = "mlflow.prompt.text"
PROMPT_TYPE = "_mlflow_prompt_type"
PROMPT_RESPONSE_FORMAT = "_mlflow_prompt_response_format"
PROMPT_MODEL_CONFIG = "_mlflow_prompt_model_config"
CONTEXT = "mlflow.data.context"

_LOGGED_MODEL = re.compile(r"(?:models:/)?(m-[0-9a-f]{32})")


def _without_nul(text: str) -> str:
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")


Text = Annotated[str, AfterValidator(_without_nul)]


class Answer(BaseModel):
    """What every answer is."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Entry(Answer):
    """A tag or a parameter."""

    key: Text
    value: Text = ""


class Metric(Answer):
    """One measurement; NaN comes as text, an infinity as the largest float."""

    key: Text
    value: float
    timestamp: int = 0
    step: int = 0


class Alias(Answer):
    """An alias of a registered model, and the version that it is on."""

    alias: Text
    version: int


class Numbered(Answer):
    """The newest version of a stage."""

    version: int


class RegisteredModel(Answer):
    """A registered model or a prompt; MLflow gives its aliases here, and here only all of
    them. Times in milliseconds since 1970."""

    name: Text
    created_ms: int = Field(default=0, validation_alias="creation_timestamp")
    updated_ms: int = Field(default=0, validation_alias="last_updated_timestamp")
    tags: tuple[Entry, ...] = ()
    aliases: tuple[Alias, ...] = ()
    latest_versions: tuple[Numbered, ...] = ()

    @property
    def newest(self) -> int | None:
        """The highest number, over all stages; None when it has no version."""
        return max((known.version for known in self.latest_versions), default=None)

    @property
    def is_prompt(self) -> bool:
        """Whether MLflow keeps it as a prompt."""
        return any(tag.key == IS_PROMPT and tag.value.lower() == "true" for tag in self.tags)


class Version(Answer):
    """A version of a registered model or a prompt; times in milliseconds since 1970."""

    name: Text
    version: int
    created_ms: int = Field(default=0, validation_alias="creation_timestamp")
    updated_ms: int = Field(default=0, validation_alias="last_updated_timestamp")
    description: Text = ""
    source: Text = ""
    run_id: Text = ""
    model_id: Text = ""
    tags: tuple[Entry, ...] = ()

    @property
    def logged_model(self) -> str:
        """The id of the LoggedModel that it was registered from, or empty."""
        found = _LOGGED_MODEL.fullmatch(self.model_id or self.source)
        return found[1] if found else ""


class Dataset(Answer):
    """A dataset as a run logged it; ``source`` and ``profile`` are JSON in text."""

    name: Text
    digest: Text
    source_type: Text = ""
    source: Text = ""
    profile: Text = ""


class DatasetInput(Answer):
    """A dataset and its part in the run."""

    dataset: Dataset
    tags: tuple[Entry, ...] = ()


class Inputs(Answer):
    """What went into a run."""

    dataset_inputs: tuple[DatasetInput, ...] = ()


class Measured(Answer):
    """What a run or a LoggedModel recorded."""

    metrics: tuple[Metric, ...] = ()
    params: tuple[Entry, ...] = ()
    tags: tuple[Entry, ...] = ()


class RunInfo(Answer):
    """A run's own facts; times in milliseconds since 1970, 0 when there is none."""

    run_id: Text
    run_name: Text = ""
    experiment_id: Text = ""
    status: Text = ""
    start_time: int = 0
    end_time: int = 0


class Run(Answer):
    """A run with everything that it recorded."""

    info: RunInfo
    data: Measured = Measured()
    inputs: Inputs = Inputs()


class LoggedModel(Answer):
    """The model as a run logged it, with the metrics that were measured on it since."""

    data: Measured = Measured()


class Experiment(Answer):
    """An experiment; ``name`` is all that we read."""

    name: Text = ""


class RegisteredModelAnswer(Answer):
    """The answer of ``registered-models/get``."""

    registered_model: RegisteredModel


class RegisteredModelsAnswer(Answer):
    """One page of ``registered-models/search``."""

    registered_models: tuple[RegisteredModel, ...] = ()
    next_page_token: Text = ""


class VersionsAnswer(Answer):
    """One page of ``model-versions/search``; without any aliases."""

    versions: tuple[Version, ...] = Field(default=(), validation_alias="model_versions")
    next_page_token: Text = ""


class VersionAnswer(Answer):
    """The answer of ``model-versions/get``."""

    version: Version = Field(validation_alias="model_version")


class RunAnswer(Answer):
    """The answer of ``runs/get``."""

    run: Run


class ExperimentAnswer(Answer):
    """The answer of ``experiments/get``."""

    experiment: Experiment


class LoggedModelAnswer(Answer):
    """The answer of ``logged-models/ID``."""

    model: LoggedModel


class Webhook(Answer):
    """A webhook as MLflow keeps it; it never tells the secret."""

    webhook_id: Text
    name: Text = ""
    url: Text = ""


class WebhookAnswer(Answer):
    """The answer to making or changing a webhook."""

    webhook: Webhook


class WebhooksAnswer(Answer):
    """One page of ``webhooks``."""

    webhooks: tuple[Webhook, ...] = ()
    next_page_token: Text = ""


class Failure(Answer):
    """What MLflow answers when it refuses."""

    error_code: Text = ""
    message: Text = ""
