"""What an application does with the Langfuse SDK, whichever major is installed beside it.

Run by the interpreter that has the SDK; keys and the address stand in the environment, what
was seen is printed as JSON.
"""

import json
from importlib.metadata import version
from typing import Any

from langfuse import Langfuse

MAJOR = int(version("langfuse").partition(".")[0])
CHAT = [
    {"role": "system", "content": "You answer {{tenant}}."},
    {"role": "user", "content": "{{question}}"},
]
HISTORY = {"type": "placeholder", "name": "history"}


def seen(prompt: Any) -> dict[str, Any]:
    names = ("name", "version", "prompt", "config", "labels", "tags", "commit_message")
    return {name: getattr(prompt, name) for name in names}


def traced(langfuse: Any, prompt: Any, model: str) -> None:
    """One call of a model with the prompt."""
    usage = {"input": 12, "output": 3}
    if MAJOR == 2:
        trace = langfuse.trace(name="request")
        generation = trace.generation(name="call", model=model, prompt=prompt, input="hi")
        generation.end(output="ho", usage=usage)
    else:
        kind = {"name": "call", "as_type": "generation", "model": model, "prompt": prompt}
        with langfuse.start_as_current_observation(**kind, input="hi") as generation:
            generation.update(output="ho", usage_details=usage)
    langfuse.flush()


def told(langfuse: Any) -> dict[str, Any]:
    make, get = langfuse.create_prompt, langfuse.get_prompt
    first = make(
        name="support/answer",
        prompt="Answer {{question}} in one sentence.",
        labels=["production"],
        tags=["beta"],
        config={"temperature": 0.2},
        commit_message="first try",
    )
    make(name="support/answer", prompt="Answer {{question}} at length.", labels=["staging"])
    messages = CHAT if MAJOR == 2 else [CHAT[0], HISTORY, CHAT[1]]
    chat = make(name="chat", type="chat", prompt=messages, labels=["production"])
    found = {
        "auth": langfuse.auth_check(),
        "made": seen(first),
        "default": seen(get("support/answer")),
        "label": seen(get("support/answer", label="staging")),
        "version": seen(get("support/answer", version=1)),
        "compiled": get("support/answer").compile(question="it"),
        "chat": seen(chat),
    }
    values: dict[str, Any] = {"tenant": "acme", "question": "why?"}
    if MAJOR > 2:
        values["history"] = [{"role": "assistant", "content": "hello"}]
    found["chat compiled"] = get("chat", type="chat").compile(**values)
    langfuse.update_prompt(name="support/answer", version=2, new_labels=["production"])
    found["moved"] = seen(get("support/answer", cache_ttl_seconds=0))
    api = langfuse.client if MAJOR == 2 else langfuse.api
    listed = api.prompts.list(limit=1, page=2)
    found["listed"] = [(one.name, one.versions) for one in listed.data]
    found["total"] = listed.meta.total_items
    try:
        get("nobody/made/this", max_retries=1)
    except Exception as error:  # noqa: BLE001 -- its class has another home in each major
        found["missing"] = [type(error).__name__, str(error)]
    traced(langfuse, get("support/answer", version=2), "models:/assistant/1")
    traced(langfuse, get("support/answer", version=1), "unheard-of")
    return found


if __name__ == "__main__":
    print(json.dumps(told(Langfuse()), default=str))
