"""What a prompt version's content is, and which variables a template uses."""

import re
from collections.abc import Iterable

from twinline.language.identity import prompt_digest
from twinline.language.names import LATEST
from twinline.language.records import (
    Message,
    NewPromptVersion,
    Placeholder,
    ProtectedLabel,
    Template,
    Variable,
)
from twinline.language.records.prompts import VARIABLE_PATTERN

_variable = re.compile(r"\{\{\s*(" + VARIABLE_PATTERN.strip("^$") + r")\s*\}\}")


def variables(template: Template) -> tuple[Variable, ...]:
    """The ``{{ variables }}`` of a template, each once, in order of appearance."""
    texts = [template] if isinstance(template, str) else _contents(template)
    found = [name for text in texts for name in _variable.findall(text)]
    return tuple(Variable(name=name) for name in dict.fromkeys(found))


def _contents(messages: Iterable[Message | Placeholder]) -> list[str]:
    return [part.content for part in messages if isinstance(part, Message)]


def content_digest(new: NewPromptVersion) -> str:
    """The digest over what makes a version this version: not its message or labels."""
    content = new.model_dump(mode="json", include={"template", "parameters"})
    found = [variable.name for variable in variables(new.template)]
    return prompt_digest(kind=new.kind, variables=found, **content)


def labels_of(number: int, labels: dict[str, int], latest: int) -> tuple[str, ...]:
    """The labels that name a version now; ``latest`` first, the others by name."""
    named = sorted(label for label, at in labels.items() if at == number)
    return (LATEST, *named) if number == latest else tuple(named)


def protecting(name: str, protections: Iterable[ProtectedLabel]) -> ProtectedLabel | None:
    """The narrowest of a label's protections that holds for the prompt ``name``."""
    holding = [one for one in protections if within(name, one.domain)]
    return max(holding, key=lambda one: len(one.domain), default=None)


def within(name: str, domain: str) -> bool:
    """Whether a prompt lies in a domain; all lie in the empty one."""
    return not domain or name.startswith(f"{domain}/")


def where(label: str, domain: str) -> str:
    """A protection as people name it: ``production``, or ``production in support``."""
    return f"{label} in {domain}" if domain else label
