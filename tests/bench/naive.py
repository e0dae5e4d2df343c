"""The endpoint that one writes first: FastAPI and an ORM, one commit for each request.

``python -m tests.bench.naive`` serves it over the database of ``NAIVE_DATABASE_URL``, as
``twinline up`` serves ours: uvloop, httptools, no access log. It routes nothing, and its
table has the ledger's columns, with no rollups and no experiments beside it.
"""

import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import uvicorn
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import BigInteger, DateTime, Double, Index, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from twinline.language.ids import new_id

POOL = 20
URL = os.environ["NAIVE_DATABASE_URL"]


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "naive"
    __table_args__ = (Index(None, "bundle_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    slot_id: Mapped[int | None] = mapped_column(BigInteger)
    deployment: Mapped[int | None]
    bundle_id: Mapped[int] = mapped_column(BigInteger)
    arm: Mapped[str | None] = mapped_column(Text)
    rule: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    context_digest: Mapped[str | None] = mapped_column(Text)
    context: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    decision: Mapped[str | None] = mapped_column(Text)
    trace_id: Mapped[str | None] = mapped_column(Text)
    parent_id: Mapped[UUID | None]
    role: Mapped[int] = mapped_column(SmallInteger)
    experiment: Mapped[str | None] = mapped_column(Text)
    unit_hash: Mapped[int | None] = mapped_column(BigInteger)
    assigned_id: Mapped[int | None] = mapped_column(BigInteger)
    served_from: Mapped[str | None] = mapped_column(Text)
    stale_seconds: Mapped[float | None] = mapped_column(Double)
    manifest_version: Mapped[int | None] = mapped_column(BigInteger)


class Asked(BaseModel):
    route: str
    environment: str
    context: dict[str, Any] = {}
    record: bool = True


class Answered(BaseModel):
    inference_id: UUID
    slot: str
    deployment: int
    bundle: str
    model: str
    template: str
    arm: str
    rule: str
    reason: str


engine = create_async_engine(URL, pool_size=POOL, max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


async def session() -> AsyncGenerator[AsyncSession]:
    async with sessions() as opened:
        yield opened


app = FastAPI(lifespan=lifespan)


@app.post("/api/v1/resolve")
async def resolve(asked: Asked, db: Annotated[AsyncSession, Depends(session)]) -> Answered:
    row = Row(
        id=new_id(),
        at=datetime.now(UTC),
        slot_id=1,
        deployment=1,
        bundle_id=1,
        arm="control",
        rule="eu",
        reason="split",
        context_digest="ab" * 32,
        role=0,
        experiment="answer",
        unit_hash=hash(asked.context.get("user")),
        served_from="server",
        stale_seconds=0.0,
        manifest_version=1,
    )
    db.add(row)
    await db.commit()
    return Answered(
        inference_id=row.id,
        slot=f"{asked.route}@{asked.environment}",
        deployment=1,
        bundle="bundles:/" + "ab" * 32,
        model="models:/assistant/1",
        template="Answer as control would: {{ question }}",
        arm="control",
        rule="eu",
        reason="split",
    )


def main() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        print(bound.getsockname()[1], flush=True)
        config = uvicorn.Config(
            app, loop="uvloop", http="httptools", log_level="warning", access_log=False
        )
        uvicorn.Server(config).run(sockets=[bound])


if __name__ == "__main__":
    main()
