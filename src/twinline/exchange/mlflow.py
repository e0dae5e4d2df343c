"""The MLflow Prompt Registry of any server that can be reached, read and written by its API.

MLflow's names hold no slash, so that a dot stands for it there. Aliases are labels. What MLflow
has no place for rides in a tag of the version.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from twinline.exchange.beside import beside, name_of, restored
from twinline.exchange.found import Found, gathered, instant, refusal
from twinline.language import strict_json
from twinline.language.errors import Invalid, MalformedJson
from twinline.language.identity import as_json
from twinline.language.records import ImportedItem, ImportReport, Json, NewPromptVersion, PromptItem
from twinline.language.refs import PromptVersionRef
from twinline.mirror import answers, content, reading
from twinline.mirror.asking import Asking
from twinline.mirror.remote import MlflowServer

CARRIED = "twinline.item"
"""The tag of a version that holds what MLflow has no place for."""
_SOURCE = "prompt-template"
_PROMPT_SECONDS = 60.0
_ALL_SECONDS = 600.0
_CONFIGS = {
    "response_format": answers.PROMPT_RESPONSE_FORMAT,
    "model_config": answers.PROMPT_MODEL_CONFIG,
}


class _Done(answers.Answer):
    """What MLflow answers to a write: nothing that we read."""


def read(server: MlflowServer, *, name: str | None = None) -> Found:
    """The versions of a server's prompts, or of the one that MLflow calls ``name``.

    Raises:
        MlflowUnavailable: no answer in time, or not one that MLflow would give.
    """

    async def ask(asking: Asking) -> list[tuple[answers.RegisteredModel, answers.Version]]:
        prompts = await _prompts(asking, name)
        return [(one, version) for one in prompts for version in await _versions(asking, one.name)]

    found = server.ask(ask, seconds=_ALL_SECONDS)
    return gathered(
        (_place(server, version), partial(_item, server, model, version))
        for model, version in found
    )


def write(server: MlflowServer, items: Iterable[PromptItem], *, labels: bool) -> ImportReport:
    """Make the versions that MLflow does not have yet, the oldest first; move aliases to them
    only with ``labels``.

    Raises:
        MlflowUnavailable: no answer in time, or not one that MLflow would give.
    """
    done: list[ImportedItem] = []
    names: dict[str, str] = {}
    ordered = sorted(items, key=lambda item: (item.version.name, item.number or 0))
    for name, group in groupby(ordered, key=lambda item: item.version.name):
        called = _called(name)
        series = list(group)
        if names.setdefault(called, name) != name:
            why = f"MLflow's name for it, {called!r}, is that of {names[called]!r} too."
            done += [_refused(item, called, why) for item in series]
            continue
        done += _Series(server, called, labels=labels).write(series)
    return ImportReport(kept=True, items=tuple(done))


class _Series:
    """Writes the versions of one prompt."""

    def __init__(self, server: MlflowServer, called: str, *, labels: bool) -> None:
        self._server = server
        self._called = called
        self._labels = labels

    def write(self, items: Sequence[PromptItem]) -> Iterator[ImportedItem]:
        """Write what MLflow can hold; where that is nothing, the prompt is not made either."""
        fitting: list[tuple[PromptItem, NewPromptVersion]] = []
        for item in items:
            try:
                fitting.append((item, _shown(item, self._called)))
            except Invalid as error:
                yield _refused(item, self._called, error.detail)
        if fitting:
            yield from self._write(fitting)

    def _write(
        self, items: Sequence[tuple[PromptItem, NewPromptVersion]]
    ) -> Iterator[ImportedItem]:
        try:
            there = self._ensured([item for item, _ in items])
        except Invalid as error:
            yield from (_refused(item, self._called, error.detail) for item, _ in items)
            return
        for item, shown in items:
            try:
                yield self._one(item, shown, there)
            except Invalid as error:
                yield _refused(item, self._called, error.detail)

    def _ensured(self, items: Sequence[PromptItem]) -> Found:
        """What MLflow has of the prompt; it is made when it has none of it."""

        async def ask(asking: Asking) -> bool:
            model = await reading.registered_model(asking, self._called)
            if model is not None and not model.is_prompt:
                raise Invalid(f"MLflow has a model by the name {self._called!r}.")
            if model is None:
                said = [one.version.tags for one in items if one.version.tags]
                tags = [_tag(answers.IS_PROMPT, "true"), *_tags(said[-1] if said else {})]
                body = {"name": self._called, "tags": tags}
                await asking.tell(_Done, "POST", "registered-models/create", body)
            return model is not None

        known = self._server.ask(ask, seconds=_PROMPT_SECONDS)
        return read(self._server, name=self._called) if known else Found((), ())

    def _one(self, item: PromptItem, shown: NewPromptVersion, there: Found) -> ImportedItem:
        same = next((one for one in there.items if _is_same(one, item, shown)), None)
        number = same.number if same else self._made(item, shown)
        assert number is not None
        on = same.version.labels if same else ()
        moved = [one for one in item.version.labels if self._labels and one not in on]
        for alias in moved:
            self._put_alias(alias, number)
        return ImportedItem(
            place=f"prompts:/{self._called}/{number}",
            name=item.version.name,
            outcome="same" if same else "created",
            version=PromptVersionRef(item.version.name, item.number or number),
            digest=item.digest,
            labels=tuple(moved),
        )

    def _made(self, item: PromptItem, shown: NewPromptVersion) -> int:
        carried = json.dumps(beside(item, shown), ensure_ascii=False, sort_keys=True)
        body = {
            "name": self._called,
            "source": _SOURCE,
            "description": item.version.message,
            "tags": [
                _tag(answers.IS_PROMPT, "true"),
                *_content_tags(item),
                *_tags(item.origin.tags),
                _tag(CARRIED, carried),
            ],
        }

        async def ask(asking: Asking) -> int:
            path = "model-versions/create"
            made = await asking.tell(answers.VersionAnswer, "POST", path, body)
            return made.version.version

        return self._server.ask(ask, seconds=_PROMPT_SECONDS)

    def _put_alias(self, alias: str, number: int) -> None:
        async def ask(asking: Asking) -> None:
            body = {"name": self._called, "alias": alias, "version": str(number)}
            await asking.tell(_Done, "POST", "registered-models/alias", body)

        try:
            self._server.ask(ask, seconds=_PROMPT_SECONDS)
        except Invalid as error:
            raise Invalid(f"It is version {number} there, but: {error.detail}") from error


async def _prompts(asking: Asking, name: str | None) -> list[answers.RegisteredModel]:
    if name is not None:
        model = await reading.registered_model(asking, name)
        return [model] if model is not None and model.is_prompt else []
    found: list[answers.RegisteredModel] = []
    token = ""
    while True:
        page = await reading.names(asking, "prompt", token)
        found += page.registered_models
        token = page.next_page_token
        if not token:
            return found


async def _versions(asking: Asking, name: str) -> list[answers.Version]:
    found: list[answers.Version] = []
    token = ""
    while True:
        page = await reading.versions(asking, "prompt", token, name=name)
        found += page.versions
        token = page.next_page_token
        if not token:
            return sorted(found, key=lambda one: one.version)


def _place(server: MlflowServer, version: answers.Version) -> str:
    return f"prompts:/{version.name}/{version.version} at {server.url}"


def _item(
    server: MlflowServer, model: answers.RegisteredModel, version: answers.Version
) -> PromptItem:
    said = {tag.key: tag.value for tag in version.tags}
    carried = _carried(said.get(CARRIED))
    newest = version.version == model.newest
    aliases = tuple(one.alias for one in model.aliases if one.version == version.version)
    shown = content.prompt(_name(carried, version.name), version)
    more: Json = {"labels": aliases, "tags": (_own(model.tags) or None) if newest else None}
    at = instant(version.created_ms / 1000) if version.created_ms else None
    origin = {"place": _place(server, version), "at": at, "tags": _own(version.tags)}
    members = {"origin": origin, "number": version.version}
    return restored(carried, shown.model_copy(update=more), members)


def _name(carried: Any, called: str) -> str:
    """The prompt that MLflow calls so; what is carried only says where its slashes are."""
    name = name_of(carried)
    return name if name is not None and _called(name) == called else called


def _called(name: str) -> str:
    return name.replace("/", ".")


def _carried(text: str | None) -> Any:
    try:
        return strict_json.loads(text.encode()) if text else None
    except (MalformedJson, UnicodeEncodeError):
        return None


def _own(tags: tuple[answers.Entry, ...]) -> dict[str, str]:
    """The tags that people gave."""
    ours = {answers.IS_PROMPT, CARRIED}
    kept = content.tags(tags).items()
    return {key: value for key, value in kept if key not in ours and not key.startswith("_mlflow")}


def _shown(item: PromptItem, called: str) -> NewPromptVersion:
    """What MLflow will say of a version."""
    if any("type" in part for part in _parts(item)):
        raise Invalid("MLflow's chats hold messages only, and this one has a placeholder.")
    tags = [answers.Entry(key=tag["key"], value=tag["value"]) for tag in _content_tags(item)]
    said = answers.Version(
        name=called, version=1, description=item.version.message, tags=tuple(tags)
    )
    return content.prompt(item.version.name, said)


def _parts(item: PromptItem) -> list[Any]:
    whole = as_json(item.composed or item.version.template)
    return whole if isinstance(whole, list) else []  # pyright: ignore[reportUnknownVariableType] -- parts as JSON


def _content_tags(item: PromptItem) -> Iterator[dict[str, str]]:
    whole = as_json(item.composed or item.version.template)
    yield _tag(answers.PROMPT_TYPE, item.version.kind)
    yield _tag(answers.PROMPT_TEXT, whole if isinstance(whole, str) else json.dumps(whole))
    for name, key in _CONFIGS.items():
        value = item.version.parameters.get(name)
        if isinstance(value, dict) and value:
            yield _tag(key, json.dumps(value))


def _is_same(one: PromptItem, item: PromptItem, shown: NewPromptVersion) -> bool:
    if one.digest is not None:
        return one.digest == item.digest
    return (one.version.template, one.version.parameters) == (shown.template, shown.parameters)


def _tag(key: str, value: str) -> dict[str, str]:
    return {"key": key, "value": value}


def _tags(said: Json) -> Iterator[dict[str, str]]:
    for key, value in said.items():
        yield _tag(key, value if isinstance(value, str) else json.dumps(value))


def _refused(item: PromptItem, called: str, why: str) -> ImportedItem:
    return refusal(f"prompts:/{called}", why).model_copy(update={"name": item.version.name})
