"""Prompts as a folder of files, for git and for people.

``support/answer/3.md`` is version 3 of ``support/answer``. ``support/answer.md`` is all of that
prompt: its versions are the commits that changed the file on the branch that is checked out, or,
where there is no git, the one that it holds. Other files, and what is hidden, are left alone.
"""

import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from twinline.exchange import documents, git_history
from twinline.exchange.found import FILE_BYTES_MAX, Found, gathered, refusal
from twinline.language.errors import Invalid
from twinline.language.records import ImportedItem, ImportReport, PromptItem
from twinline.language.refs import PromptVersionRef

_SUFFIX = ".md"
_NOT_PROMPTS = {"README.md"}

Reading = tuple[str, Callable[[], PromptItem]]


def read(folder: Path) -> Found:
    """The versions in a folder.

    Raises:
        Invalid: it is no folder that can be read, or git cannot say its history.
    """
    if not folder.is_dir():
        raise Invalid(f"{folder} is no folder.", field="folder", value=str(folder))
    return gathered(_places(folder))


def write(folder: Path, items: Iterable[PromptItem]) -> ImportReport:
    """Write each version as a file; what is there already is the same, or written anew.

    Raises:
        Invalid: a file cannot be written, or would be outside of the folder.
    """
    return ImportReport(kept=True, items=tuple(_written(folder, item) for item in items))


def _places(folder: Path) -> Iterator[Reading]:
    waiting = _entries(folder)
    while waiting:
        entry = waiting.pop()
        path = Path(entry.path)
        place = _printable(path.relative_to(folder).as_posix())
        if entry.is_symlink():
            yield place, partial(_refuse, "It is a symbolic link; put the file itself there.")
        elif entry.is_dir(follow_symlinks=False):
            try:
                waiting += _entries(path)
            except Invalid as error:
                yield place, partial(_refuse, error.detail)
        else:
            yield from _file(path, place)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """The folders, the files that hold prompts, and whatever else is called so, the first by
    name at the end.

    Raises:
        Invalid: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            wanted = [entry for entry in entries if _is_wanted(entry)]
    except OSError as error:
        raise Invalid(f"The folder cannot be read: {error.strerror}.") from error
    return sorted(wanted, key=lambda entry: entry.name, reverse=True)


def _is_wanted(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name in _NOT_PROMPTS:
        return False
    return entry.name.endswith(_SUFFIX) or _is_folder(entry)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that goes in a circle
        return False


def _printable(place: str) -> str:
    """A path as a text, also where it is none."""
    return os.fsencode(place).decode(errors="backslashreplace")


def _file(path: Path, place: str) -> Iterator[Reading]:
    names = place.removesuffix(_SUFFIX).split("/")
    if names[-1].isdecimal() and len(names) > 1:
        yield place, partial(_version, path, place, "/".join(names[:-1]), int(names[-1][:20]))
    else:
        yield from _prompt(path, place, "/".join(names))


def _version(path: Path, place: str, name: str, number: int) -> PromptItem:
    text = documents.decoded(_content(path))
    return documents.read(text, place, name=name, number=number)


def _prompt(path: Path, place: str, name: str) -> Iterator[Reading]:
    try:
        content = _content(path)
        history = git_history.history(path)
        if history and (history.head is None or _unix(history.head) != _unix(content)):
            raise Invalid("It is not as the last commit has it; commit it, or put it back.")
    except Invalid as error:
        yield place, partial(_refuse, error.detail)
        return
    if history is None:
        yield place, lambda: documents.read(documents.decoded(content), place, name=name)
        return
    commits = history.commits
    for number, commit in enumerate(commits, start=1):
        read = partial(_commit, commit, name, number, newest=commit is commits[-1])
        yield f"{place}@{commit.id[:12]}", partial(read, f"{place}@{commit.id[:12]}")


def _commit(
    commit: git_history.Commit, name: str, number: int, place: str, *, newest: bool
) -> PromptItem:
    """A version as a commit made it. Labels are where the newest one has them, for they say
    where they were when each was made."""
    if commit.content is None:
        raise Invalid(f"It is no file, or larger than {FILE_BYTES_MAX:,} bytes, in that commit.")
    found = documents.read(documents.decoded(commit.content), place, name=name)
    origin = {
        "author": found.origin.author or commit.author[:500],
        "at": found.origin.at or commit.at,
    }
    version: dict[str, object] = {"message": found.version.message or commit.message[:1000]}
    if not newest:
        version |= {"labels": (), "description": None, "tags": None}
    return found.model_copy(
        update={
            "number": number,
            "origin": found.origin.model_copy(update=origin),
            "version": found.version.model_copy(update=version),
        }
    )


def _content(path: Path) -> bytes:
    """What a file holds, provided that it is a file and no link to one.

    Raises:
        Invalid: it is something else, too large, or cannot be read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Invalid("It is no file, but a device or a pipe.")
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Invalid(f"It cannot be read: {error.strerror}.") from error
    if len(content) > FILE_BYTES_MAX:
        raise Invalid(f"It is larger than {FILE_BYTES_MAX:,} bytes.")
    return content


def _written(folder: Path, item: PromptItem) -> ImportedItem:
    name, number = item.version.name, item.number
    place = f"{name}/{number}{_SUFFIX}"
    if number is None:
        return refusal(place, "It has no number.")
    path = folder / place
    content = documents.written(item).encode()
    try:
        _make_folders(folder, path.parent)
        size = _size(path)
        same = size == len(content) and _content(path) == content
        if not same:
            _replace(path, content)
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror}.", value=str(path)) from error
    return ImportedItem(
        place=place,
        name=name,
        outcome="same" if same else "created",
        version=PromptVersionRef(name, number),
        digest=item.digest,
        reason="Written anew; it held something else." if not same and size is not None else "",
    )


def _make_folders(folder: Path, to: Path) -> None:
    """Make the folders from one to another below it, and none through a link."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder.resolve()
    at = folder
    for part in to.relative_to(folder).parts:
        at /= part
        if at.is_symlink() or not at.resolve().is_relative_to(whole):
            raise Invalid(f"{at} is a symbolic link; take it away.", value=str(at))
        at.mkdir(exist_ok=True)


def _size(path: Path) -> int | None:
    """How many bytes a file has; None: there is none. What is there may be nothing else."""
    try:
        there = path.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(there.st_mode):
        what = "a symbolic link" if stat.S_ISLNK(there.st_mode) else "no file"
        raise Invalid(f"{path} is {what}; take it away.", value=str(path))
    return there.st_size


def _replace(path: Path, content: bytes) -> None:
    """Put a file in the place of what is there, whole or not at all, and without writing
    through a link that somebody puts there meanwhile."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("xb") as file:
            file.write(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _unix(content: bytes) -> bytes:
    """Without what git may do to line breaks when it checks a file out."""
    return content.replace(b"\r\n", b"\n")


def _refuse(why: str) -> PromptItem:
    raise Invalid(why)
