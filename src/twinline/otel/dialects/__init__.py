"""The conventions in which spans speak of model calls: one table each, in order of trust.

Where a span speaks several, each fact is taken from the first that tells it.
"""

from twinline.otel.dialects import genai, langfuse, mlflow, openinference, ours
from twinline.otel.dialects.table import Dialect, Fact

DIALECTS: tuple[Dialect, ...] = (
    ours.DIALECT,
    langfuse.DIALECT,
    mlflow.DIALECT,
    openinference.DIALECT,
    genai.DIALECT,
)
PLUMBING = frozenset(
    {"http.request.method", "http.method", "http.route", "url.full", "rpc.system"}
    | {"rpc.system.name", "db.system", "db.system.name", "messaging.system"}
)
"""What marks a span as transport. Baggage may put our attributes on such spans too, and they
are no model calls for that."""

KNOWN = PLUMBING.union(*(dialect.attributes for dialect in DIALECTS))
"""Every attribute that is looked at; no other is ever decoded."""

__all__ = ["DIALECTS", "KNOWN", "PLUMBING", "Dialect", "Fact"]
