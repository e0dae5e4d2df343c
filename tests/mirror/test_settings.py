"""Which MLflow servers and workspaces the settings name."""

import json

import pytest
from pydantic import ValidationError

from twinline.cli import serving
from twinline.language.errors import Invalid
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
