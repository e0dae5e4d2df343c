"""Lists come in pages: every item once, in one order, whatever the size of a page."""

from typing import Any

import httpx
import pytest

from tests.support.catalog import MODEL, PROMPT, Catalog
from twinline.client import Client

LISTS = {
    "/prompts": 5,
    f"/prompts/{PROMPT}/versions": 5,
    f"/prompts/{PROMPT}/history": 5,
    "/models": 5,
    f"/models/{MODEL}/versions": 5,
    "/bundles": 5,
    "/slots": 5,
    "/recalls": 5,
    "/slots?environment=production": 3,
    "/slots/a/x@production/deployments": 5,
    "/slots/a/x@production/timeline": 5,
    f"/impact/inferences?node=models:/{MODEL}/1": 5,
}


@pytest.fixture
def filled(client: Client) -> Catalog:
    catalog = Catalog(client)
    for number in range(1, 6):
        bundle = catalog.bundle(number, number)
        catalog.deploy("a/x@production", bundle)
        client.prompts.move_label(PROMPT, "production", number, reason="the next one")
    for number in range(4):
        client.prompts.create(f"p{number}", "x")
        client.models.register(catalog.another_model(f"m {number}"))
        catalog.deploy(f"a/y{number // 2 + 1}@{('production', 'dev')[number % 2]}", bundle)
    catalog.serve("a/x@production", catalog.bundle(1, 1), 5)
    for number in range(1, 6):
        client.recalls.create(f"datasets:/tickets/{number}", "because")
    return catalog


@pytest.mark.parametrize(("path", "count"), LISTS.items())
def test_pages_of_any_size_hold_each_item_once_in_one_order(
    filled: Catalog, http: httpx.Client, path: str, count: int
) -> None:
    whole = _pages(http, path, 500)
    assert [len(page) for page in whole] == [count]
    for size in (1, 2, count):
        pages = _pages(http, path, size)
        assert [one for page in pages for one in page] == whole[0]
        assert max(len(page) for page in pages) == size


@pytest.mark.parametrize("path", LISTS)
def test_a_cursor_of_another_list_is_refused(
    filled: Catalog, http: httpx.Client, path: str
) -> None:
    other = "/prompts" if path != "/prompts" else "/models"
    foreign = http.get(other, params={"limit": 1}).json()["next"]
    answer = http.get(httpx.URL(path).copy_merge_params({"cursor": foreign}))
    assert answer.status_code == 422
    assert "no cursor of this list" in answer.json()["detail"]


def _pages(http: httpx.Client, path: str, size: int) -> list[list[Any]]:
    found: list[list[Any]] = []
    query: dict[str, Any] = {"limit": size}
    while True:
        page = http.get(httpx.URL(path).copy_merge_params(query)).json()
        if page["items"]:
            found.append(page["items"])
        if page["next"] is None:
            return found
        query["cursor"] = page["next"]
