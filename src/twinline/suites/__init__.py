"""Suites: named ways to score, where they are wanted, and what waits to be scored.

A suite is attached to prompts, and then each new version of those is a *pending
evaluation*, made in the transaction of the version. Runners claim pending evaluations
under a lease, keep it by renewing, and report what they found. What they report is an
evaluation, which is a noun of its own above: this one stands below prompts, so that
making a version can ask for its evaluation.

Invariants: a pending evaluation is under one lease at a time, which only who shows its
token can keep or report under; a lease that ran out may be claimed by anybody; each claim
is an attempt, and after as many as the suite allows it is given up, with the last error.

What it is not: a scheduler. Nothing here runs anything, or knows how.
"""
