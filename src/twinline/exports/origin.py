"""What the documents of a bundle are made from."""

from typing import NamedTuple
from urllib.parse import quote

from twinline.language.records import (
    Bundle,
    Dataset,
    Evaluation,
    ModelVersion,
    Pairing,
    PromptVersion,
    Run,
)
from twinline.language.refs import Ref


class Origin(NamedTuple):
    """A bundle, both its sides, and what is known of where they came from."""

    bundle: Bundle
    model: ModelVersion
    prompt: PromptVersion
    run: Run | None = None
    datasets: tuple[Dataset, ...] = ()
    pairing: Pairing | None = None
    evaluations: tuple[Evaluation, ...] = ()


def uri(ref: Ref | str) -> str:
    """A reference as RFC 3986 wants it: model names may hold spaces and any script."""
    scheme, _, rest = str(ref).partition(":/")
    return f"{scheme}:/{escaped(rest)}"


def escaped(text: str) -> str:
    """Text that any URI may end in; slashes and ``@`` stay."""
    return quote(text, safe="/@")
