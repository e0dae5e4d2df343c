"""The keys in memory, for requests that are answered without a transaction.

A key that was revoked anywhere is out of every process's ring as soon as the process
hears of it. The ring only ever says yes; whoever is not surely let in is judged by the
database. While that is away, what it said last still holds for an hour where a reader asks
for that, unless a key is known to have changed since.
"""

import threading
import time
from datetime import UTC, datetime

from twinline.access import actions, rules
from twinline.access.rules import Permission
from twinline.db.listening import ANYTHING
from twinline.db.session import Database
from twinline.language.records import ApiKey

KNOWN_SECONDS = 3600.0
"""How long keys are good that no database confirms: one may have been revoked meanwhile."""


class KeyRing:
    """Knows who holds which permission, until a key changes."""

    def __init__(self) -> None:
        self._by_hash: dict[str, ApiKey] | None = None
        self._read_last: tuple[float, dict[str, ApiKey]] | None = None
        self._changes = 0
        self._turn = threading.Lock()

    def take_note(self, topic: str) -> None:
        """Forget everything when keys may have changed."""
        if topic in (actions.TOPIC, ANYTHING):
            with self._turn:
                self._changes += 1
                self._by_hash = None
                if topic == actions.TOPIC:
                    self._read_last = None

    def load(self, database: Database) -> None:
        """Read the keys, unless they are here."""
        if self._by_hash is not None:
            return
        seen = self._changes
        with database.reading() as tx:
            found = actions.keys_by_hash(tx)
        with self._turn:
            if seen == self._changes:  # else another change came meanwhile
                self._by_hash = found
                self._read_last = time.monotonic(), found

    def holder(self, key: str, permission: Permission) -> ApiKey | None:
        """Who surely holds this key and permission; None when the database must be asked."""
        return _holder(self._by_hash or {}, key, permission)

    def knew(self, key: str, permission: Permission) -> ApiKey | None:
        """Who held this key and permission when the keys were last read, up to an hour ago;
        None also when one is known to have changed since. Only for when nobody can be asked."""
        read_at, keys = self._read_last or (float("-inf"), {})
        fresh = time.monotonic() - read_at < KNOWN_SECONDS
        return _holder(keys, key, permission) if fresh else None


def _holder(keys: dict[str, ApiKey], key: str, permission: Permission) -> ApiKey | None:
    found = keys.get(rules.hash_key(key))
    if found is None or not rules.may(found.role, permission):
        return None
    return found if rules.usable(found, datetime.now(UTC)) else None
