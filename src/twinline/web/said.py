"""What is said after something was done.

The address after a form carries a word of these, never the sentence: nobody can make our
page say something by a link.
"""

from collections.abc import Mapping

DONE: Mapping[str, str] = {
    "signed-out": "You are signed out.",
    "version-made": "The version is made.",
    "version-there": "This version had the content already; no other one was made.",
}


def said(word: str) -> str:
    """The sentence for a word; empty for one that is not ours."""
    return DONE.get(word, "")
