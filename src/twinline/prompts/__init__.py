"""Prompts: named series of immutable, numbered templates, and labels that move over them.

What it is not: a renderer. Templates are kept and handed out; only the client fills
in variables, so no template is ever executed here. What a template includes is no
exception: its text is put in once, when the version is made, and looked into no more.

Invariants: a version never changes and its number is never used again (the next
number is taken under a lock on the series, and the database refuses updates and
deletes); identical content in one prompt is one version; a label's every move is
kept, and ``latest`` is always the highest number. A version holds all that it takes to
say what it says: the texts that it includes are pinned and composed with it, so that
neither a label that moves nor a version that comes later changes it.
"""
