"""Look at, set and remove one alias of a registered model at an MLflow server.

MLflow knows no compare-and-set and keeps no history of an alias, so each of these looks
again after it wrote, and says where the alias was found. Each is one conversation under the
server's deadline.
"""

from twinline.language.errors import NotFound, VersionChanged
from twinline.mirror import answers
from twinline.mirror.asking import Asking
from twinline.mirror.naming import DEFAULT
from twinline.mirror.remote import MlflowServer


class _Done(answers.Answer):
    """What MLflow answers to a write: nothing that we read."""


def alias_at(
    server: MlflowServer, model: str, alias: str, *, workspace: str = DEFAULT
) -> int | None:
    """The version that an alias is on, None when the model has no such alias.

    Raises:
        NotFound: MLflow has no such model.
        MlflowUnavailable: no answer in time, or not one that MLflow would give.
    """

    async def read(asking: Asking) -> int | None:
        return await _found(asking, model, alias)

    return server.ask(read, workspace=workspace)


def put_alias(
    server: MlflowServer,
    model: str,
    alias: str,
    number: int,
    source_uri: str,
    *,
    workspace: str = DEFAULT,
) -> int | None:
    """Set an alias to a version, and say on which it was found afterwards.

    ``source_uri`` is where the catalog knows the version to be: what bears its number in
    MLflow today may be another one.

    Raises:
        NotFound: MLflow has no such model or version.
        VersionChanged: its version of this number is another one than the catalog's.
        Invalid: it refuses the alias.
        MlflowUnavailable: no answer in time; the alias may be set all the same.
    """

    async def write(asking: Asking) -> int | None:
        await _refuse_another(asking, model, number, source_uri)
        body = {"name": model, "alias": alias, "version": str(number)}
        await asking.tell(_Done, "POST", "registered-models/alias", body)
        return await _found(asking, model, alias)

    return server.ask(write, workspace=workspace)


def remove_alias(
    server: MlflowServer,
    model: str,
    alias: str,
    ours: frozenset[int],
    *,
    workspace: str = DEFAULT,
) -> bool:
    """Remove an alias while it is on one of ``ours``; whether it was there to remove.

    Raises:
        MlflowUnavailable: no answer in time; the alias may be gone all the same.
    """

    async def write(asking: Asking) -> bool:
        try:
            found = await _found(asking, model, alias)
        except NotFound:
            return False  # it went with its model
        if found not in ours:
            return False
        body = {"name": model, "alias": alias}
        await asking.tell(_Done, "DELETE", "registered-models/alias", body)
        return True

    return server.ask(write, workspace=workspace)


async def _found(asking: Asking, model: str, alias: str) -> int | None:
    found = await asking.ask(answers.RegisteredModelAnswer, "registered-models/get", name=model)
    if found is None:
        raise NotFound(
            f"MLflow has no model {model!r} any more; deploy a version of another one, or bring "
            "it back.",
            kind="MLflow model",
            name=model,
        )
    aliases = found.registered_model.aliases
    return next((one.version for one in aliases if one.alias == alias), None)


async def _refuse_another(asking: Asking, model: str, number: int, source_uri: str) -> None:
    found = await asking.ask(
        answers.VersionAnswer, "model-versions/get", name=model, version=str(number)
    )
    if found is None:
        raise NotFound(
            f"MLflow has no version {number} of the model {model!r} any more, so no alias can be "
            "set to it.",
            kind="MLflow model version",
            name=f"models:/{model}/{number}",
        )
    source = found.version.source
    if source and source != source_uri:
        raise VersionChanged(
            f"Version {number} of {model!r} in MLflow is {source!r}, but the one that is live here "
            f"was {source_uri!r}: it was made again under the same name, so no alias is set to it.",
            name=f"models:/{model}/{number}",
        )
