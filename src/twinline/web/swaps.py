"""What one pair in the place of another changes, on each side, and what is known about it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from twinline.bundles import actions as bundles
from twinline.db.session import Reading
from twinline.language.records import Bundle, ModelVersion, PairPreflight
from twinline.language.refs import BundleRef, ModelVersionRef, PromptVersionRef
from twinline.models import actions as models
from twinline.prompts import comparing
from twinline.web import pictures

FACTS_MOST = 40
"""Facts that differ between two model versions, as many as are shown."""
_CONTEXT = 3


@dataclass(frozen=True)
class Fact:
    """Something that is otherwise; empty: not there."""

    name: str
    was: str
    becomes: str


@dataclass(frozen=True)
class Texts:
    """What differs between two prompts: in a few words, and drawn."""

    summary: str
    drawn: Markup


@dataclass(frozen=True)
class Swap:
    """A pair that would come in the place of another; ``old`` is None where nothing is live.

    ``made`` says whether somebody made the bundle already, so that it has a page; ``texts``
    is None where the prompt stays.
    """

    old: Bundle | None
    pair: PairPreflight
    made: bool
    texts: Texts | None
    facts: tuple[Fact, ...]
    facts_left_out: int

    @property
    def same_model(self) -> bool:
        """Whether the model stays."""
        return self.old is not None and self.old.model == self.pair.model

    @property
    def same_prompt(self) -> bool:
        """Whether the prompt stays."""
        return self.old is not None and self.old.prompt == self.pair.prompt


def of_pairs(tx: Reading, pairs: Iterable[PairPreflight]) -> tuple[Swap, ...]:
    """What pairs change that come in the place of those that they replace."""
    every = tuple(pairs)
    known = bundles.read_all(tx, {ref for one in every for ref in (one.bundle, one.replaces)})
    return tuple(swap(tx, known.get(one.replaces), one, known) for one in every)


def swap(
    tx: Reading, old: Bundle | None, pair: PairPreflight, known: Mapping[BundleRef, Bundle]
) -> Swap:
    """What a pair changes that comes in the place of a bundle; ``known`` are those made."""
    facts = tuple(_facts(tx, old, pair))
    return Swap(
        old=old,
        pair=pair,
        made=pair.bundle in known,
        texts=_texts(tx, old.prompt if old else None, pair.prompt),
        facts=facts[:FACTS_MOST],
        facts_left_out=max(0, len(facts) - FACTS_MOST),
    )


def _texts(tx: Reading, old: PromptVersionRef | None, new: PromptVersionRef) -> Texts | None:
    if old is None or old == new:
        return None
    found = comparing.compare(tx, new.name, str(old), str(new), context=_CONTEXT)
    return Texts(found.summary, pictures.diff(found))


def _facts(tx: Reading, old: Bundle | None, pair: PairPreflight) -> Iterator[Fact]:
    if old is None:
        return
    yield from _differing("parameter", old.parameters, pair.parameters)
    if old.model and old.model != pair.model:
        was, becomes = (_told(tx, ref) for ref in (old.model, pair.model))
        yield from _differing("", was, becomes)


def _told(tx: Reading, ref: ModelVersionRef) -> Mapping[str, object]:
    found: ModelVersion = models.read_version(tx, ref)
    own = {
        "source": found.source_uri,
        "run": str(found.run or ""),
        "pinned": "yes" if found.pinned else "no, the provider may change what answers",
    }
    more = {f"metric {name}": f"{value:.4g}" for name, value in found.metrics.items()}
    return own | more | {f"param {name}": value for name, value in found.params.items()}


def _differing(
    kind: str, was: Mapping[str, object], becomes: Mapping[str, object]
) -> Iterator[Fact]:
    for name in dict.fromkeys([*was, *becomes]):
        before, after = (str(side.get(name, "")) for side in (was, becomes))
        if before != after:
            yield Fact(f"{kind} {name}".strip(), before, after)
