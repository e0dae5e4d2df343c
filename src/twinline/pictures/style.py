"""The colours of pictures, light and dark, and the style sheet that uses them.

Text has a contrast of at least 4.5 to whatever it stands on, lines of at least 3. Nothing
is told by colour alone.
"""

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "ground": "#ffffff", "lane": "#f6f8fa", "text": "#1f2328", "quiet": "#57606a",
    "badge-text": "#ffffff", "up": "#0a5fa8", "down": "#a34700", "aside": "#656b76",
    "up-tint": "#e3effb", "down-tint": "#fdebdc", "good": "#176130", "bad": "#a8201a",
    "dataset": "#063428", "run": "#656b76", "model": "#2970c5", "prompt": "#aa4a00",
    "bundle": "#581056", "edge": "#d0d7de",
}  # fmt: skip
DARK: Mapping[str, str] = {
    "ground": "#0d1117", "lane": "#161b22", "text": "#e6edf3", "quiet": "#a3adb8",
    "badge-text": "#0d1117", "up": "#6cb0f5", "down": "#f0a35e", "aside": "#8b949e",
    "up-tint": "#10294a", "down-tint": "#3a2410", "good": "#5fd47a", "bad": "#ff9e94",
    "dataset": "#6ef4b7", "run": "#878e94", "model": "#6b8ff6", "prompt": "#e5862f",
    "bundle": "#f3bee3", "edge": "#30363d",
}  # fmt: skip
FORCED: Mapping[str, str] = dict.fromkeys(LIGHT, "CanvasText") | {
    "ground": "Canvas", "lane": "Canvas", "badge-text": "Canvas", "up-tint": "Canvas",
    "down-tint": "Canvas", "up": "LinkText", "down": "LinkText",
}  # fmt: skip

KINDS = ("dataset", "run", "model", "prompt", "bundle")
"""The kinds with a colour; the badges of others are hollow."""

FONT = "system-ui,sans-serif"

DASHES: Mapping[str, str] = {
    "trained": "", "made": "", "model_of": "", "prompt_of": "",
    "derived": "7 3", "included": "7 3", "evaluated": "2 3",
    "deployed_as": "4 3", "live_in": "4 3",
}  # fmt: skip
"""The dashes of each kind of edge that the catalog keeps itself."""

OWN_DASH = "9 3 2 3"
"""Those of the kinds that people made up."""

SERIES: Mapping[str, str] = {
    "first": "up", "second": "down", "third": "bundle", "fourth": "aside",
}  # fmt: skip
"""The colours of the lines of a chart, in their order."""


def variables(colours: Mapping[str, str]) -> str:
    """Colours as custom properties."""
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


_RULES = "".join(
    [
        f"& text{{font-family:{FONT};fill:var(--text)}}",
        "& .ground{fill:var(--ground)}",
        "& .lane{fill:var(--lane)}",
        "& .quiet{fill:var(--quiet)}",
        "& .strong{font-weight:700}",
        "& .card{fill:none;stroke:var(--text);stroke-width:1.2}",
        "& .asked .card{stroke-width:2.6}",
        "& .badge{fill:var(--ground);stroke:var(--text);stroke-width:1.2}",
        "& .letter{font-weight:700;fill:var(--text)}",
        *(
            f"& .{kind} .card{{stroke:var(--{kind})}}"
            f"& .{kind} .badge{{fill:var(--{kind});stroke:var(--{kind})}}"
            f"& .{kind} .letter{{fill:var(--badge-text)}}"
            for kind in KINDS
        ),
        "& .row{fill:var(--ground)}",
        "& .upstream .row{fill:var(--up-tint)}",
        "& .downstream .row{fill:var(--down-tint)}",
        "& .root .row{fill:var(--text)}",
        "& .root text,& .root .good,& .root .bad{fill:var(--ground)}",
        "& .root .shape{stroke:var(--ground)}",
        "& .root .dot{fill:var(--ground)}",
        "& .bad{fill:var(--bad)}",
        "& .good{fill:var(--good)}",
        "& .shape{fill:none;stroke:var(--quiet);stroke-width:1.6}",
        "& .shape.bad{stroke:var(--bad)}",
        "& .dot{fill:var(--good)}",
        "& .gone{text-decoration:line-through}",
        "& .line{fill:none;stroke:var(--aside);stroke-width:1.6}",
        "& .upstream .line{stroke:var(--up)}",
        "& .downstream .line{stroke:var(--down)}",
        "& .head{fill:var(--aside)}",
        "& .upstream .head{fill:var(--up)}",
        "& .downstream .head{fill:var(--down)}",
        "& .edge:hover .line{stroke-width:3.2}",
        "& .stub{fill:var(--ground);stroke:var(--aside)}",
        "& .tick{fill:none;stroke:var(--edge)}",
        "& .mark{fill:none;stroke:var(--bad);stroke-width:1.6;stroke-dasharray:4 3}",
        "& .span .row{stroke:var(--bundle);stroke-width:1.4}",
        "& .lit .row{fill:var(--bundle)}",
        "& .lit text{fill:var(--ground)}",
        "& .all{fill:var(--ground);stroke:var(--down)}",
        "& .other{fill:var(--down)}",
        "& .grid{fill:none;stroke:var(--edge);stroke-width:1}",
        "& .axis{fill:none;stroke:var(--aside);stroke-width:1.2}",
        "& .deployed{fill:none;stroke:var(--quiet);stroke-width:1.2}",
        "& .mark:hover .deployed{stroke-width:3}",
        "& .drawn{fill:none;stroke-width:2}",
        *(
            f"& .{place} .drawn{{stroke:var(--{colour})}}"
            f"& .{place} .point,& .{place} .bar{{fill:var(--{colour})}}"
            for place, colour in SERIES.items()
        ),
        "& a:focus-visible .row,& a:hover .row{stroke:var(--text);stroke-width:2}",
    ]
)


def style_sheet() -> str:
    """The style sheet of all pictures, for a page that may not have it in the picture."""
    selector = ".twinline-picture"
    return "".join(
        [
            f"{selector}{{color-scheme:light dark;{variables(LIGHT)}}}",
            f"@media (prefers-color-scheme:dark){{{selector}{{{variables(DARK)}}}}}",
            f"@media (forced-colors:active){{{selector}{{{variables(FORCED)}}}}}",
            _RULES.replace("&", selector),
        ]
    )
