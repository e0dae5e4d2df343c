"""What happened in MLflow registries, over HTTP."""

from typing import Annotated

from fastapi import Path, Query

from twinline.access.gate import Cursor, Limit, reading, strict_router, writing
from twinline.access.rules import Permission
from twinline.db.session import Reading, Writing
from twinline.language.records import ChangeReport, ChangesTaken, MlflowChange, Page, ServerName
from twinline.mirror import changes

router = strict_router("mlflow", prefix="/mlflow/servers/{server}/changes")
Read = Annotated[Reading, reading(Permission.READ)]
Write = Annotated[Writing, writing(Permission.REPORT)]
Server = Annotated[ServerName, Path(description="The MLflow server, as the settings call it.")]


@router.post("")
def take(server: Server, body: ChangeReport, tx: Write) -> ChangesTaken:
    """Tell what happened in a registry, as the outbox in MLflow's database has it.

    What was told before changes nothing, so a report can be sent again. When changes before
    it are missing: 409 with the sequence that is `wanted`. When it tells otherwise what was
    told before: 409 with the first sequence that is `retold`.
    """
    return changes.take(tx, server, body)


@router.get("")
def list_changes(
    server: Server,
    tx: Read,
    name: Annotated[
        str | None,
        Query(max_length=256, description="Only of this registered model or prompt."),
    ] = None,
    after: Annotated[
        int, Query(ge=0, lt=2**62, description="Only changes with a `number` above this.")
    ] = 0,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[MlflowChange]:
    """What happened in a registry, in the order in which it was told."""
    return changes.list_changes(tx, server, name, after=after, cursor=cursor, limit=limit)
