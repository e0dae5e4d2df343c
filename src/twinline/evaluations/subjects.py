"""What can be evaluated: a bundle, or one of its sides."""

from twinline.bundles import actions as bundles
from twinline.db.session import Reading
from twinline.language.errors import Invalid
from twinline.language.records import EvaluationSubject
from twinline.language.refs import (
    BundleRef,
    ModelAliasRef,
    ModelVersionRef,
    PromptLabelRef,
    PromptVersionRef,
    Ref,
    parse_ref,
)
from twinline.models import actions as models
from twinline.prompts import actions as prompts


def find(tx: Reading, ref: Ref) -> EvaluationSubject:
    """The exact reference of what ``ref`` names: labels, aliases and short digests are
    looked up.

    Raises:
        NotFound: there is no such version or bundle.
        Invalid: it is something that is not evaluated.
    """
    match ref:
        case BundleRef():
            return bundles.read(tx, ref).ref
        case PromptVersionRef() | PromptLabelRef():
            return prompts.read_version(tx, ref).ref
        case ModelVersionRef() | ModelAliasRef():
            return models.read_version(tx, ref).ref
        case _:
            raise Invalid(
                f"{ref} is not evaluated: name a prompt version, a model version or a bundle.",
                field="subject",
                value=str(ref),
            )


def read(tx: Reading, text: str) -> EvaluationSubject:
    """What somebody's text names.

    Raises:
        InvalidReference: it is no reference.
        NotFound, Invalid: as for `find`.
    """
    return find(tx, parse_ref(text))
