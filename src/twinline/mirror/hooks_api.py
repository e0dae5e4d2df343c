"""Webhooks of MLflow over HTTP: have them sent, and take them in.

A delivery comes without a key of ours: MLflow sends none. It is let in by its signature.
"""

import time
from typing import Annotated

from fastapi import Header, Path, Request
from starlette.concurrency import run_in_threadpool

from twinline.access.actions import SYSTEM
from twinline.access.gate import Caller, caller, database, strict_router
from twinline.access.rules import Permission
from twinline.language.records import HookReceipt, HookRequest, InstalledHooks
from twinline.language.records.mirror import SERVER_PATTERN
from twinline.mirror import hooks
from twinline.mirror.api import mirroring
from twinline.mirror.signatures import Headers, is_unsigned

router = strict_router("mlflow", prefix="/mlflow")
PATH = "/api/v1/mlflow/webhooks/{server}"
Installer = Annotated[Caller, caller(Permission.MLFLOW)]
Given = Annotated[
    str, Header(max_length=1000, description="As MLflow sends it: the signature covers it.")
]


@router.post("/hooks", status_code=201)
def install(body: HookRequest, request: Request, by: Installer) -> InstalledHooks:
    """Have an MLflow server send its changes here, from each mirrored workspace.

    Doing it again brings the webhook up to date. MLflow notices within a minute; after
    that everything is swept once more.
    """
    server = mirroring(request).server(body.server)
    secret = mirroring(request).secret(by.database, server.name)
    url = body.url.rstrip("/") + PATH.format(server=server.name)
    made = tuple(hooks.install(server, one, url, secret) for one in server.workspaces)
    installed = InstalledHooks(items=made)
    with by.writing() as tx:
        hooks.note_installed(tx, installed)
    return installed


@router.post("/webhooks/{server}", status_code=202)
async def receive(
    server: Annotated[
        str, Path(pattern=SERVER_PATTERN, description="The MLflow server, as the settings call it.")
    ],
    request: Request,
    x_mlflow_delivery_id: Given = "",
    x_mlflow_timestamp: Given = "",
    x_mlflow_signature: Given = "",
) -> HookReceipt:
    """Take in a delivery of a webhook that `POST /mlflow/hooks` installed.

    It needs no key: its signature lets it in, if it is not older than 300 seconds and did
    not come before. It is kept, and what it is about is read from MLflow again later.
    """
    refusals = mirroring(request).refusals
    headers = Headers(x_mlflow_delivery_id, x_mlflow_timestamp, x_mlflow_signature)
    if is_unsigned(headers):
        raise refusals.count("unsigned")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > hooks.BODY_BYTES_MAX:
            raise refusals.count("too-large")
    return await run_in_threadpool(_keep, request, server, headers, bytes(body))


def _keep(request: Request, server: str, headers: Headers, body: bytes) -> HookReceipt:
    mirror, catalog = mirroring(request), database(request)
    secret = mirror.secret(catalog, server)
    payload = hooks.verify(headers, body, secret, time.time(), mirror.refusals)
    with catalog.writing(SYSTEM) as tx:
        return hooks.receive(tx, server, headers, payload, mirror.refusals)
