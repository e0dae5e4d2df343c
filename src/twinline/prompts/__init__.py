"""Prompts: named series of immutable, numbered templates, and labels that move over them.

What it is not: a renderer. Templates are kept and handed out; only the client fills
in variables, so no template is ever executed here. What a template includes is no
exception: its text is put in once, when the version is made, and looked into no more.

Invariants: a version never changes and its number is never used again (the next
number is taken under a lock on the series, and the database refuses updates and
deletes); identical content in one prompt is one version; a label's every move is
kept, also its removal, and where it is now the database derives from the moves, once
for each prompt and label; a protected label is moved by nobody who lacks the permission,
through whatever door, because they all lead to `labels.put`; and ``latest`` is always
the highest number. A version holds all that it takes to say what it says: the texts that
it includes are pinned and composed with it, so that neither a label that moves nor a
version that comes later changes it.

A version may come from another place: its content decides whether it is there already, so
an import can be repeated; who wrote it there is its origin, and its author is who imported it.

What is searched of a prompt the database derives from its versions and labels in the same
way. Who reads which version is counted in memory and kept a second later: a read never
waits for it, and a process that is killed loses the count of its last second.
"""
