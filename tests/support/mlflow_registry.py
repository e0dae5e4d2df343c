"""MLflow's registry by its REST API, as anybody changes it who has never heard of us."""

from typing import Any, Self

import httpx

PROMPT = {"key": "mlflow.prompt.is_prompt", "value": "true"}
TEXT = "mlflow.prompt.text"


class MlflowRegistry:
    """The registered models and prompts of an MLflow server.

    Args:
        url: where the server is.
        workspace: None: its default one.
        login: a user and password, for a server that asks for them.
    """

    def __init__(
        self, url: str, workspace: str | None = None, *, login: tuple[str, str] | None = None
    ) -> None:
        self.url = url
        self._http = httpx.Client(
            base_url=f"{url}/api/2.0/mlflow/",
            headers={"X-MLFLOW-WORKSPACE": workspace} if workspace else {},
            auth=login,
            timeout=30,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    # --- names -------------------------------------------------------------------------

    def make(self, name: str, *, prompt: bool = False, versions: int = 0) -> None:
        """A model or prompt; a model's versions 1, 2, 3 ... each have a source of their own."""
        self.tell("POST", "registered-models/create", name=name, tags=[PROMPT] if prompt else [])
        for number in range(1, versions + 1):
            self.add(name, f"openai:/{name}-{number}")

    def rename(self, name: str, to: str) -> None:
        self.tell("POST", "registered-models/rename", name=name, new_name=to)

    def drop(self, name: str) -> None:
        self.tell("DELETE", "registered-models/delete", name=name)

    def series(self, prefix: str) -> dict[str, dict[str, Any]]:
        """What is there by names that begin so, models and prompts."""
        found: dict[str, dict[str, Any]] = {}
        for sign in ("=", "!="):
            query = {"filter": f"tag.`{PROMPT['key']}` {sign} 'true'", "max_results": 1000}
            for one in self._ask("registered-models/search", **query).get("registered_models", ()):
                if one["name"].startswith(prefix):
                    found[one["name"]] = one
        return found

    # --- versions ----------------------------------------------------------------------

    def add(self, name: str, source: str = "openai:/gpt-4o", **more: Any) -> int:
        """The next version; its number."""
        made = self.tell("POST", "model-versions/create", name=name, source=source, **more)
        return int(made["model_version"]["version"])

    def add_prompt(self, name: str, text: str, **tags: str) -> int:
        """The next version of a prompt; its number."""
        given = [PROMPT, {"key": TEXT, "value": text}]
        given += [{"key": key, "value": value} for key, value in tags.items()]
        return self.add(name, "prompt-template", tags=given)

    def drop_version(self, name: str, number: int) -> None:
        self.tell("DELETE", "model-versions/delete", name=name, version=str(number))

    def versions(self, name: str) -> dict[int, dict[str, Any]]:
        """The versions that are there, by number."""
        found: dict[int, dict[str, Any]] = {}
        for sign in ("=", "!="):
            query = {"filter": f"name = '{name}' and tag.`{PROMPT['key']}` {sign} 'true'"}
            for one in self._ask("model-versions/search", **query).get("model_versions", ()):
                found[int(one["version"])] = one
        return found

    # --- aliases and tags --------------------------------------------------------------

    def put_alias(self, name: str, alias: str, number: int) -> None:
        self.tell("POST", "registered-models/alias", name=name, alias=alias, version=str(number))

    def drop_alias(self, name: str, alias: str) -> None:
        self.tell("DELETE", "registered-models/alias", name=name, alias=alias)

    def alias(self, name: str, alias: str) -> int | None:
        """The version that an alias is on."""
        found = self._ask("registered-models/get", name=name)["registered_model"]
        aliases = found.get("aliases", ())
        return next((int(one["version"]) for one in aliases if one["alias"] == alias), None)

    def tag(self, name: str, key: str, value: str, number: int | None = None) -> None:
        """Tag a version; without a number, the whole name."""
        if number is None:
            self.tell("POST", "registered-models/set-tag", name=name, key=key, value=value)
            return
        body = {"name": name, "version": str(number), "key": key, "value": value}
        self.tell("POST", "model-versions/set-tag", **body)

    def tell(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """Change something by MLflow's API; its answer."""
        return _answer(self._http.request(method, path, json=body))

    def _ask(self, path: str, **query: Any) -> dict[str, Any]:
        return _answer(self._http.get(path, params=query))


def _answer(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    return response.json()
