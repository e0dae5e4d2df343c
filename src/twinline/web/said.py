"""What is said after something was done.

The address after a form carries a word of these, never the sentence, and it is said only to
a browser that our own page led there: nobody can make our page say something by a link.
"""

from collections.abc import Mapping

DONE: Mapping[str, str] = {
    "done-before": "This form was carried out before, and sending it again changed nothing. What "
    "you see is how things are now.",
    "deployed": "It is live from now on.",
    "recall-executed": "The plan was carried out.",
    "recall-lifted": "The recall is lifted. Nothing was deployed by that.",
    "recalled": "It is recalled: nothing built on it can go live any more. What is live stays so "
    "until the plan is carried out.",
    "recalled-before": "It was recalled before, by whom and why is below. Your reason was not "
    "kept, and nothing was changed.",
    "rolled-back": "It was rolled back: the pair below is live from now on.",
    "version-made": "The version is made.",
    "version-there": "This version had the content already; no other one was made.",
    "label-moved": "The label is moved.",
    "label-removed": "The label is taken off; its history stays.",
    "label-stays": "The label was on that version already; nothing changed.",
    "prompt-retired": "The prompt is retired with all its versions.",
    "prompt-let-go-before": "The prompt was not retired as a whole any more: it had been let go on "
    "before. Your reason was not kept, and nothing was changed.",
    "prompt-unretired": "People can build on the prompt again.",
    "version-retired": "The version is retired.",
    "version-let-go-before": "The version was not retired any more: it had been let go on before. "
    "Your reason was not kept, and nothing was changed.",
    "version-unretired": "People can build on the version again.",
    "key-revoked": "The key is revoked: it is refused from the next request on.",
    "released": "The suite is required there no more.",
    "required": "The suite has to be passed there from now on.",
    "sync-asked": "MLflow will be swept now; open this page again to see how far that is.",
}


def said(word: str) -> str:
    """The sentence for a word; empty for one that is not ours."""
    return DONE.get(word, "")
