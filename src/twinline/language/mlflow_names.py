"""MLflow's own names, read out of what the catalog calls what came from there.

The inverse of `twinline.mirror.naming.catalog_name`, for programs that ask MLflow: names in
MLflow hold no slash, the catalog's say by folders of which server and workspace they are,
and by a last ``recreated-2`` that others bore the name before.
"""

import re

from pydantic import TypeAdapter, ValidationError

from twinline.language.names import Name

MIRRORED_PROMPTS = "mlflow"
"""The folder of the prompts that were read from MLflow."""
PREFIX = "prompt-"
"""What stands before the name of a prompt that would be no name in the catalog."""

_again = re.compile(r"recreated-[1-9][0-9]*")
_name: TypeAdapter[str] = TypeAdapter(Name)


def model_in_mlflow(name: str) -> tuple[tuple[str, ...], str]:
    """The folders, if any (server, workspace), and MLflow's own name for a model."""
    *folders, own = name.split("/")
    if folders and _again.fullmatch(own):
        *folders, own = folders
    return tuple(folders), own


def prompt_in_mlflow(name: str) -> frozenset[str]:
    """What MLflow may call a prompt: nothing, if it did not come from there, else one name,
    or two where its own may have got a prefix here."""
    folders, own = model_in_mlflow(name)
    if folders[:1] != (MIRRORED_PROMPTS,):
        return frozenset()
    bare = own.removeprefix(PREFIX)
    return frozenset({own} if _is_name("/".join((*folders, bare))) else {own, bare})


def _is_name(name: str) -> bool:
    try:
        _name.validate_python(name)
    except ValidationError:
        return False
    return True
