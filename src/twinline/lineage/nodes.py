"""Find the node that a reference means."""

from twinline.bundles import actions as bundles
from twinline.db.graph import find_node
from twinline.db.session import Reading
from twinline.deployments import actions as deployments
from twinline.language.errors import Invalid, NotFound
from twinline.language.refs import (
    BundleRef,
    CustomRef,
    DatasetRef,
    DeploymentRef,
    EvaluationRef,
    ModelAliasRef,
    ModelVersionRef,
    PromptLabelRef,
    PromptVersionRef,
    Ref,
    RunRef,
    SlotRef,
    parse_ref,
)
from twinline.models import actions as models
from twinline.prompts import actions as prompts


def find(tx: Reading, text: str) -> tuple[int, Ref]:
    """The id and the exact reference of the node that ``text`` means: labels, aliases and
    short digests are looked up.

    Raises:
        InvalidReference: ``text`` is no reference.
        Invalid: it is one of something that is no node.
        NotFound: there is no such node.
    """
    given = parse_ref(text)
    id = find_node(tx, given)
    if id is not None:
        return id, given
    ref = _exact(tx, given)
    id = find_node(tx, ref)
    if id is None:
        raise NotFound(f"There is no {ref}.", kind="node", name=str(ref))
    return id, ref


def _exact(tx: Reading, ref: Ref) -> Ref:
    match ref:
        case PromptVersionRef() | PromptLabelRef():
            return prompts.read_version(tx, ref).ref
        case ModelVersionRef() | ModelAliasRef():
            return models.read_version(tx, ref).ref
        case BundleRef():
            return bundles.read(tx, ref).ref
        case SlotRef():
            return deployments.read_slot(tx, ref).ref
        case RunRef():
            return models.read_run(tx, ref.id).ref
        case DatasetRef():
            return models.read_dataset(tx, ref).ref
        case DeploymentRef() | EvaluationRef() | CustomRef():
            return ref
        case _:
            raise Invalid(
                f"{ref} is no node of the graph: ask for the bundle of an inference, or "
                "`explain` it.",
                field="node",
                value=str(ref),
            )
