"""Deployments: slots, their history, and which policy is live in each.

A slot is a route in an environment. Its history is a list of numbered, immutable
deployments; the newest is live. Going back is one more deployment, never a deletion.

Invariants: numbers in a slot are 1, 2, 3 ... without a gap, taken under a lock on the
slot; whoever changes a slot says which deployment they were looking at, and is
refused when it is no longer the newest; times in a slot only grow.

What it is not: the way back itself, with its evidence, is ``rollbacks``, which needs
to see what was served. Here is only the rule by which a side's previous version is
found.
"""
