"""The pages, a file for each thing that people look at.

Each makes its page from the actions that the API uses. A file's more particular addresses
come before those whose names may hold slashes.
"""

from fastapi import APIRouter

from twinline.web.pages import (
    assets,
    audit,
    experiments,
    login,
    overview,
    settings,
    settings_environments,
    settings_server,
)

_FILES = (
    assets,
    audit,
    experiments,
    login,
    overview,
    settings,
    settings_environments,
    settings_server,
)


def router() -> APIRouter:
    """All pages."""
    made = APIRouter(include_in_schema=False)
    for one in _FILES:
        made.include_router(one.router)
    return made
