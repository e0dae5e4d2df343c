"""The demo: a real MLflow server, two real training runs, real traffic, on this machine.

What it is not: a set of made-up rows. Everything that the demo shows went through the
doors that a user's own systems would use, so it fails where they would fail.

Nothing here reaches beyond loopback, and nothing of it outlives the demo: child
processes end with it, even after ``kill -9``. ``training`` imports MLflow, pandas and
scikit-learn (about two seconds), so import it late, or while the server starts.
"""
