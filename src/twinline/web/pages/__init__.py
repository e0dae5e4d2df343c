"""The pages, a file for each thing that people look at.

Each makes its page from the actions that the API uses. A file's more particular addresses
come before those whose names may hold slashes.
"""

from fastapi import APIRouter

from twinline.web.pages import (
    assets,
    audit,
    changes,
    deploying,
    environments,
    experiments,
    impact,
    inference,
    inferences,
    login,
    overview,
    recalls,
    rolling_back,
    search,
    slot_deployments,
    slots,
)

_FILES = (
    deploying,
    rolling_back,
    slot_deployments,
    assets,
    audit,
    changes,
    environments,
    experiments,
    impact,
    inference,
    inferences,
    login,
    overview,
    recalls,
    search,
    slots,
from twinline.web.pages import assets, audit, compare, login, write

_FILES = (
    assets,
    audit,
    compare,
    login,
    write,
)


def router() -> APIRouter:
    """All pages."""
    made = APIRouter(include_in_schema=False)
    for one in _FILES:
        made.include_router(one.router)
    return made
