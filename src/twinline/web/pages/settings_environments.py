"""Environments, what has to be passed in them, and labels that not everybody may move."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Response
from pydantic import Field

from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.environments import actions as environments
from twinline.language.records import NewRequirement, ProtectedLabel, Requirement
from twinline.prompts import labels
from twinline.suites import actions as suites
from twinline.web import deeds, forms, rendering
from twinline.web.deeds import Deed, Typed
from twinline.web.gate import Fields, Reader, Refused, Sender, SentFields, trying
from twinline.web.page import Page
from twinline.web.problems import page_router

router = page_router()
SuiteSender = Annotated[Sender | Refused, trying(Permission.SUITES)]

HERE = "/settings/environments"

SUITES = 100
"""Suites whose names are offered while one is typed."""


@dataclass(frozen=True)
class Environment:
    """An environment, the version of what is live in it, and since when it is that."""

    name: str
    version: int
    changed_at: datetime


@dataclass(frozen=True)
class Required:
    """A suite that has to be passed somewhere."""

    suite: str
    requirement: Requirement


class EnvironmentSettingsPage(Page, template="settings_environments.html"):
    """Environments and their requirements."""

    heading = "Settings: environments"

    environments: tuple[Environment, ...] = Field(
        description="Where something was ever live. The version grows with everything that changes "
        "what is live there."
    )
    required: tuple[Required, ...] = Field(
        title="requirements",
        description="Suites that a bundle has to have passed before it can be deployed to an "
        "environment or slot. What is live stays live, and going back is never held up.",
    )
    suites: tuple[str, ...] = Field(
        description=f"Suites that can be required, the first {SUITES} by name; any other is typed."
    )
    protected: tuple[ProtectedLabel, ...] = Field(
        title="protected labels",
        description="Labels that only releasers and admins may move, everywhere or in a folder of "
        "prompts.",
    )
    typed: Mapping[str, str] = Field(
        title="new requirement", description="The suite, where it has to be passed, and why."
    )
    releasing: bool = Field(
        title="release", description="Whether that was typed to release a suite."
    )
    deed: Deed = Field(
        title="the forms", description="Why nothing was changed; each is carried out once."
    )


@router.get(HERE)
def environment_settings(by: Reader) -> Response:
    """Environments and their requirements."""
    with by.reading() as tx:
        page = _page(tx, deeds.FIRST)
    return rendering.answer(by, page)


@router.post(f"{HERE}/require")
def require(sent: SentFields, by: SuiteSender) -> Response:
    """Require a suite somewhere."""

    def act(tx: Writing) -> tuple[str, str]:
        suites.require(tx, sent.text("suite").strip(), _wanted(sent))
        return HERE, "required"

    return deeds.carried_out(by, sent, act, _page)


@router.post(f"{HERE}/release")
def release(sent: SentFields, by: SuiteSender) -> Response:
    """Require a suite somewhere no more."""

    def act(tx: Writing) -> tuple[str, str]:
        wanted = _wanted(sent)
        suites.release(tx, sent.text("suite").strip(), wanted.place, wanted.reason)
        return HERE, "released"

    def again(tx: Reading, typed: Typed) -> Page:
        return _page(tx, typed, releasing=True)

    return deeds.carried_out(by, sent, act, again)


def _wanted(sent: Fields) -> NewRequirement:
    values = {name: sent.text(name).strip() for name in ("place", "reason")}
    return forms.filled(NewRequirement, values)


def _page(tx: Reading, typed: Typed, *, releasing: bool = False) -> EnvironmentSettingsPage:
    return EnvironmentSettingsPage(
        environments=tuple(
            Environment(name, version.number, version.changed_at)
            for name, version in sorted(environments.versions(tx).items())
        ),
        required=tuple(
            Required(suite.name, one)
            for suite in suites.required_anywhere(tx)
            for one in suite.required_in
        ),
        suites=tuple(one.name for one in suites.list_suites(tx, cursor=None, limit=SUITES).items),
        protected=labels.protections(tx).items,
        typed={name: typed.fields.text(name) for name in ("suite", "place", "reason")},
        releasing=releasing,
        deed=deeds.deed(tx, typed, "", ()),
    )
