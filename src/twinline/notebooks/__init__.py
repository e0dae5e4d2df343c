"""What the notebooks of this repository begin with: a catalog, and a style for plots.

The analysis itself stands in the notebooks, over the client, its tables and networkx; so
a notebook can be taken from here and pointed at a catalog of one's own. Notebooks read,
and write nothing. ``pip install 'twinline[notebooks]'`` brings the libraries.
"""

from twinline.notebooks.catalog import connect
from twinline.notebooks.plots import COLOURS, GREY, use_style

__all__ = ["COLOURS", "GREY", "connect", "use_style"]
