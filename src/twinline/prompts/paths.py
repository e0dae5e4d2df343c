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
        if version is not None and label is not None:
            raise Invalid(
                f"Version {version} and label {label!r} were both given, and may be two; leave "
                "one of them out.",
                field="label",
                value=label,
            )
        if version is not None:
            return PromptVersionRef(name, version)
        return PromptLabelRef(name, label or default)

    return read


Newest = Annotated[Meant, meant(LATEST)]
"""The version that is meant; the newest when nothing says which."""
