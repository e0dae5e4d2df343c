"""Whole environments at a time, as the client offers them."""

from datetime import datetime

from twinline.client.http import Http, segment
from twinline.language.records import LiveAt


class Environments:
    """What is live in every slot of an environment."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def live(self, environment: str, *, at: datetime | None = None) -> LiveAt:
        """Every slot with what is live in it, or was live ``at`` a time.

        Raises:
            NotFound: no slot is in an environment of that name.
        """
        return self._http.get(LiveAt, f"/environments/{segment(environment)}/live", {"at": at})
