"""Where a key is asked for: only where a browser would keep the session."""

import httpx
import pytest

from tests.support.browsing import Browser, alert

AFAR = "10.0.0.5:8000"


def test_no_key_is_asked_for_where_it_could_be_read_on_the_way(url: str) -> None:
    with Browser(url) as browser:
        shown = browser.get("/login", Host=AFAR)
    assert shown.status == 403
    assert "HTTPS" in alert(shown)
    assert shown.all("//input[@name='key']") == []


def test_a_key_that_came_that_way_is_not_taken_and_is_to_be_revoked(url: str, key: str) -> None:
    headers = {"Host": AFAR, "Origin": f"http://{AFAR}"}
    answer = httpx.post(f"{url}/login", data={"key": key}, headers=headers)
    assert answer.status_code == 403
    assert "revoked" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("headers", [{}, {"Host": AFAR, "Sec-Fetch-Site": "none"}])
def test_a_key_is_asked_for_on_this_machine_and_where_a_browser_trusts_the_way(
    url: str, headers: dict[str, str]
) -> None:
    with Browser(url) as browser:
        shown = browser.get("/login", **headers)
    assert shown.status == 200
    assert len(shown.all("//input[@name='key']")) == 1
