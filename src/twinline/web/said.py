"""What is said after something was done.

The address after a form carries a word of these, never the sentence: nobody can make our
page say something by a link.
"""

from collections.abc import Mapping

DONE: Mapping[str, str] = {
    "deployed": "It is live from now on.",
    "recall-executed": "The plan was carried out.",
    "recall-lifted": "The recall is lifted. Nothing was deployed by that.",
    "recalled": "It is recalled: nothing built on it can go live any more. What is live stays so "
    "until the plan is carried out.",
    "rolled-back": "It was rolled back: the pair below is live from now on.",
    "signed-out": "You are signed out.",
    "version-made": "The version is made.",
    "version-there": "This version had the content already; no other one was made.",
}


def said(word: str) -> str:
    """The sentence for a word; empty for one that is not ours."""
    return DONE.get(word, "")
