"""All pages as pictures, to be looked at.

    python -m tests.browser.screenshots FOLDER

Plays four weeks of history, and writes each page light and dark, as on a desk and as on
a phone. Says which page was not answered as it should be, and ends with 1 then. With
``--readme`` the small ones of the README are made from them, too.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.browser import chrome
from tests.browser.pages import SLOT, STATUS, places
from twinline.cli.demo.history.serving import served_history
from twinline.client import Client

README = Path(__file__).parent / "readme"
SHOWN = ("overview", "slot", "rollback", "bundle")
"""The pages in the README."""

SMALL = (720, 450)
WIDTHS = {"desk": chrome.DESK, "phone": chrome.PHONE}


def main() -> int:
    wanted = argparse.ArgumentParser(description="All pages as pictures.")
    wanted.add_argument("folder", type=Path)
    wanted.add_argument("--readme", action="store_true", help="those of the README, too")
    asked = wanted.parse_args()
    folder: Path = asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home,
        served_history(Path(home)) as server,
    ):
        refused = shoot(server.url, server.admin_key(), folder)
    if asked.readme:
        shrink(folder)
    print(f"Pictures of all pages are in {folder}.")
    for one in refused:
        print(f"not a page: {one}", file=sys.stderr)
    return 1 if refused else 0


def shoot(url: str, key: str, folder: Path) -> list[str]:
    """Write the pictures; the pages that were refused."""
    refused: list[str] = []
    with Client(url, key) as client:
        addresses = places(client, SLOT).every()
    with chrome.chromium() as browser:
        for scheme in chrome.SCHEMES:
            with chrome.signed_in(browser, url, key, scheme) as context:
                page = context.new_page()
                for name, address in addresses.items():
                    answer = page.goto(address)
                    if answer is None or answer.status != STATUS.get(name, 200):
                        refused.append(f"{name} ({address})")
                    _write(page, folder / f"{name.replace(',', '').replace(' ', '-')}-{scheme}")
    return sorted(set(refused))


def shrink(folder: Path) -> None:
    """Make the README's pictures: what a desk shows at once, half as large."""
    README.mkdir(exist_ok=True)
    for name in SHOWN:
        with Image.open(folder / f"{name}-light-desk.png") as whole:
            seen = whole.convert("RGB").crop((0, 0, chrome.DESK, chrome.HEIGHT))
        small = seen.resize(SMALL, Image.Resampling.LANCZOS)
        small.quantize(128, Image.Quantize.MAXCOVERAGE).save(README / f"{name}.png", optimize=True)


def _write(page: Page, path: Path) -> None:
    for name, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": chrome.HEIGHT})
        page.screenshot(path=f"{path}-{name}.png", full_page=True)


if __name__ == "__main__":
    sys.exit(main())
