"""The history of one file, as git tells it.

It is that of the branch that is checked out: what was merged into it is one commit, the merge, for
by it the file here became what it is. How git is configured makes no other history of it.

A repository may have come from anybody, so git is asked for nothing that runs a program which
its configuration names: no signatures, no filters, no diffs of texts, no other place to fetch
from.
"""

import os
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from twinline.exchange.found import FILE_BYTES_MAX, instant
from twinline.language.errors import Invalid

HISTORY_BYTES_MAX = 64 << 20
"""What all versions of a file may hold together, for they are read at once."""
_SECONDS_MAX = 60
_FORMAT = "%x00%H%x00%an <%ae>%x00%at%x00%B%x00"
_FIELDS = 5
_FILE_MODES = {"100644", "100755"}
_WITHOUT = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "log.showRoot=true"),
    *("-c", "log.showSignature=false"),
    *("-c", "safe.bareRepository=explicit"),
)
_SAFE = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C.UTF-8",
}


class Commit(NamedTuple):
    """A commit that changed the file.

    Attributes:
        id: its hash.
        author: name and address, as git has them.
        at: when the author made it; None: in no year from 1 to 9999.
        message: the whole of it.
        content: what the file held then; None: it was no file, or too large.
    """

    id: str
    author: str
    at: datetime | None
    message: str
    content: bytes | None


class History(NamedTuple):
    """What git tells of a file.

    Attributes:
        commits: those that changed it, the oldest first, also under its former names. Those that
            took it away are left out.
        head: what it holds in the commit that is checked out; None: it is no file there.
    """

    commits: tuple[Commit, ...]
    head: bytes | None


def history(path: Path, *, bytes_max: int = HISTORY_BYTES_MAX) -> History | None:
    """The history of a file; None: there is no git, the file is not in it, or in no commit.

    Raises:
        Invalid: git does not answer as it should, or the history is too large.
    """
    if shutil.which("git") is None or not _is_tracked(path):
        return None
    log = _git(
        path.parent,
        *("log", "--follow", "--first-parent", "--diff-merges=first-parent"),
        *("--raw", "--no-abbrev", "--no-color", "--no-mailmap"),
        *("--encoding=UTF-8", f"--format={_FORMAT}"),
        *("--", path.name),
    )
    parts = log.decode("utf-8", "replace").split("\x00")[1:]
    found = [_changed(parts[at : at + _FIELDS]) for at in range(0, len(parts), _FIELDS)]
    kept = [(commit, blob) for commit, blob in reversed(found) if blob is not None]
    if not kept:
        return None
    head = _blob_at_head(path)
    contents = _contents(path.parent, [*(blob for _, blob in kept), head], bytes_max)
    made = tuple(commit._replace(content=contents.get(blob)) for commit, blob in kept)
    return History(made, contents.get(head))


def _is_tracked(path: Path) -> bool:
    asked = _run(path.parent, ("ls-files", "--error-unmatch", "--", path.name))
    if asked.returncode > 1 and any((above / ".git").exists() for above in path.absolute().parents):
        raise _silent(asked)  # of a folder that is in no repository this says nothing
    return asked.returncode == 0


def _changed(fields: list[str]) -> tuple[Commit, str | None]:
    """A commit, and the blob that it made of the file: None when it took it away, empty when
    what it made is no file."""
    id, author, at, message, raw = fields
    changes = [line.split() for line in raw.splitlines() if line.startswith(":")]
    blob = None
    if changes and not changes[0][4].startswith("D"):
        blob = changes[0][3] if changes[0][1] in _FILE_MODES else ""
    return Commit(id, author, instant(int(at)), message.strip(), None), blob


def _blob_at_head(path: Path) -> str:
    """The blob of a file in the commit that is checked out; empty: it is no file there."""
    told = _git(path.parent, "ls-tree", "-z", "HEAD", "--", path.name).decode("utf-8", "replace")
    mode, _, blob = told.partition("\t")[0].split() if told else ("", "", "")
    return blob if mode in _FILE_MODES else ""


def _contents(folder: Path, blobs: list[str], bytes_max: int) -> dict[str, bytes]:
    """What blobs hold, without those that are too large."""
    asked = [blob for blob in dict.fromkeys(blobs) if blob]
    sizes = _git(folder, "cat-file", "--batch-check", said="".join(f"{one}\n" for one in asked))
    known = (line.split() for line in sizes.decode().splitlines())
    # Of what is not here, as in a partial clone, it says "missing".
    bytes_of = {blob: int(size[0]) for blob, kind, *size in known if kind == "blob"}
    small = [blob for blob, size in bytes_of.items() if size <= FILE_BYTES_MAX]
    if (whole := sum(bytes_of[blob] for blob in small)) > bytes_max:
        raise Invalid(
            f"Its versions in git have {whole:,} bytes together, and {bytes_max:,} are the "
            "most; import it from a copy without .git, or as numbered files."
        )
    told = _git(folder, "cat-file", "--batch", said="".join(f"{one}\n" for one in small))
    found: dict[str, bytes] = {}
    start = 0
    for blob in small:
        end = told.index(b"\n", start)
        size = int(told[start:end].split()[2])
        found[blob] = told[end + 1 : end + 1 + size]
        start = end + 1 + size + 1
    return found


def _git(folder: Path, *words: str, said: str = "") -> bytes:
    done = _run(folder, words, said)
    if done.returncode != 0:
        raise _silent(done)
    return done.stdout


def _silent(done: subprocess.CompletedProcess[bytes]) -> Invalid:
    why = " ".join(done.stderr.decode("utf-8", "replace").split())[:500]
    return Invalid(f"git cannot tell the history: {why or f'exit code {done.returncode}'}")


def _run(
    folder: Path, words: tuple[str, ...], said: str = ""
) -> subprocess.CompletedProcess[bytes]:
    # What a hook of git sets would have us ask another repository; what is configured there,
    # as a safe.directory by a CI system, is said to every git.
    known = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG_")
    }
    try:
        return subprocess.run(
            ["git", "--no-pager", "--literal-pathspecs", *_WITHOUT, *words],  # noqa: S607 -- whichever git it is
            cwd=folder,
            input=said.encode(),
            capture_output=True,
            env=known | _SAFE,
            timeout=_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Invalid(f"git does not answer: {error}.") from error
