"""Whom the request that MLflow is serving names."""

import sys
from typing import Any


def current_actor(header: str) -> str | None:
    """The user that MLflow authenticated; else the one of basic authentication, as a proxy may
    have checked it; else what ``header`` says. None outside a request, or when nobody is named.
    """
    flask: Any = sys.modules.get("flask")  # it is MLflow that serves with it, or nobody does
    if flask is None or not flask.has_request_context():
        return None
    known: str | None = getattr(flask.g, "mlflow_authenticated_user", None)
    sent = flask.request.authorization
    return known or (sent and sent.username) or flask.request.headers.get(header) or None
