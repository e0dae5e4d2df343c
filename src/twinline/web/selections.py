"""Which requests a page is narrowed to: what its address says, as it was typed and as it is meant.

Two pages ask it, and their CSV: all of them from the same fields. The audit log asks when.
"""

from dataclasses import asdict, dataclass
from typing import Annotated, NamedTuple

from fastapi import Depends, Query
from fastapi.responses import StreamingResponse

from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.environments import actions as environments
from twinline.language.errors import Invalid
from twinline.language.records import RequestFilter
from twinline.lineage import spreadsheet
from twinline.lineage.spreadsheet import OpenReading, ScopeOf
from twinline.web import forms

LENGTH = 1000
"""Characters of a field."""

SLOTS_SHOWN = 200
"""Slots that a field proposes."""

FieldText = Annotated[str, Query(max_length=LENGTH)]


class Moment(NamedTuple):
    """A field of date and time, to the second, because links to here are that exact; a field of
    text with what is no moment, which no other shows again."""

    kind: str
    value: str


@dataclass(frozen=True)
class When:
    """From when and up to when, as it was typed; whatever else narrows a list adds its fields."""

    begin: str = ""
    end: str = ""

    @property
    def query(self) -> dict[str, str]:
        """As the address says it."""
        said = asdict(self)
        return {"from": said.pop("begin"), "to": said.pop("end"), **said}

    @property
    def narrows(self) -> bool:
        """Whether anything is left out by it."""
        return any(value.strip() for value in self.query.values())

    @property
    def fields(self) -> tuple["Moment", "Moment"]:
        """From when and to when, as fields of a form."""
        return _as_field(self.begin), _as_field(self.end)


@dataclass(frozen=True)
class Where(When):
    """Where and when requests were served, as it was typed."""

    environment: str = ""
    slot: str = ""

    def values(self) -> dict[str, object]:
        """The fields of a `RequestFilter`.

        Raises:
            Invalid: a moment is none.
        """
        return {
            "environment": self.environment.strip() or None,
            "slot": _slot(self.slot.strip()),
            "begin": forms.moment(self.begin, "from"),
            "end": forms.moment(self.end, "to"),
        }

    def filter(self) -> RequestFilter:
        """What is meant.

        Raises:
            Invalid: a field says what cannot be.
        """
        return forms.filled(RequestFilter, self.values())


@dataclass(frozen=True)
class WhereAndHow(Where):
    """Where and when requests were served, and what came of them, as it was typed."""

    status: str = ""
    score_min: str = ""
    score_max: str = ""

    def values(self) -> dict[str, object]:
        """The fields of a `RequestFilter`."""
        measures = {
            name: getattr(self, name).strip() or None
            for name in ("status", "score_min", "score_max")
        }
        return {**super().values(), **measures}


def where(
    environment: FieldText = "",
    slot: FieldText = "",
    begin: Annotated[str, Query(alias="from", max_length=LENGTH)] = "",
    end: Annotated[str, Query(alias="to", max_length=LENGTH)] = "",
) -> Where:
    """Where and when, by the address."""
    return Where(begin=begin, end=end, environment=environment, slot=slot)


def where_and_how(
    place: Annotated[Where, Depends(where)],
    status: FieldText = "",
    score_min: FieldText = "",
    score_max: FieldText = "",
) -> WhereAndHow:
    """Where, when and with what outcome, by the address."""
    return WhereAndHow(**asdict(place), status=status, score_min=score_min, score_max=score_max)


AskedWhere = Annotated[Where, Depends(where)]
AskedWhereAndHow = Annotated[WhereAndHow, Depends(where_and_how)]


@dataclass(frozen=True)
class Choices:
    """What can be chosen: environments, and slots as people write them."""

    environments: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()


def choices(tx: Reading) -> Choices:
    """The environments where anything ever changed, and the first slots."""
    slots = deployments.list_slots(tx, None, cursor=None, limit=SLOTS_SHOWN)
    known = dict.fromkeys(one.environment for one in slots.items) | dict.fromkeys(
        environments.versions(tx)
    )
    return Choices(tuple(sorted(known)), tuple(one.ref.short for one in slots.items))


def csv(
    reading: OpenReading, scope: ScopeOf, wanted: RequestFilter, name: str
) -> StreamingResponse:
    """Every request of a scope as CSV, however many there are, to be kept as a file."""
    lines = spreadsheet.lines(reading, scope, wanted)
    first = next(lines)  # what is wrong with the question is said before the answer begins
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    return StreamingResponse(
        spreadsheet.after(first, lines), media_type="text/csv; charset=utf-8", headers=headers
    )


def _slot(text: str) -> str | None:
    return None if not text else text if ":/" in text else f"routes:/{text}"


def _as_field(text: str) -> Moment:
    try:
        return Moment("datetime-local", forms.field_moment(forms.moment(text, "")))
    except (Invalid, OverflowError):
        return Moment("text", text)
