"""What one pair in the place of another changes, on each side, and what is known about it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

from markupsafe import Markup

from twinline.bundles import actions as bundles
from twinline.db.session import Reading
from twinline.language.records import Bundle, PairPreflight
from twinline.language.refs import BundleRef, PromptVersionRef
from twinline.models import actions as models
from twinline.prompts import comparing
from twinline.web import facts, pictures
from twinline.web.facts import Difference

PAIRS_MOST = 50
"""Pairs of a page that are looked at in full."""

DIFFERENCES_MOST = 40
"""Facts that differ between two pairs, as many as are shown."""
_CONTEXT = 3


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
    differences: tuple[Difference, ...]
    differences_left_out: int

    @property
    def same_model(self) -> bool:
        """Whether the model stays."""
        return self.old is not None and self.old.model == self.pair.model

    @property
    def same_prompt(self) -> bool:
        """Whether the prompt stays."""
        return self.old is not None and self.old.prompt == self.pair.prompt


def of_pairs(tx: Reading, pairs: Sequence[PairPreflight]) -> tuple[Swap, ...]:
    """What pairs change that come in the place of those that they replace, up to
    `PAIRS_MOST`."""
    (found,) = of_slots(tx, [pairs])
    return found


def of_slots(tx: Reading, slots: Sequence[Sequence[PairPreflight]]) -> tuple[tuple[Swap, ...], ...]:
    """Likewise slot by slot, `PAIRS_MOST` in all; two prompts are compared once."""
    looked_at = tuple(_first(slots))
    refs = {ref for pairs in looked_at for one in pairs for ref in (one.bundle, one.replaces)}
    known = bundles.read_all(tx, refs)
    texts = cache(partial(_texts, tx))
    return tuple(
        tuple(_swap(tx, known.get(one.replaces), one, known, texts) for one in pairs)
        for pairs in looked_at
    )


def _first(slots: Iterable[Sequence[PairPreflight]]) -> Iterator[Sequence[PairPreflight]]:
    left = PAIRS_MOST
    for pairs in slots:
        yield pairs[:left]
        left -= len(pairs[:left])


def swap(
    tx: Reading, old: Bundle | None, pair: PairPreflight, known: Mapping[BundleRef, Bundle]
) -> Swap:
    """What a pair changes that comes in the place of a bundle; ``known`` are those made."""
    return _swap(tx, old, pair, known, partial(_texts, tx))


def _swap(
    tx: Reading,
    old: Bundle | None,
    pair: PairPreflight,
    known: Mapping[BundleRef, Bundle],
    texts: Callable[[PromptVersionRef | None, PromptVersionRef], Texts | None],
) -> Swap:
    differences = tuple(_differences(tx, old, pair))
    return Swap(
        old=old,
        pair=pair,
        made=pair.bundle in known,
        texts=texts(old.prompt if old else None, pair.prompt),
        differences=differences[:DIFFERENCES_MOST],
        differences_left_out=max(0, len(differences) - DIFFERENCES_MOST),
    )


def _texts(tx: Reading, old: PromptVersionRef | None, new: PromptVersionRef) -> Texts | None:
    if old is None or old == new:
        return None
    found = comparing.compare(tx, new.name, str(old), str(new), context=_CONTEXT)
    return Texts(found.summary, pictures.diff(found))


def _differences(tx: Reading, old: Bundle | None, pair: PairPreflight) -> Iterator[Difference]:
    if old is None:
        return
    called = (facts.of_parameters(one.parameters, "called with") for one in (old, pair))
    yield from facts.differences(*called, every=False)
    if old.model and old.model != pair.model:
        versions = (models.read_version(tx, ref) for ref in (old.model, pair.model))
        told = (facts.of_model_version(one, None) for one in versions)
        yield from facts.differences(*told, every=False)
