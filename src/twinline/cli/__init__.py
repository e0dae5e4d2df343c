"""The command line: ``twinline NOUN VERB``, and the verbs that everybody needs at the top.

Tables are for people; ``--json`` gives what the API answered, ``--csv`` lists as lines for
a spreadsheet. Exit codes: 0 done, 1 an
error, 2 wrong usage, 3 not found, 4 in conflict with what is there now, 5 not allowed,
6 the server or what it needs is not available.
"""

from twinline.cli.root import main

__all__ = ["main"]
