"""What people who use MLflow load into their own processes.

What it is: in an MLflow server, a registry store that tells Twinline every change of the
registry (``registry_store``, with the ``outbox...`` beside it).

What it is not: a reader of MLflow. That is the ``mirror``, in Twinline's own process.

Invariants: importing this package loads neither MLflow nor any library of a server; without
Twinline, or with Twinline away, MLflow does what it always does.
"""
