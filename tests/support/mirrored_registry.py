"""MLflow's registry by its REST API, as anybody may use it, and what it holds now."""

from dataclasses import dataclass, field
from typing import Any

import httpx

PROMPT = {"key": "mlflow.prompt.is_prompt", "value": "true"}
TEXT = "mlflow.prompt.text"


@dataclass
class Registry:
    """The registry of one MLflow server; ``workspace`` None: of its default one."""

    url: str
    workspace: str | None = None
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        named = {"X-MLFLOW-WORKSPACE": self.workspace} if self.workspace else {}
        base = f"{self.url}/api/2.0/mlflow/"
        self.http = httpx.Client(base_url=base, headers=named, timeout=30)

    def tell(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        answer = self.http.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def make(self, name: str, *, prompt: bool = False) -> None:
        self.tell("POST", "registered-models/create", name=name, tags=[PROMPT] if prompt else [])

    def add(self, name: str, source: str = "openai:/gpt-4o", **more: Any) -> int:
        made = self.tell("POST", "model-versions/create", name=name, source=source, **more)
        return int(made["model_version"]["version"])

    def add_prompt(self, name: str, text: str, **tags: str) -> int:
        given = [PROMPT, {"key": TEXT, "value": text}]
        given += [{"key": key, "value": value} for key, value in tags.items()]
        return self.add(name, "prompt-template", tags=given)

    def put_alias(self, name: str, alias: str, number: int) -> None:
        self.tell("POST", "registered-models/alias", name=name, alias=alias, version=str(number))

    def drop_alias(self, name: str, alias: str) -> None:
        self.tell("DELETE", "registered-models/alias", name=name, alias=alias)

    def tag(self, name: str, key: str, value: str, number: int | None = None) -> None:
        if number is None:
            self.tell("POST", "registered-models/set-tag", name=name, key=key, value=value)
            return
        body = {"name": name, "version": str(number), "key": key, "value": value}
        self.tell("POST", "model-versions/set-tag", **body)

    def drop_version(self, name: str, number: int) -> None:
        self.tell("DELETE", "model-versions/delete", name=name, version=str(number))

    def drop(self, name: str) -> None:
        self.tell("DELETE", "registered-models/delete", name=name)

    def rename(self, name: str, to: str) -> None:
        self.tell("POST", "registered-models/rename", name=name, new_name=to)

    def series(self, prefix: str) -> dict[str, dict[str, Any]]:
        """What is there by names that begin so, models and prompts."""
        found: dict[str, dict[str, Any]] = {}
        for sign in ("=", "!="):
            query = {"filter": f"tag.`{PROMPT['key']}` {sign} 'true'", "max_results": 1000}
            answer = self.http.get("registered-models/search", params=query).json()
            for one in answer.get("registered_models", ()):
                if one["name"].startswith(prefix):
                    found[one["name"]] = one
        return found

    def versions(self, name: str) -> dict[int, dict[str, Any]]:
        """The versions that are there, by number."""
        found: dict[int, dict[str, Any]] = {}
        for sign in ("=", "!="):
            query = {"filter": f"name = '{name}' and tag.`{PROMPT['key']}` {sign} 'true'"}
            answer = self.http.get("model-versions/search", params=query).json()
            found |= {int(one["version"]): one for one in answer.get("model_versions", ())}
        return found
