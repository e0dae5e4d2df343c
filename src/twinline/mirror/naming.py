"""What the catalog calls what MLflow calls otherwise. Names in MLflow hold no slash."""

from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from twinline.language.names import Name
from twinline.language.records import MirrorKind

DEFAULT = "default"
"""The server that ``TWINLINE_MLFLOW_URL`` names, and the workspace that every server has."""

_name: TypeAdapter[str] = TypeAdapter(Name)


class Place(NamedTuple):
    """One workspace of an MLflow server."""

    server: str
    workspace: str

    def __str__(self) -> str:
        return self.server if self.workspace == DEFAULT else f"{self.server}/{self.workspace}"


def catalog_name(place: Place, kind: MirrorKind, name: str) -> str:
    """What the catalog calls a model or prompt that was never made again.

    In the default workspace of the default server a model keeps its name, elsewhere the
    place stands before it. Prompts stand in the folder ``mlflow``, beside those of our own
    registry; what would be no name of a prompt there (``2024``, ``latest``, ``_x``) gets
    ``prompt-`` before it.
    """
    folders = [] if place == (DEFAULT, DEFAULT) else str(place).split("/")
    if kind == "model":
        return "/".join([*folders, name])
    in_folder = "/".join(["mlflow", *folders, name])
    try:
        return _name.validate_python(in_folder)
    except ValidationError:
        return "/".join(["mlflow", *folders, f"prompt-{name}"])


def recreated(name: str, times: int) -> str:
    """The catalog's name for what bears a name that ``times`` others bore before."""
    return f"{name}/recreated-{times + 1}" if times else name
