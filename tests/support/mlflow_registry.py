"""An MLflow registry as its users change it: over HTTP, knowing nothing of us."""

from typing import Any

import httpx


class MlflowRegistry:
    """Registered models, their versions and aliases at an MLflow server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=f"{url}/api/2.0/mlflow", timeout=30, trust_env=False)

    def model(self, name: str, versions: int) -> None:
        """A model with versions 1, 2, 3 ..."""
        self._send("POST", "registered-models/create", name=name)
        for number in range(1, versions + 1):
            self.version(name, number)

    def version(self, name: str, number: int) -> None:
        """The next version; ``number`` only tells its source."""
        self._send("POST", "model-versions/create", name=name, source=f"openai:/{name}-{number}")

    def move(self, name: str, alias: str, number: int) -> None:
        """Set an alias, as somebody does who has never heard of Twinline."""
        self._send("POST", "registered-models/alias", name=name, alias=alias, version=str(number))

    def take_away(self, name: str, alias: str) -> None:
        """Remove an alias."""
        self._send("DELETE", "registered-models/alias", name=name, alias=alias)

    def drop(self, name: str) -> None:
        """Delete a model with all its versions."""
        self._send("DELETE", "registered-models/delete", name=name)

    def drop_version(self, name: str, number: int) -> None:
        """Delete a version."""
        self._send("DELETE", "model-versions/delete", name=name, version=str(number))

    def alias(self, name: str, alias: str) -> int | None:
        """The version that an alias is on."""
        answer = self._http.get("registered-models/get", params={"name": name})
        answer.raise_for_status()
        aliases = answer.json()["registered_model"].get("aliases", [])
        return next((int(one["version"]) for one in aliases if one["alias"] == alias), None)

    def close(self) -> None:
        self._http.close()

    def _send(self, method: str, path: str, **body: Any) -> None:
        self._http.request(method, path, json=body).raise_for_status()
