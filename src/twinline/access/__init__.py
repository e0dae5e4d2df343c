"""Access: who is asking, may they, and what did they do.

A request comes with an API key; the key has an owner and a role; a role is a set of
permissions. All of it is decided in `gate.py`, on every request, in the transaction
of the request, and nowhere else: an endpoint says which permission it needs by the
kind of transaction that it asks for, so an endpoint without one cannot be written.

Every change of the catalog leaves an audit event in the transaction of the change,
chained by hashes to the one before. Inferences and outcomes leave none: the ledger
is append-only and is its own record.

Invariant: no secret is stored. A key is kept as its SHA-256.
"""
