"""Evaluations: how a bundle scored on a named suite.

Results are appended, never changed; for each suite the newest one counts. Who runs
a suite, and how, is not decided here.
"""
