"""A bundle's prompt as MLflow's own object."""

# MLflow is half typed:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from twinline.client.local.calls import current_call
from twinline.language.errors import Invalid
from twinline.language.mlflow_names import prompt_in_mlflow
from twinline.language.records.bundles import ServedPrompt

if TYPE_CHECKING:
    from mlflow.entities.model_registry import PromptVersion


def load_prompt(name_or_uri: str, *arguments: Any, **more: Any) -> "PromptVersion":
    """As ``mlflow.genai.load_prompt``, but inside a call the bundle's prompt is fixed.

    Model code that loads ``prompts:/answer@production`` answers differently as soon as
    somebody moves the alias, under the same model version. With this function it is given
    the version of its bundle, whatever alias or version it names, when the name is that of
    the bundle's prompt, here or in the MLflow that it came from. Every other prompt, and
    every prompt outside of calls, is MLflow's to load.

    Raises:
        Invalid: MLflow has no form for the bundle's prompt.
    """
    call = current_call()
    if call is not None and _names(name_or_uri, call.bundle.prompt.ref.name):
        return as_mlflow(call.bundle.prompt)
    import mlflow.genai

    return mlflow.genai.load_prompt(name_or_uri, *arguments, **more)


def as_mlflow(prompt: ServedPrompt) -> "PromptVersion":
    """A bundle's prompt as the object that MLflow's functions take.

    Raises:
        Invalid: it is a chat with a placeholder for messages, which MLflow does not know.
    """
    return _made(prompt.ref.name, prompt.ref.number, prompt.model_dump_json())


@lru_cache(maxsize=256)
def _made(name: str, number: int, content: str) -> "PromptVersion":
    from mlflow.entities.model_registry import PromptVersion
    from mlflow.exceptions import MlflowException

    template = ServedPrompt.model_validate_json(content).model_dump(mode="json")["template"]
    try:
        return PromptVersion(name, number, template)
    except (MlflowException, ValueError) as error:
        raise Invalid(
            f"prompts:/{name}/{number} has no form in MLflow ({error}): take its messages "
            "from call.bundle.prompt.template.",
            field="template",
        ) from error


def _names(name_or_uri: str, name: str) -> bool:
    """Whether a name, or a URI with a version or an alias, is that of a prompt of ours."""
    asked = name_or_uri.removeprefix("prompts:/").partition("@")[0]
    base, slash, last = asked.rpartition("/")
    if slash and last.isdigit():
        asked = base
    return asked == name or asked in prompt_in_mlflow(name)
