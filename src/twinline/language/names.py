"""Which names are allowed, as types that say so to pydantic and to the OpenAPI.

Names that we give (prompts, routes, environments, labels) are plain words joined by
slashes. Model names are MLflow's or a provider's, so they may hold almost anything.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$"
LABEL_PATTERN = r"^([A-Za-z]|[0-9]+[A-Za-z._-])[A-Za-z0-9._-]*$"
SEMANTIC_PATTERN = r"^v?[0-9]+(\.[0-9]+){1,2}(-[0-9A-Za-z.-]+)?$"
ENVIRONMENT_PATTERN = r"^[a-z0-9][a-z0-9_-]*$"
FREE_NAME_PATTERN = r"^[^\x00-\x1f\x7f-\x9f/]+(/[^\x00-\x1f\x7f-\x9f/]+)*$"

RESERVED = frozenset(
    {"access", "deployments", "diff", "explain", "export", "history", "import", "kill", "labels"}
    | {"latest", "ramp", "rollback", "versions"}
)
"""Last segments that are parts of our URLs, so no name may end in them.

A further word would make what has such a name unreadable: what is new is read below one of
these, as ``versions/outdated``, or is no address that a name could have, as what is posted to.
"""


def _ends_unlike_a_url(name: str) -> str:
    last = name.rpartition("/")[2]
    if last in RESERVED or last.isdigit():
        raise ValueError(f"a name may not end in {last!r}: that is read as part of the address")
    return name


def _no_number(label: object) -> object:
    if isinstance(label, str) and label.isdecimal():
        raise ValueError(
            f"a label may not be a number: {label!r} would read as a version; say v{label}"
        )
    return label


def _survives_in_a_url(name: str) -> str:
    folders = name.split("/")
    if {".", ".."} & set(folders) or (len(folders) > 1 and folders[-1] == "versions"):
        raise ValueError("a name may hold no folder . or .., and none may end in /versions")
    return name


Name = Annotated[
    str,
    Field(
        pattern=NAME_PATTERN,
        max_length=200,
        examples=["support/answer"],
        description="Letters, digits and `. _ -`; folders by slash.",
    ),
    AfterValidator(_ends_unlike_a_url),
]
"""A prompt's or route's name: letters, digits, ``. _ -``, folders by slash."""

Domain = Annotated[str, Field(pattern=NAME_PATTERN, max_length=200, examples=["support"])]
"""A folder of prompts: those whose names begin with it and a slash."""

Environment = Annotated[
    str,
    Field(
        pattern=ENVIRONMENT_PATTERN,
        max_length=50,
        examples=["production"],
        description="An environment: `dev`, `staging`, `production` or any other lower-case word.",
    ),
]
"""``dev``, ``staging``, ``production`` or any other lower-case word."""

Label = Annotated[
    str,
    BeforeValidator(_no_number),
    Field(
        pattern=LABEL_PATTERN,
        max_length=100,
        examples=["production"],
        description="Letters, digits and `. _ -`; never digits alone.",
    ),
]
"""A movable name on a version; never only digits, which would read as a version."""

Word = Annotated[
    str,
    Field(
        pattern=LABEL_PATTERN,
        max_length=100,
        examples=["control"],
        description="Letters, digits and `. _ -`; never digits alone.",
    ),
]
"""What a rule or an arm of a policy is called; never only digits."""

FreeName = Annotated[
    str,
    Field(
        pattern=FREE_NAME_PATTERN,
        max_length=256,
        examples=["churn"],
        description="As its registry says it, without control characters; folders by slash.",
    ),
    AfterValidator(_survives_in_a_url),
]
"""A model's or dataset's name, as its registry gives it: no control characters, and
nothing that an address could not carry."""

LATEST = "latest"
"""The label that the system keeps on the highest version of each prompt."""

_semantic = re.compile(SEMANTIC_PATTERN)


def is_semantic(label: str) -> bool:
    """Whether a label is a semantic version, as ``1.2.0``: which stays where it was put."""
    return _semantic.fullmatch(label) is not None
