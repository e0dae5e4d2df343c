"""Tables that the server streams by columns (Arrow), for lists that are long."""

import io
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from twinline.client.http import Http, Query
from twinline.client.libraries import load
from twinline.client.progress import Progress, telling
from twinline.language.errors import CutShort

if TYPE_CHECKING:
    import pyarrow

_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""The last bytes of a whole stream (Arrow Columnar Format, IPC Streaming Format)."""
_READ_AT_ONCE = 1 << 20


class Table:
    """A table at the server, read anew whenever it is asked for.

    Give it to `twinline.client.frames.to_pandas`, ``to_polars`` or ``to_arrow``; what is too
    large for memory comes in `batches`.
    """

    def __init__(self, http: Http, path: str, query: Query) -> None:
        self._http = http
        self._path = path
        self._query = query

    def batches(self, progress: Progress = False) -> "Generator[pyarrow.RecordBatch]":  # pyright: ignore[reportUnknownParameterType, reportUnknownMemberType] -- has no types
        """The rows in batches of some ten thousand, or fewer when they are large, as they come.

        Raises:
            ImportError: pyarrow is not installed.
            CutShort: the stream broke off; the batches before are not the whole table.
            NotInstalled: the server runs without pyarrow.
        """
        for found in self._found(progress):
            yield from found.to_batches()

    def read(self, progress: Progress = False) -> Any:
        """The whole table, as pyarrow has it; words that repeat are one dictionary a column.

        Raises:
            ImportError, CutShort, NotInstalled: as `batches`.
        """
        found = list(self._found(progress))
        return load("pyarrow").concat_tables(found).unify_dictionaries()

    def _found(self, progress: Progress) -> Iterator[Any]:
        """Tables of the rows so far, the first of none."""
        arrow, ipc = load("pyarrow"), load("pyarrow.ipc")
        rows = 0
        with (
            telling(progress) as tell,
            closing(self._http.chunks(self._path, self._query)) as chunks,
        ):
            pieces = _Pieces(chunks)
            try:
                reader = ipc.open_stream(io.BufferedReader(pieces, _READ_AT_ONCE))
                yield reader.schema.empty_table()
                for batch in reader:
                    if not batch.num_rows:  # sent lest we take a long search for silence
                        continue
                    rows += batch.num_rows
                    tell(rows)
                    yield arrow.Table.from_batches([batch])
            except (OSError, arrow.ArrowInvalid) as error:
                raise self._cut(rows) from error
            if pieces.last != _END:
                raise self._cut(rows)

    def _cut(self, rows: int) -> CutShort:
        return CutShort(
            f"The stream of {self._path} broke off after {rows:,} rows; ask again.", rows=rows
        )


class _Pieces(io.RawIOBase):
    """The chunks of an answer as a file, and its last bytes."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = b""
        self.last = b""

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any, /) -> int:
        if not self._left:
            self._left = next(self._chunks, b"")
            self.last = (self.last + self._left[-len(_END) :])[-len(_END) :]
        taken, self._left = self._left[: len(into)], self._left[len(into) :]
        into[: len(taken)] = taken
        return len(taken)
