"""The private folder of the server's socket, and the link at home that tells where it is."""

import shutil
import socket
import stat
import tempfile
from pathlib import Path

from twinline.db.embedded.account import Account

# PGPORT of a client must not matter, so both sides name the port; it is only a file name.
PORT = 5432


def recorded(record: Path) -> Path | None:
    """The folder that this link tells; None when nobody has started a server."""
    try:
        return record.readlink()
    except FileNotFoundError:
        return None


def make(record: Path, account: Account) -> Path:
    """The recorded folder if it still is private to the account, or else a new one."""
    known = recorded(record)
    if known is not None and _is_private(known, account):
        return known
    # Not TMPDIR: that may be long, or closed to the account.
    made = Path(tempfile.mkdtemp(prefix="twinline-", dir="/tmp"))
    account.own(made)
    record.unlink(missing_ok=True)
    record.symlink_to(made)
    return made


def remove(record: Path) -> None:
    """Forget the folder; the server is gone."""
    known = recorded(record)
    if known is not None:
        shutil.rmtree(known, ignore_errors=True)
        record.unlink()


def answers(place: Path) -> bool:
    """Whether a living process listens here."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        return probe.connect_ex(str(place / f".s.PGSQL.{PORT}")) == 0


def _is_private(place: Path, account: Account) -> bool:
    """Anyone may have made a folder of that name after a restart emptied /tmp."""
    try:
        found = place.lstat()
    except FileNotFoundError:
        return False
    mine = stat.S_ISDIR(found.st_mode) and found.st_uid == account.owner
    return mine and not stat.S_IMODE(found.st_mode) & 0o077
