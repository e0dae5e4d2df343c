"""The kill switches in force that reach a slot."""

from collections.abc import Iterator
from typing import NamedTuple

from twinline.db.session import Reading
from twinline.kills import actions as kills
from twinline.language.records import Deployment, Kill
from twinline.language.refs import SlotRef
from twinline.routing.policy import read_policy


class Stopped(NamedTuple):
    """A kill switch in force that reaches a slot."""

    what: str
    switch: Kill


def reaching(tx: Reading, slot: SlotRef, live: Deployment | None) -> Iterator[Stopped]:
    """Those on everything, on the slot, and on what is live in it."""
    named = {"Everything": kills.EVERYTHING, "This slot": str(slot)}
    if live:
        for ref in read_policy(live.policy).bundles():
            named[f"The bundle {ref.digest[:12]}"] = str(ref)
    standing = kills.switches(tx)
    for what, subject in named.items():
        if subject in standing:
            yield Stopped(what, standing[subject])
