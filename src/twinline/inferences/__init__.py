"""Inferences: the ledger of requests, what came of each, and exact counts.

Each inference names one bundle. What cannot be resolved is kept under an unresolved
bundle with the words that were sent: nothing is dropped. An inference never changes;
what is learnt later is an outcome, and of each measure the newest known value counts.

Invariants: an id (UUIDv7) is counted once, however often it is sent; the rollups by
hour and by day change in the same transaction as the facts, so they equal a recount
at every commit. The ledger is partitioned by day, by the time within the id.

Who wants many gets them by columns (`columnar`) in one stream (`streams`): a window of time
after the other, each bounded in requests, in bytes and in what it takes to look. Who wants
what is new follows `arrivals`, by the transactions that brought it: each exactly once,
however late it was made.
"""
