"""Recalls: one bad version, everywhere.

A recall marks a node and freezes a report of what it had reached by then, whose counts
can be taken again later. Its plan says for each slot where something downstream is live
how one side, or both, goes back to a pair that is not; executing the plan appends all
those deployments in one transaction, or none.

It stands above ``rollbacks``, whose evidence about pairs it shows. Lifting a recall ends
it; history keeps it, and what was changed stays as it is.
"""
