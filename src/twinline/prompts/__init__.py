"""Prompts: named series of immutable, numbered templates, and labels that move over them.

What it is not: a renderer. Templates are kept and handed out; only the client fills
in variables, so no template is ever executed here.

Invariants: a version never changes and its number is never used again (the next
number is taken under a lock on the series, and the database refuses updates and
deletes); identical content in one prompt is one version; a label's every move is
kept, also its removal, and where it is now the database derives from the moves, once
for each prompt and label; a protected label is moved by nobody who lacks the permission,
through whatever door, because they all lead to `labels.put`; and ``latest`` is always
the highest number.
"""
