"""Read from an MLflow server, within a deadline that holds.

A timeout of httpx bounds one phase, and a read timeout one chunk, so a server that sends
a byte now and then is never late. Only a read that can be cancelled as a whole has a
deadline, hence asyncio within; and in a thread of its own, because callers are synchronous
and the name lookup, which nothing can cancel, must not hold them up either.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import httpx

from twinline.language.errors import Invalid, MlflowUnavailable, NotFound
from twinline.language.nearest import not_found
from twinline.language.records import MlflowImport, NewModelVersion, RunFacts
from twinline.mirror import answers, rules
from twinline.mirror.asking import Asking, unavailable

HEALTH_SECONDS_MAX = 1.0
_LOOKUP_GRACE_SECONDS = 0.2
_NAMES_MAX = "1000"

Result = TypeVar("Result")


class MlflowServer:
    """An MLflow server, by its URL. Keeps no connection, so it needs no closing.

    Args:
        url: with the path prefix, if MLflow is behind one.
        token: sent as a bearer token.
        username: with ``password``, for basic authentication; a token wins.
        password: see ``username``.
        timeout_seconds: for a whole read, however many requests it takes.
        transport: what requests go through; the network unless a test says otherwise.
            The proxies of the environment are not used.

    Raises:
        Invalid: the URL is none, or not http or https.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        username: str | None = None,
        password: str | None = None,
        timeout_seconds: float = 3.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base = _parsed(url)
        self._headers = {b"Authorization": f"Bearer {token}".encode()} if token else {}
        self._auth = httpx.BasicAuth(username, password or "") if username and not token else None
        self._timeout_seconds = timeout_seconds
        self._transport = transport
        self._verify = httpx.create_ssl_context() if self._base.scheme == "https" else False

    @property
    def url(self) -> str:
        """Its address, without the user and password that it may have been given with."""
        return str(self._base.copy_with(userinfo=b""))

    def model_version(self, wanted: MlflowImport) -> NewModelVersion:
        """The registered model version that is wanted, with its run and its datasets.

        Raises:
            MlflowUnavailable: no answer in time, or not one that MLflow would give.
            NotFound: there is no such model, version or alias.
            Invalid: it is a prompt, or holds a name that our records refuse.
        """

        async def read(server: Asking) -> NewModelVersion:
            return await _model_version(server, wanted)

        return self.ask(read)

    def reachable(self) -> bool:
        """Whether MLflow says that it is well, within a second."""
        seconds = min(HEALTH_SECONDS_MAX, self._timeout_seconds)
        try:
            return self.ask(Asking.healthy, seconds=seconds)
        except MlflowUnavailable:
            return False

    def ask(
        self, read: Callable[[Asking], Awaitable[Result]], *, seconds: float | None = None
    ) -> Result:
        """What ``read`` finds within ``seconds``, by default the server's own deadline.

        Raises:
            MlflowUnavailable: it took longer; or what ``read`` raises.
        """
        seconds = seconds or self._timeout_seconds
        thread = ThreadPoolExecutor(1, thread_name_prefix="mlflow-read")
        asked = thread.submit(lambda: asyncio.run(self._bounded(seconds, read)))
        try:
            return asked.result(seconds + _LOOKUP_GRACE_SECONDS)
        except TimeoutError as error:
            raise unavailable(self.url, f"did not answer within {seconds:g} s") from error
        finally:
            thread.shutdown(wait=False)

    async def _bounded(self, seconds: float, read: Callable[[Asking], Awaitable[Result]]) -> Result:
        async with asyncio.timeout(seconds), self._client() as http:
            return await read(Asking(http, self.url))

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._base,
            headers=self._headers,
            auth=self._auth,
            timeout=None,  # noqa: S113 -- one deadline bounds all phases together
            transport=self._transport,
            verify=self._verify,
            trust_env=False,
        )


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Invalid(f"TWINLINE_MLFLOW_URL is no URL: {error}", field="mlflow_url") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        shown = str(parsed.copy_with(userinfo=b""))
        raise Invalid(
            f"TWINLINE_MLFLOW_URL is {shown!r}, but must be like http://127.0.0.1:5000.",
            field="mlflow_url",
            value=shown,
        )
    return parsed


async def _model_version(server: Asking, wanted: MlflowImport) -> NewModelVersion:
    model = await _registered_model(server, wanted.name)
    number = rules.chosen_number(model, wanted)
    version = await _version(server, model, number)
    run = await _run(server, version.run_id)
    logged = await _logged_model(server, version.logged_model)
    return rules.record(model, version, run, logged)


async def _registered_model(server: Asking, name: str) -> answers.RegisteredModel:
    found = await server.ask(answers.RegisteredModelAnswer, "registered-models/get", name=name)
    if found is None:
        raise not_found("MLflow model", name, await _names(server))
    return found.registered_model


async def _names(server: Asking) -> list[str]:
    """Some names to suggest; none if MLflow will not list them."""
    try:
        page = await server.ask(
            answers.RegisteredModelsAnswer, "registered-models/search", max_results=_NAMES_MAX
        )
    except MlflowUnavailable:
        return []
    return [model.name for model in page.registered_models] if page else []


async def _version(server: Asking, model: answers.RegisteredModel, number: int) -> answers.Version:
    newest = model.newest or 0
    known = number <= newest  # a number beyond 64 bits would be an error of MLflow's database
    found = known and await server.ask(
        answers.VersionAnswer, "model-versions/get", name=model.name, version=str(number)
    )
    if not found:
        raise NotFound(
            f"The MLflow model {model.name!r} has no version {number}; its newest is {newest}.",
            kind="MLflow model version",
            name=f"models:/{model.name}/{number}",
            latest=newest,
        )
    return found.version


async def _run(server: Asking, id: str) -> RunFacts | None:
    if not id:
        return None
    found = await server.ask(answers.RunAnswer, "runs/get", run_id=id)
    if found is None:
        return rules.missing_run(id)
    experiment = await server.ask(
        answers.ExperimentAnswer, "experiments/get", experiment_id=found.run.info.experiment_id
    )
    return rules.run_facts(found.run, experiment.experiment.name if experiment else "")


async def _logged_model(server: Asking, id: str) -> answers.LoggedModel | None:
    found = await server.ask(answers.LoggedModelAnswer, f"logged-models/{id}") if id else None
    return found.model if found else None
