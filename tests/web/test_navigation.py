"""The navigation says on every page in which part of the catalog one is."""

from tests.browser.pages import SIGN_IN, STATUS, places
from tests.support.browsing import Browser
from tests.support.catalog import SLOT, Catalog
from twinline.client import Client
from twinline.web.rendering import SECTIONS

NOWHERE = {SIGN_IN, "search, nothing typed", "search, nothing found"}
"""The pages that are in no part; a search that finds one thing leads to it."""

MAIN = "//nav[@aria-label='Main']//*[@aria-current]"


def test_every_page_says_in_which_part_it_is(
    catalog: Catalog, browser: Browser, client: Client
) -> None:
    for version in (1, 2):
        catalog.deploy(SLOT, catalog.bundle(version, version))
    catalog.serve(SLOT, catalog.bundle(2, 2), 1)
    catalog.score(catalog.bundle(2, 2).ref, "golden", passed=1, failed=0)
    catalog.bundle(3, 1)
    client.recalls.create("datasets:/tickets/3", "it is wrong")
    for name, address in places(client, SLOT).every().items():
        shown = browser.get(address)
        assert shown.status == STATUS.get(name, 200), f"{name}: {shown.main}"
        said = [one.text_content() for one in shown.all(MAIN)]
        assert len(said) == (name not in NOWHERE), name
        assert set(said) <= {one.name for one in SECTIONS}
