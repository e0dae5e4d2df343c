"""Lineage: what came from what, what a version touched, and one request's story.

dataset -> run -> model version -> bundle <- prompt version; bundle -> deployment ->
inference -> decision. Everything up to deployments is a small graph; inferences are
facts that name a bundle, never edges, so counts come from the rollups in constant
time however many requests there were.

A walk goes over the graph first and the facts are counted by the bundles it found:
two statements, which also hold where the ledger is distributed.
"""
