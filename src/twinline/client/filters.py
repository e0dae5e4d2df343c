"""Which requests are meant, as a question to the server."""

from typing import Any

from twinline.language.records import RequestFilter


def asked(wanted: RequestFilter | None) -> dict[str, Any]:
    """The parameters of a filter; none when it is None."""
    if wanted is None:
        return {}
    values = wanted.model_dump(exclude={"begin", "end", "slot"}, exclude_none=True)
    slot = wanted.slot.short if wanted.slot else None
    return {**values, "slot": slot, "from": wanted.begin, "to": wanted.end}
