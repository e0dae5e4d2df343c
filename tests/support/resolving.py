"""Resolving without a server: the resolver that every door asks, in an event loop of ours."""

import asyncio

from fastapi import FastAPI

from twinline.app import serve
from twinline.db.session import Database
from twinline.language.records import Resolution, ResolveRequest
from twinline.manifests import actions as manifests


class Resolving:
    """Asks the resolver of an application over a database."""

    def __init__(self, database: Database) -> None:
        with database.writing("test") as tx:
            manifests.ensure_key(tx)
        app = FastAPI()
        serve(app, database)
        self._resolver = app.state.resolver
        self._loop = asyncio.new_event_loop()

    def __call__(self, wanted: ResolveRequest) -> Resolution:
        """Resolve and record."""
        answer = self._loop.run_until_complete(self._resolver.resolve(wanted))
        return Resolution.model_validate_json(answer)

    def close(self) -> None:
        """Nothing more is asked."""
        self._loop.close()
