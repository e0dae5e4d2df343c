"""What is said after something was done.

The address after a form carries a word of these, never the sentence: nobody can make our
page say something by a link.
"""

from collections.abc import Mapping

DONE: Mapping[str, str] = {
    "signed-out": "You are signed out.",
    "key-revoked": "The key is revoked: it is refused from the next request on.",
    "released": "The suite is required there no more.",
    "required": "The suite has to be passed there from now on.",
    "sync-asked": "MLflow will be swept now; open this page again to see how far that is.",
}


def said(word: str) -> str:
    """The sentence for a word; empty for one that is not ours."""
    return DONE.get(word, "")
