"""Every setting: its name, type, default and meaning. Read once, at the edges.

Each is an environment variable with the prefix ``TWINLINE_``: ``port`` is
``TWINLINE_PORT``. Options on the command line win over them.
"""

from pathlib import Path
from typing import Annotated

from platformdirs import user_config_path, user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class MlflowSetting(BaseModel):
    """An MLflow server beside the default one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    token: SecretStr | None = None
    username: str | None = None
    password: SecretStr | None = None
    workspaces: Annotated[tuple[str, ...], Field(min_length=1)] = ("default",)


ServerName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$")]


class Settings(BaseSettings):
    """How this process should run."""

    model_config = SettingsConfigDict(env_prefix="TWINLINE_", frozen=True)

    home: Annotated[Path, Field(description="Where the embedded PostgreSQL and its logs live.")] = (
        user_data_path("twinline", appauthor=False)
    )
    host: Annotated[str, Field(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[
        int, Field(ge=0, le=65535, description="The port to listen on; 0 takes a free one.")
    ] = 8420
    database_url: Annotated[
        str | None,
        Field(
            description="A PostgreSQL 15+ to use instead of the embedded one: "
            "postgresql://user:password@host/database"
        ),
    ] = None
    postgres_bin: Annotated[
        Path | None,
        Field(description="The folder of PostgreSQL executables for the embedded server."),
    ] = None
    pool_size: Annotated[
        int, Field(ge=1, le=200, description="Database connections that this process may hold.")
    ] = 20
    mlflow_url: Annotated[
        str | None, Field(description="The MLflow server to read models from.")
    ] = None
    mlflow_token: Annotated[
        SecretStr | None, Field(description="Bearer token for the MLflow server.")
    ] = None
    mlflow_username: Annotated[
        str | None,
        Field(description="The user for an MLflow server with basic authentication."),
    ] = None
    mlflow_password: Annotated[SecretStr | None, Field(description="That user's password.")] = None
    mlflow_alias_seconds: Annotated[
        float, Field(ge=1, le=3600, description="How often linked aliases in MLflow are looked at.")
    ] = 10
    mlflow_workspaces: Annotated[
        tuple[str, ...],
        Field(min_length=1, description="Its workspaces that are mirrored, as a JSON list."),
    ] = ("default",)
    mlflow_servers: Annotated[
        dict[ServerName, MlflowSetting],
        Field(
            description="Further MLflow servers, as JSON: "
            '{"eu": {"url": "https://...", "token": "...", "workspaces": ["default"]}}'
        ),
    ] = {}
    mlflow_sweep_seconds: Annotated[
        float,
        Field(ge=1, description="How often the names in MLflow are looked through."),
    ] = 60.0
    mlflow_full_sweep_seconds: Annotated[
        float, Field(ge=60, description="How often every version in MLflow is compared.")
    ] = 6 * 3600.0
    mlflow_webhook_secret: Annotated[
        SecretStr | None,
        Field(
            min_length=16,
            description="What MLflow signs its webhooks with; made for each server if not given.",
        ),
    ] = None
    url: Annotated[
        str | None,
        Field(description="The server that the command line talks to; default http://HOST:PORT."),
    ] = None
    api_key: Annotated[
        SecretStr | None, Field(description="The API key that the command line sends.")
    ] = None
    api_key_file: Annotated[
        Path | None,
        Field(description="A file that holds the key and nothing else, for its owner alone."),
    ] = None
    api_key_command: Annotated[
        tuple[str, ...] | None,
        Field(
            min_length=1,
            description='A command that prints the key, as a JSON list of words: ["pass", "twl"].',
        ),
    ] = None
    environment: Annotated[
        str | None,
        Field(description="The environment of slots that the command line is told without one."),
    ] = None
    profile: Annotated[
        str | None, Field(description="The profile of the config file that the command line uses.")
    ] = None
    config: Path = Field(
        default_factory=lambda: user_config_path("twinline", appauthor=False) / "config.toml",
        description="The config file of the command line.",
    )

    @property
    def server_url(self) -> str:
        """Where the command line finds the server."""
        return self.url or f"http://{self.host}:{self.port}"
