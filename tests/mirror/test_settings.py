"""Which MLflow servers and workspaces the settings name."""

import json

import httpx
import pytest
from pydantic import ValidationError

from twinline.cli import serving
from twinline.language.errors import Invalid
from twinline.mirror.remote import MlflowServer
from twinline.settings import Settings


@pytest.fixture
def name_servers(monkeypatch: pytest.MonkeyPatch):
    def named(servers: dict, **more: str) -> Settings:
        monkeypatch.setenv("TWINLINE_MLFLOW_SERVERS", json.dumps(servers))
        for name, value in more.items():
            monkeypatch.setenv(name, value)
        return Settings()

    return named


def test_servers_and_workspaces_stand_side_by_side(name_servers) -> None:
    settings = name_servers(
        {"eu": {"url": "http://eu:5000", "workspaces": ["default", "risk"]}},
        TWINLINE_MLFLOW_URL="http://here:5000",
        TWINLINE_MLFLOW_WORKSPACES='["default", "team"]',
    )
    assert list(map(str, serving.mirroring(settings).places)) == [
        "default",
        "default/team",
        "eu",
        "eu/risk",
    ]


def test_a_user_or_a_token_is_for_the_default_server(name_servers) -> None:
    url, user = "http://here:5000", {"TWINLINE_MLFLOW_USERNAME": "ann"}
    settings = name_servers(
        {"eu": {"url": url}}, TWINLINE_MLFLOW_URL=url, TWINLINE_MLFLOW_PASSWORD="pw", **user
    )
    servers = serving.mirroring(settings).servers
    assert sent_by(servers["default"]) == "Basic YW5uOnB3"
    assert sent_by(servers["eu"]) is None


def sent_by(server: MlflowServer) -> str | None:
    """The credentials that a server is asked with."""
    seen: list[str | None] = []

    def listening(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return httpx.Response(200, text="OK")

    server._transport = httpx.MockTransport(listening)
    assert server.reachable()
    return seen[0]


def test_no_two_servers_are_the_default(name_servers) -> None:
    one = {"url": "http://there:5000"}
    assert serving.mirroring(name_servers({"default": one})).server("default").url == one["url"]
    with pytest.raises(Invalid, match="TWINLINE_MLFLOW_SERVERS names a server 'default'"):
        serving.mirroring(name_servers({"default": one}, TWINLINE_MLFLOW_URL="http://here:5000"))


@pytest.mark.parametrize(
    "servers",
    [
        pytest.param({"A/B": {"url": "http://x"}}, id="a name with a slash"),
        pytest.param({"eu": {}}, id="no URL"),
        pytest.param({"eu": {"url": "http://x", "workspace": "risk"}}, id="a wrong word"),
        pytest.param({"eu": {"url": "http://x", "workspaces": []}}, id="no workspace"),
    ],
)
def test_a_setting_that_says_nothing_sensible_is_refused(name_servers, servers: dict) -> None:
    with pytest.raises(ValidationError):
        name_servers(servers)


def test_a_url_that_is_none_is_refused_by_the_server_s_name(name_servers) -> None:
    with pytest.raises(Invalid, match="MLflow server 'eu' is 'ftp://x'"):
        serving.mirroring(name_servers({"eu": {"url": "ftp://x"}}))
