"""How plots look: readable on white and on black, and whoever sees which colours."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Of Okabe and Ito (2008), those that stand out from white and from black."""
GREY = "#808080"
"""Of words and lines: at least 3.9 : 1 against either background (WCAG 2.2)."""


def use_style() -> None:
    """Let every figure from now on have this style: no background of its own."""
    from matplotlib import pyplot

    words = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    pyplot.rcParams.update(
        dict.fromkeys(words, GREY)
        | {
            "axes.facecolor": "none",
            "axes.grid": True,
            "axes.prop_cycle": pyplot.cycler(color=COLOURS),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "figure.constrained_layout.use": True,
            "figure.facecolor": "none",
            "grid.alpha": 0.3,
            "grid.color": GREY,
            "legend.frameon": False,
            "savefig.transparent": True,
        }
    )
