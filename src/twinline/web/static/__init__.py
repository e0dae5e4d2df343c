"""The style sheet, the script and the icon: served by us, each at an address that names its
content, so that a browser keeps it until there is another."""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from typing import Any

from twinline.pictures import style_sheet
from twinline.pictures.diffs import diff_style_sheet
from twinline.pictures.style import DARK, FORCED, LIGHT, variables


class Asset:
    """A file of ours."""

    def __init__(self, name: str, media_type: str, text: str) -> None:
        self.name = name
        self.media_type = media_type
        self.content = text.encode()

    @cached_property
    def address(self) -> str:
        """Where it is served."""
        return f"/assets/{hashlib.sha256(self.content).hexdigest()[:16]}/{self.name}"


def _text(name: str) -> str:
    return files("twinline.web.static").joinpath(name).read_text("utf-8")


def _colours() -> str:
    return "".join(
        [
            f":root{{color-scheme:light dark;{variables(LIGHT)}}}",
            f"@media (prefers-color-scheme:dark){{:root{{{variables(DARK)}}}}}",
            f"@media (forced-colors:active){{:root{{{variables(FORCED)}}}}}\n",
        ]
    )


STYLE_SHEET = Asset(
    "twinline.css",
    "text/css",
    _colours() + _text("twinline.css") + style_sheet() + diff_style_sheet(),
)
SCRIPT = Asset("twinline.js", "text/javascript", _text("twinline.js"))
ICON = Asset("icon.svg", "image/svg+xml", _text("icon.svg"))
ASSETS: Mapping[str, Any] = {one.address: one for one in (STYLE_SHEET, SCRIPT, ICON)}
