"""Routing: the policy document and its evaluation.

A policy picks a bundle for a request's context. Evaluating it is a pure function of
the policy and the context, so any resolution can be replayed, and the server and an
application's own process answer alike. Nothing here does input or output.
"""
