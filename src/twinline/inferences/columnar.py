"""Requests by columns, for who takes many: from PostgreSQL's CSV to Arrow, without a record
for each.

The columns are those of an `Inference` as notebooks have it, with the model and the prompt
of its bundle, and without the reference, which only says the id again. Words that repeat
are dictionaries. The cost stays a float, which it was when it was recorded.
"""

import io
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text

from twinline.db.session import Reading
from twinline.inferences import store
from twinline.inferences.selections import PARTS, Selection
from twinline.language.errors import NotInstalled
from twinline.language.records import Measured, RequestFilter

MEDIA_TYPE = "application/vnd.apache.arrow.stream"
Kind = Literal["word", "text", "int", "float", "moment"]

_PLACE = "slot.route || '@' || slot.environment"
_COLUMNS: dict[str, tuple[Kind, str]] = {
    "arm": ("word", "inference.arm"),
    "rule": ("word", "inference.rule"),
    "reason": ("word", "inference.reason"),
    "role": ("word", store.word("inference.role", store.ROLE_CODES)),
    "assigned": ("word", "(select ref from node where id = inference.assigned_id)"),
    "experiment": ("word", "inference.experiment"),
    "unit": ("text", "lpad(to_hex(inference.unit_hash), 16, '0')"),
    "served_from": ("word", "inference.served_from"),
    "stale_seconds": ("float", "inference.stale_seconds"),
    "manifest_version": ("int", "inference.manifest_version"),
    "id": ("text", "inference.id"),
    "at": ("moment", "inference.at"),
    "slot": ("word", f"'routes:/' || {_PLACE}"),
    "deployment": ("word", f"'deployments:/' || {_PLACE} || '/' || inference.deployment"),
    "bundle": ("word", "served.ref"),
    "model": ("word", "model.ref"),
    "prompt": ("word", "prompt.ref"),
    "context_digest": ("text", "inference.context_digest"),
    "context": ("text", "inference.context"),
    "decision": ("text", "inference.decision"),
    "trace_id": ("text", "inference.trace_id"),
    "parent_id": ("text", "inference.parent_id"),
    "measured.status": ("word", store.word(store.later("status"), store.STATUS_CODES)),
    "measured.latency_ms": ("float", store.later("latency_ms")),
    "measured.input_tokens": ("int", store.later("input_tokens")),
    "measured.output_tokens": ("int", store.later("output_tokens")),
    "measured.cost_usd": ("float", store.later("cost_usd")),
    "measured.score": ("float", store.later("score")),
}
_SAID = ", ".join(f'{said} as "{name}"' for name, (_, said) in _COLUMNS.items())
_NEWEST_KNOWN = ", ".join(
    f"(array_agg({name} order by number desc) filter (where {name} is not null))[1] as {name}"
    for name in Measured.model_fields
)


def _columns_of(found: str) -> TextClause:
    return text(f"""
select {_SAID}
from ({found} order by id desc limit :limit) inference
join bundle on bundle.node_id = inference.bundle_id
join node served on served.id = inference.bundle_id
left join node model on model.id = bundle.model_version
left join node prompt on prompt.id = bundle.prompt_version
left join slot on slot.id = inference.slot_id
left join lateral (
    select {_NEWEST_KNOWN} from outcome
    where inference_id = inference.id and inference_id >= :begin and inference_id < :before
) later on true
order by inference.id desc
""")


def _whole(filters: str) -> TextClause:
    return _columns_of(f"""select * from inference
    where bundle_id = any(:bundles) and {store.SERVED_IN}
        and id >= :begin and id < :before{filters}""")


def _by_parts(filters: str) -> TextClause:
    return _columns_of(f"""select found.* from {PARTS} cross join lateral (
        select * from inference where {store.WITHIN} and id >= :begin and id < :before{filters}
        order by id desc limit :limit
    ) found""")


_QUERIES = {
    (True, False): _whole(""),
    (True, True): _whole(store.BY_MEASURE),
    (False, False): _by_parts(""),
    (False, True): _by_parts(store.BY_MEASURE),
}


class Found(NamedTuple):
    """A table of requests, and the size of its CSV; ``whole`` unless more of them were there
    than it was to hold."""

    table: Any
    size_bytes: int
    whole: bool


class Arrow:
    """Arrow for the columns of requests.

    Raises:
        NotInstalled: the server runs without pyarrow.
    """

    def __init__(self) -> None:
        try:
            self._arrow: Any = import_module("pyarrow")
            self._csv: Any = import_module("pyarrow.csv")
            self._ipc: Any = import_module("pyarrow.ipc")
        except ModuleNotFoundError as error:
            raise NotInstalled(
                "This server runs without pyarrow, which makes such tables: "
                "pip install 'twinline[arrow]' where it runs, or ask for CSV or pages."
            ) from error
        make: dict[Kind, Callable[[], Any]] = {
            "word": lambda: self._arrow.dictionary(self._arrow.int32(), self._arrow.string()),
            "text": self._arrow.string,
            "int": self._arrow.int64,
            "float": self._arrow.float64,
            "moment": lambda: self._arrow.timestamp("us", "UTC"),
        }
        self._types = {name: make[kind]() for name, (kind, _) in _COLUMNS.items()}
        self._schema = self._arrow.schema(list(self._types.items()))
        self._no_rows = self._arrow.RecordBatch.from_pylist([], schema=self._schema)
        self.nothing = self._schema.empty_table()

    def newest(
        self,
        tx: Reading,
        part: Selection,
        wanted: RequestFilter,
        *,
        begin: UUID,
        before: UUID,
        limit: int,
        bytes_max: int,
    ) -> Found | None:
        """The newest requests of a part of the ledger from ``begin`` to ``before``: so many,
        and so many bytes of CSV, unless the first alone is larger. None: to find them takes
        longer than a statement may."""
        query = _QUERIES[part.whole, wanted.by_measure]
        bounds = {"begin": begin, "before": before, "limit": limit}
        sheet = tx.csv(query, part.values | store.asked(wanted) | bounds, bytes_max)
        if sheet is None:
            return None
        table = self._table(sheet.text)
        return Found(table, len(sheet.text), sheet.whole and len(table) < limit)

    def stream(self, tables: Iterable[Any]) -> Iterator[bytes]:
        """Tables as one stream of Arrow's IPC format, a piece for each, also for one of no
        rows: whoever waits hears that there is an end to come.

        Its end is marked only when all tables are in it, so that a stream that broke off is
        not taken for a whole one.
        """
        written = io.BytesIO()
        writer = self._ipc.new_stream(written, self._schema)
        for table in tables:
            for batch in table.to_batches() or [self._no_rows]:
                writer.write_batch(batch)
            yield _taken(written)
        writer.close()
        yield _taken(written)

    def _table(self, sheet: bytes) -> Any:
        return self._csv.read_csv(
            self._arrow.BufferReader(sheet),
            # one block, because a line may be as long as a context
            read_options=self._csv.ReadOptions(use_threads=False, block_size=len(sheet) + 1),
            parse_options=self._csv.ParseOptions(newlines_in_values=True),
            convert_options=self._csv.ConvertOptions(
                column_types=self._types,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )


def _taken(written: io.BytesIO) -> bytes:
    piece = written.getvalue()
    written.seek(0)
    written.truncate()
    return piece
