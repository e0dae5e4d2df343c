"""Environments: each has a version that grows with everything that changes what is live.

The version is taken as the last step of the transaction that makes the change, and
announced with its commit, so whoever sees a version sees all that is in it.
"""
