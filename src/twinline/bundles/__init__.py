"""Bundles: the pair, one immutable and content-addressed thing.

A bundle is a model version, a prompt version and parameters; its name is the SHA-256
of its canonical JSON, so the same pair is the same bundle wherever and whenever it is
made. Pairings are statements about a pair's two sides; the newest one counts.

What could not be resolved is a bundle too, of kind ``unresolved``, that holds the
words which were sent: nothing is dropped, and it can be counted.
"""
