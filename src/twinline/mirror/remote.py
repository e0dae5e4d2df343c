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

from twinline.language.errors import Invalid, MlflowUnavailable
from twinline.language.records import MlflowImport, NewModelVersion
from twinline.mirror import reading, rules
from twinline.mirror.asking import Asking, unavailable
from twinline.mirror.naming import DEFAULT

HEALTH_SECONDS_MAX = 1.0
_LOOKUP_GRACE_SECONDS = 0.2

Result = TypeVar("Result")


class MlflowServer:
    """An MLflow server, by its URL. Keeps no connection, so it needs no closing.

    Args:
        url: with the path prefix, if MLflow is behind one.
        name: what the catalog calls it.
        token: sent as a bearer token.
        username: with ``password``, for basic authentication; a token wins.
        password: see ``username``.
        workspaces: those of its workspaces that are mirrored.
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
        name: str = DEFAULT,
        token: str | None = None,
        username: str | None = None,
        password: str | None = None,
        workspaces: tuple[str, ...] = (DEFAULT,),
        timeout_seconds: float = 3.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = name
        self.workspaces = workspaces
        self._base = _parsed(url, name)
        self._headers = {b"Authorization": f"Bearer {token}".encode()} if token else {}
        self._auth = httpx.BasicAuth(username, password or "") if username and not token else None
        self._timeout_seconds = timeout_seconds
        self._transport = transport
        self._verify = httpx.create_ssl_context() if self._base.scheme == "https" else False

    @property
    def url(self) -> str:
        """Its address, without the user and password that it may have been given with."""
        return str(self._base.copy_with(userinfo=b""))

    def found(self, wanted: MlflowImport) -> reading.Found:
        """The registered model version that is wanted, with what was measured on it.

        Raises:
            MlflowUnavailable: no answer in time, or not one that MLflow would give.
            NotFound: there is no such model, version or alias.
            Invalid: it is a prompt, or holds a name that our records refuse.
        """

        async def read(server: Asking) -> reading.Found:
            return await reading.wanted_version(server, wanted)

        return self.ask(read, workspace=wanted.workspace)

    def model_version(self, wanted: MlflowImport) -> NewModelVersion:
        """The version that is wanted under the name that MLflow gives it; raises as `found`."""
        found = self.found(wanted)
        return rules.record(found.model, found.version, found.facts, name=found.model.name)

    def reachable(self) -> bool:
        """Whether MLflow says that it is well, within a second."""
        seconds = min(HEALTH_SECONDS_MAX, self._timeout_seconds)
        try:
            return self.ask(Asking.healthy, seconds=seconds)
        except MlflowUnavailable:
            return False

    def ask(
        self,
        read: Callable[[Asking], Awaitable[Result]],
        *,
        workspace: str = DEFAULT,
        seconds: float | None = None,
    ) -> Result:
        """What ``read`` finds within ``seconds``, by default the server's own deadline.

        Raises:
            MlflowUnavailable: it took longer; or what ``read`` raises.
        """
        seconds = seconds or self._timeout_seconds
        thread = ThreadPoolExecutor(1, thread_name_prefix="mlflow-read")
        asked = thread.submit(lambda: asyncio.run(self._bounded(seconds, workspace, read)))
        try:
            return asked.result(seconds + _LOOKUP_GRACE_SECONDS)
        except TimeoutError as error:
            raise unavailable(self.url, f"did not answer within {seconds:g} s") from error
        finally:
            thread.shutdown(wait=False)

    async def _bounded(
        self, seconds: float, workspace: str, read: Callable[[Asking], Awaitable[Result]]
    ) -> Result:
        async with asyncio.timeout(seconds), self._client(workspace) as http:
            return await read(Asking(http, self.url))

    def _client(self, workspace: str) -> httpx.AsyncClient:
        # A server without workspaces refuses to be asked about one.
        named = {b"X-MLFLOW-WORKSPACE": workspace.encode()} if workspace != DEFAULT else {}
        return httpx.AsyncClient(
            base_url=self._base,
            headers=self._headers | named,
            auth=self._auth,
            timeout=None,  # noqa: S113 -- one deadline bounds all phases together
            transport=self._transport,
            verify=self._verify,
            trust_env=False,
        )


def _parsed(url: str, name: str) -> httpx.URL:
    setting = "TWINLINE_MLFLOW_URL" if name == DEFAULT else f"The URL of MLflow server {name!r}"
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Invalid(f"{setting} is no URL: {error}", field="mlflow_url") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        shown = str(parsed.copy_with(userinfo=b""))
        raise Invalid(
            f"{setting} is {shown!r}, but must be like http://127.0.0.1:5000.",
            field="mlflow_url",
            value=shown,
        )
    return parsed
