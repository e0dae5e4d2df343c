"""Which prompt an address names, and which version of it is meant."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Path, Query
from fastapi.params import Depends as Dependency

from twinline.language.errors import Invalid
from twinline.language.names import LATEST, Label, Name
from twinline.language.records import Number
from twinline.language.refs import PromptLabelRef, PromptVersionRef

PathName = Annotated[Name, Path(description="Slashes may be sent as they are or encoded.")]
Meant = PromptVersionRef | PromptLabelRef


def meant(default: str) -> Dependency:
    """The version that an address means by number or label, or by the label ``default``."""
    return Depends(_reader(default))


def newest(
    name: PathName,
    version: Annotated[Number | None, Query(description="A version's number.")] = None,
    label: Annotated[Label | None, Query(description="A label.")] = None,
    environment: Annotated[
        Label | None, Query(description="The same as the label of that name.")
    ] = None,
) -> Meant:
    """The one version that is meant; the newest when nothing says which."""
    return _meant(name, LATEST, version=version, label=label, environment=environment)


def _reader(default: str) -> Callable[..., Meant]:
    def read(
        name: PathName,
        version: Annotated[
            Number | None, Query(description="A version's number; not together with `label`.")
        ] = None,
        label: Annotated[
            Label | None,
            Query(description=f"A label; `{default}` when neither this nor `version` is given."),
        ] = None,
    ) -> Meant:
        return _meant(name, default, version=version, label=label)

    return read


def _meant(name: str, default: str, *, version: int | None, **labels: str | None) -> Meant:
    given = {key: one for key, one in {"version": version, **labels}.items() if one is not None}
    if len(given) > 1:
        *first, last = (f"{key} {one!r}" for key, one in given.items())
        raise Invalid(
            f"{', '.join(first).capitalize()} and {last} were given together, and may be "
            "different versions; give one of them.",
            field=next(reversed(given)),
            value=next(reversed(given.values())),
        )
    if version is not None:
        return PromptVersionRef(name, version)
    return PromptLabelRef(name, next((one for one in labels.values() if one), default))


Newest = Annotated[Meant, Depends(newest)]
"""The version that is meant; the newest when nothing says which."""
