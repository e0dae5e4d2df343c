"""What is read from MLflow, question by question; each within whoever asks' deadline."""

from collections.abc import Collection
from typing import NamedTuple, TypeVar

from twinline.language.errors import AnswerTooLarge, Invalid, MlflowUnavailable, NotFound
from twinline.language.nearest import not_found
from twinline.language.records import MirrorKind, MlflowImport
from twinline.mirror import answers, rules
from twinline.mirror.asking import Asking
from twinline.mirror.rules import Facts

PAGES: dict[MirrorKind, int] = {"model": 1000, "prompt": 100}
"""Names or versions on a page. 1,000 is the most that MLflow gives of names; a prompt's text may
have 100,000 characters, and comes with its name too."""

Page = TypeVar("Page", bound=answers.Answer)


class Found(NamedTuple):
    """A version of a registered model, and what is known of how it was made."""

    model: answers.RegisteredModel
    version: answers.Version
    facts: Facts


async def wanted_version(server: Asking, wanted: MlflowImport) -> Found:
    """The version that is wanted, by number, by alias or the newest.

    Raises:
        NotFound: there is no such model, version or alias.
        Invalid: it is a prompt, or holds a name that our records refuse.
    """
    model = await registered_model(server, wanted.name)
    if model is None:
        raise not_found("MLflow model", wanted.name, await _names(server))
    number = rules.chosen_number(model, wanted)
    newest = model.newest or 0
    known = number <= newest  # a number beyond 64 bits would be an error of MLflow's database
    found = await version(server, model.name, number) if known else None
    if found is None:
        raise NotFound(
            f"The MLflow model {model.name!r} has no version {number}; its newest is {newest}.",
            kind="MLflow model version",
            name=f"models:/{model.name}/{number}",
            latest=newest,
        )
    return Found(model, found, await facts(server, found, {}))


async def registered_model(server: Asking, name: str) -> answers.RegisteredModel | None:
    """A registered model or a prompt; None when there is none of that name."""
    found = await server.ask(answers.RegisteredModelAnswer, "registered-models/get", name=name)
    return found.registered_model if found else None


async def version(server: Asking, name: str, number: int) -> answers.Version | None:
    """One version; None when there is none, which is so too once it is deleted."""
    found = await server.ask(
        answers.VersionAnswer, "model-versions/get", name=name, version=str(number)
    )
    return found.version if found else None


async def names(
    server: Asking, kind: MirrorKind, token: str, *, newest_first: bool = False
) -> answers.RegisteredModelsAnswer:
    """One page of models or of prompts, by name or from the one that moved last.

    Raises:
        AnswerTooLarge: the next one alone is too large to be read.
    """
    query = {"filter": _of_kind(kind)}
    if newest_first:
        query["order_by"] = "last_updated_timestamp DESC"
    if token:
        query["page_token"] = token
    return await _page(
        server, answers.RegisteredModelsAnswer, "registered-models/search", PAGES[kind], query
    )


async def versions(
    server: Asking, kind: MirrorKind, token: str, *, name: str | None = None
) -> answers.VersionsAnswer:
    """One page of the versions of a name in their order; of all names, from the version that
    moved last.

    Raises:
        AnswerTooLarge: the next one alone is too large to be read.
    """
    query = {"filter": _of_kind(kind)}
    if name is None:
        query["order_by"] = "last_updated_timestamp DESC"
    else:
        query["filter"] = f"name = {_quoted(name)} and {query['filter']}"
        query["order_by"] = "version_number ASC"
    if token:
        query["page_token"] = token
    return await _page(server, answers.VersionsAnswer, "model-versions/search", PAGES[kind], query)


async def renamed(
    server: Asking,
    kind: MirrorKind,
    created_ms: int,
    updated_ms: int,
    beside: Collection[str],
) -> answers.RegisteredModel | None:
    """What was made at ``created_ms`` and is called otherwise now; what stands ``beside`` it
    was made at the same moment, but is something else.

    To rename is a change, so it stands before whatever has not moved since ``updated_ms``.
    """
    token = ""
    while True:
        page = await names(server, kind, token, newest_first=True)
        for model in page.registered_models:
            if model.updated_ms < updated_ms:
                return None
            if model.created_ms == created_ms and model.name not in beside:
                return model
        token = page.next_page_token
        if not token:
            return None


async def facts(server: Asking, version: answers.Version, experiments: dict[str, str]) -> Facts:
    """The run that made a version and the model that it logged; ``experiments`` remembers
    the names of those that were asked for before."""
    return Facts(
        await _run(server, version.run_id, experiments),
        await _logged_model(server, version.logged_model),
    )


async def _page(
    server: Asking, kind: type[Page], path: str, size: int, query: dict[str, str]
) -> Page:
    """A page of ``size``, or of as many as are not too large together. The token of the next is
    an offset, so that it may have another size."""
    while True:
        try:
            return await server.ask(kind, path, max_results=str(size), **query) or kind()
        except AnswerTooLarge:
            if size == 1:
                raise
            size = max(1, size // 4)  # what was read in vain costs a third more, all together


async def _run(server: Asking, id: str, experiments: dict[str, str]) -> rules.RunFacts | None:
    if not id:
        return None
    found = await server.ask(answers.RunAnswer, "runs/get", run_id=id)
    if found is None:
        return rules.missing_run(id)
    of = found.run.info.experiment_id
    if of not in experiments:
        told = await server.ask(answers.ExperimentAnswer, "experiments/get", experiment_id=of)
        experiments[of] = told.experiment.name if told else ""
    return rules.run_facts(found.run, experiments[of])


async def _logged_model(server: Asking, id: str) -> answers.LoggedModel | None:
    found = await server.ask(answers.LoggedModelAnswer, f"logged-models/{id}") if id else None
    return found.model if found else None


async def _names(server: Asking) -> list[str]:
    """Some names to suggest; none if MLflow will not list them."""
    try:
        page = await names(server, "model", "")
    except MlflowUnavailable:
        return []
    return [model.name for model in page.registered_models]


def _of_kind(kind: MirrorKind) -> str:
    return f"tag.`{answers.IS_PROMPT}` {'=' if kind == 'prompt' else '!='} 'true'"


def _quoted(name: str) -> str:
    """The name as MLflow's filters read it, which know no way to escape a quote."""
    for quote in ("'", '"'):
        if quote not in name:
            return f"{quote}{name}{quote}"
    raise Invalid(
        f"MLflow cannot be asked for the versions of {name!r}, because the name holds both "
        "kinds of quotation marks. Rename it in MLflow.",
        field="name",
        value=name,
    )
