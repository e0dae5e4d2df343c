"""Access: who is asking, may they, and what did they do.

A request comes with an API key; the key has an owner and a role; a role is a set of
permissions. An endpoint says which one it needs by the kind of transaction that it asks
`gate.py` for, and a page by the visitor or sender that it asks the pages' own gate for,
so neither can be written without one. It is decided on every request.

Every change of the catalog leaves an audit event in the transaction of the change,
chained by hashes to the one before. Inferences and outcomes leave none: the ledger
is append-only and is its own record.

Invariant: no secret is stored. A key is kept as its SHA-256.
"""
