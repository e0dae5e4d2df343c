"""The pages, a file for each thing that people look at.

Each makes its page from the actions that the API uses. A file's more particular addresses
come before those whose names may hold slashes.
"""

from fastapi import APIRouter

from twinline.web.pages import (
    assets,
    audit,
    bundles,
    changes,
    compare,
    deploying,
    environments,
    evaluations,
    experiments,
    impact,
    inference,
    inferences,
    lineage,
    login,
    models,
    overview,
    prompt_labels,
    prompt_versions,
    prompts,
    recalls,
    rolling_back,
    search,
    settings,
    settings_environments,
    settings_server,
    slot_deployments,
    slots,
    write,
)

_FILES = (
    deploying,
    rolling_back,
    slot_deployments,
    prompt_labels,
    prompt_versions,
    assets,
    audit,
    bundles,
    changes,
    compare,
    environments,
    evaluations,
    experiments,
    impact,
    inference,
    inferences,
    lineage,
    login,
    models,
    overview,
    prompts,
    recalls,
    search,
    settings,
    settings_environments,
    settings_server,
    slots,
    write,
)


def router() -> APIRouter:
    """All pages."""
    made = APIRouter(include_in_schema=False)
    for one in _FILES:
        made.include_router(one.router)
    return made
