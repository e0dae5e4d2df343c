"""Manifests: all that is live in an environment as one signed document.

Every process holds the newest in memory and answers from it, and so does every
application that resolves by itself. Its bytes depend on the version alone, so all
processes of a server sign the same ones.

Invariant: a process that committed a change answers from a manifest that holds it; the
others follow as soon as they hear of the commit.
"""
