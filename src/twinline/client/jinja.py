"""Templates in the syntax ``jinja2``, by that library in its sandbox."""

from collections.abc import Callable, Mapping
from typing import Any

from twinline.language import templates
from twinline.language.errors import MissingVariable, NotRendered
from twinline.language.records import Template
from twinline.language.refs import PromptVersionRef

try:
    from jinja2 import StrictUndefined, TemplateError, UndefinedError, meta
    from jinja2.sandbox import ImmutableSandboxedEnvironment
except ModuleNotFoundError as missing:
    raise NotRendered(
        "A prompt in Jinja2 is rendered by that library; pip install 'twinline[jinja2]'."
    ) from missing


class JinjaTemplates:
    """The texts of a template, read once.

    Attributes:
        names: what they use and do not set themselves.
    """

    def __init__(self, ref: PromptVersionRef, template: Template) -> None:
        """Raises `NotRendered` when a text is no Jinja2."""
        self._ref = ref
        self._environment = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
        )
        try:
            used = [
                meta.find_undeclared_variables(self._environment.parse(text))
                for text in templates.texts(template).values()
            ]
        except TemplateError as error:
            raise self._failed(error) from error
        self.names = sorted(set[str]().union(*used) - self._environment.globals.keys())

    def with_values(self, values: Mapping[str, Any]) -> Callable[[str], str]:
        """From a text of the template to what it says with these values."""

        def rendered(text: str) -> str:
            try:
                return self._environment.from_string(text).render(values)
            except UndefinedError as error:
                raise MissingVariable(f"{self._ref}: {error}", version=str(self._ref)) from error
            except Exception as error:
                raise self._failed(error) from error

        return rendered

    def _failed(self, error: Exception) -> NotRendered:
        said = f"{self._ref} fails in Jinja2: {error or type(error).__name__}"
        return NotRendered(said, version=str(self._ref))
