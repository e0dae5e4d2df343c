"""Files that decide which server is asked and which key it gets: only our own are believed.

As ssh does, a file is taken only from its owner, who is the user or root, and only when
nobody else may write it: whoever writes the config file names the command that prints the key,
and where the key is sent. The open file is judged, so that it is the one that is read.
"""

import os
import stat
from pathlib import Path

from twinline.language.errors import Invalid

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO
_ROOT = 0


def read_own(path: Path) -> tuple[str, int]:
    """The text of a file that is ours, and its mode.

    Raises:
        Invalid: it belongs to somebody else, or others may write it; the message has the remedy.
        OSError: it cannot be read.
        UnicodeDecodeError: it is not UTF-8.
    """
    with path.open(encoding="utf-8") as file:
        status = os.fstat(file.fileno())
        _refuse_if_others_wrote(path, status)
        return file.read(), status.st_mode


def refuse_if_open(path: Path, mode: int) -> None:
    """Take no key from a file that others may read.

    Raises:
        Invalid: they may; the message has the remedy.
    """
    if mode & _OTHERS_MAY:
        raise Invalid(
            f"{path} holds a key and is open to others ({stat.filemode(mode)}); say "
            f"`chmod 600 {path}`, and give the key up if others use this machine.",
            path=str(path),
        )


def _refuse_if_others_wrote(path: Path, status: os.stat_result) -> None:
    if status.st_uid not in (os.getuid(), _ROOT):
        raise Invalid(
            f"{path} belongs to user {status.st_uid}, who could have you run a command or send "
            "your key elsewhere; if what it says is right, copy it, put the copy in its place, "
            f"and say `chmod 600 {path}`.",
            path=str(path),
        )
    if status.st_mode & _OTHERS_WRITE:
        raise Invalid(
            f"{path} may be written by others ({stat.filemode(status.st_mode)}), who could have "
            "you run a command or send your key elsewhere; see whether what it says is right, "
            f"then say `chmod 600 {path}`.",
            path=str(path),
        )
