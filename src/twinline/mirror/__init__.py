"""The door to MLflow: read a registered model version, its run and its datasets.

What it is: a reader of MLflow's documented REST API through httpx, which hands over what
it read as a ``NewModelVersion``; ``models`` registers it.

What it is not: MLflow's own client. That costs 1-2 seconds of import and hundreds of
megabytes in the server process, its timeouts and retries are process-wide settings read
from the environment, and it retries for minutes where an HTTP request of ours must be
answered in seconds. It is no mirror either: nothing is kept here, nothing is written to
MLflow, and prompts that live in MLflow's registry are refused.

Invariants: a read ends within its deadline, whatever the server does (``remote``); every
failure is ``MlflowUnavailable``, ``NotFound`` or ``Invalid`` and names what it was about;
what MLflow may hold but JSON or PostgreSQL cannot (NaN, NUL) never comes further than
this (``answers``, ``rules``).
"""
