"""Environments, what has to be passed in them, and labels that not everybody may move."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Response
from pydantic import Field

from twinline.access.rules import Permission
from twinline.db.session import Reading
from twinline.environments import actions as environments
from twinline.language.errors import TwinlineError
from twinline.language.records import NewRequirement, ProtectedLabel, Requirement
from twinline.prompts import labels
from twinline.suites import actions as suites
from twinline.web import forms, rendering
from twinline.web.gate import Reader, Sender, Visitor, sender
from twinline.web.page import Page
from twinline.web.problems import page_router

router = page_router()
SuiteSender = Annotated[Sender, sender(Permission.SUITES)]

SUITES, HERE = 100, "/settings/environments"


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
    suites: tuple[str, ...] = Field(description="Suites that can be required.")
    protected: tuple[ProtectedLabel, ...] = Field(
        title="protected labels",
        description="Labels that only releasers and admins may move, everywhere or in a folder of "
        "prompts.",
    )
    typed: Mapping[str, str] = Field(
        title="new requirement", description="The suite, where it has to be passed, and why."
    )
    wrong: str = Field(description="Why nothing was changed.")


@router.get(HERE)
def environment_settings(by: Reader) -> Response:
    """Environments and their requirements."""
    return _answer(by, {}, "", 200)


@router.post(f"{HERE}/require")
def require(by: SuiteSender) -> Response:
    """Require a suite somewhere."""
    sent = {name: by.fields.text(name).strip() for name in ("suite", "place", "reason")}
    try:
        wanted = forms.filled(NewRequirement, {"place": sent["place"], "reason": sent["reason"]})
        with by.writing() as tx:
            suites.require(tx, sent["suite"], wanted)
    except TwinlineError as refused:
        return _answer(by, sent, refused.detail, refused.status)
    return forms.done(HERE, "required")


@router.post(f"{HERE}/release")
def release(by: SuiteSender) -> Response:
    """Require a suite somewhere no more."""
    sent = {name: by.fields.text(name).strip() for name in ("suite", "place", "reason")}
    try:
        wanted = forms.filled(NewRequirement, {"place": sent["place"], "reason": sent["reason"]})
        with by.writing() as tx:
            suites.release(tx, sent["suite"], wanted.place, wanted.reason)
    except TwinlineError as refused:
        return _answer(by, sent, refused.detail, refused.status)
    return forms.done(HERE, "released")


def _answer(by: Visitor, typed: Mapping[str, str], wrong: str, status: int) -> Response:
    with by.reading() as tx:
        page = _page(tx, typed, wrong)
    return rendering.answer(by, page, status)


def _page(tx: Reading, typed: Mapping[str, str], wrong: str) -> EnvironmentSettingsPage:
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
        typed={"suite": "", "place": "", "reason": ""} | dict(typed),
        wrong=wrong,
    )
