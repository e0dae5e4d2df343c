"""The words: references, records, errors, canonical digests and ids.

Everything above speaks in these values. Nothing here does input or output, and
nothing here imports another part of Twinline, so that the client, the server and
a notebook mean the same thing by the same word.
"""
