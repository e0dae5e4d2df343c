"""The mirror of MLflow: what its registry holds, kept in the catalog as it was and as it is.

What it is: a reader of MLflow's documented REST API through httpx, for any number of servers
and workspaces (``remote``, ``asking``, ``reading``). What it read becomes versions of models
and prompts; what became of names and versions there is kept beside them. It writes to
MLflow only the webhooks by which MLflow tells it of changes (``hooks``).

What it is not: MLflow's own client. That costs 1-2 seconds of import and hundreds of
megabytes in the server process, its timeouts and retries are process-wide settings read
from the environment, and it retries for minutes where a request of ours must be answered
in seconds.

How it follows: whatever is heard - a webhook, a change that MLflow's own store tells, a
difference that a sweep found - is a *mark* on a name (``marks``), and marks coalesce. To
catch up with a mark is to read the name whole and to take over the difference
(``catching``, ``actions``); doing so twice changes nothing. Sweeps (``sweeping``) find what
nobody told. A worker (``worker``) for each server does all this in one of the processes.

Identity: what a name in MLflow is, is said by server, workspace, kind, name and the time at
which the name was made; what a version is, by its number, the time at which it was made and
the digest of its content. Never by name and number alone, because MLflow deletes, renames,
makes again and overwrites without a trace. So:

- *deleted*: a name or version that was not seen and is not there when asked for.
- *recreated*: what has the name now was made at another time. It is called
  ``NAME/recreated-2`` in the catalog, so that nothing leads from one to the other.
- *renamed*: what was made at that time is called otherwise now. The new name is a series of
  its own, and the drift says what it was. The old versions remain what they are.
- *tampered*: the same version, another content. The catalog's version never changes. A
  prompt's new content is the next version in the catalog, where numbers are ours, so that
  what MLflow serves now can be named. A model's number is MLflow's own, so its new source
  gets no version: nothing could be built on it that is not doubtful.

Whoever reads a name, the worker or an import, first ends what was known by it and is it no more,
all at once where names were exchanged.

What is deleted, made again or tampered with is retired (``withdrawals``), so that walks do
not go on behind it - unless it is live somewhere: then it stays, the drift says so, and
each full sweep decides anew. What is there again as it was is let go on.

Aliases and tags are followed with their history, and with who moved them where MLflow's outbox
tells it (``history_store``). A run and a LoggedModel are read when a version is new or its tags
moved, and when somebody imports it; not when only a metric did.

Invariants: a read ends within its deadline, whatever the server does; no transaction waits
for MLflow; every failure is ``MlflowUnavailable``, ``NotFound`` or ``Invalid`` and names what
it was about, and is noted where it can be seen; what MLflow may hold but JSON or PostgreSQL
cannot (NaN, NUL) never comes further than this (``answers``, ``rules``); memory does not
grow with what MLflow holds, but by the numbers of one name's versions.
"""
