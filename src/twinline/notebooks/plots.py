"""How plots look: readable on white and on black, and whoever sees which colours."""

from typing import Any

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Of Okabe and Ito (2008), those that stand out from white and from black."""
GREY = "#808080"
"""Of words and lines: at least 3.9 : 1 against either background (WCAG 2.2)."""


_WORDS = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")


def use_style() -> None:
    """Let every figure from now on have this style: no background of its own."""
    import matplotlib as mpl
    from cycler import cycler

    style: dict[Any, Any] = {
        **dict.fromkeys(_WORDS, GREY),
        "axes.facecolor": "none",
        "axes.grid": True,
        "axes.prop_cycle": cycler(color=COLOURS),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "figure.constrained_layout.use": True,
        "figure.facecolor": "none",
        "grid.alpha": 0.3,
        "grid.color": GREY,
        "legend.frameon": False,
        "savefig.transparent": True,
    }
    mpl.rcParams.update(style)
