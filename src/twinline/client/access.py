"""Keys and the audit log, as the client offers them."""

from collections.abc import Iterator
from datetime import datetime

from twinline.client.http import Http, segment
from twinline.language.records import ApiKey, AuditEvent, ChainVerdict, IssuedKey, NewKey, Role


class Keys:
    """API keys; for admins."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def issue(self, owner: str, role: Role, expires_at: datetime | None = None) -> IssuedKey:
        """Make a key. Its secret is in this answer and cannot be had again.

        It is tried once: the server keeps no answer with a secret, so it could not tell
        a second try from a second key.
        """
        new = NewKey(owner=owner, role=role, expires_at=expires_at)
        return self._http.write(IssuedKey, "POST", "/keys", new, tries=1)

    def list(self) -> Iterator[ApiKey]:
        """All keys, without their secrets."""
        return self._http.pages(ApiKey, "/keys")

    def revoke(self, prefix: str) -> ApiKey:
        """Revoke a key: it is refused from the next request on."""
        return self._http.write(ApiKey, "DELETE", f"/keys/{segment(prefix)}")


class Audit:
    """Who did what, when, to what and why; for auditors."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def events(self) -> Iterator[AuditEvent]:
        """The audit log, the newest event first."""
        return self._http.pages(AuditEvent, "/audit")

    def verify(self) -> ChainVerdict:
        """Have the server recompute every hash."""
        return self._http.get(ChainVerdict, "/audit/verify")
