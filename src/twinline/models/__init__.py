"""Models: versions mirrored from MLflow or declared for a provider, with the runs and
datasets that made them.

What it is not: a model store, and not the reader of MLflow (that is the ``mlflow``
door, which hands over what it read as a ``NewModelVersion``).

Invariants: a version's identity (name, number, source, run) never changes, so a
version that comes back from its registry with another identity is refused and named;
what the registry says about it (params, metrics, tags, aliases) follows the registry;
an alias names one version of a model.
"""
