"""Who may read prompts while the database is away, and how an answer says that it is."""

from fastapi import Depends, Request, Response
from fastapi.params import Depends as Dependency
from starlette.concurrency import run_in_threadpool

from twinline.access import actions as access
from twinline.access.gate import Admission, SentKey, database
from twinline.access.keyring import KeyRing
from twinline.access.rules import Permission
from twinline.language.errors import DatabaseUnavailable
from twinline.language.records import ApiKey
from twinline.prompts.memory import Answer, Memory, Reads, Told

STALE_HEADER = "X-Twinline-Stale-Seconds"
"""Only on answers from memory: how long ago they were read."""


def marked(told: Told[Answer], response: Response) -> Answer:
    """An answer, its age said in a header of the response when it comes from memory."""
    if told.stale_seconds is not None:
        response.headers[STALE_HEADER] = str(told.stale_seconds)
    return told.answer


class _ReadsAdmission(Admission):
    async def __call__(self, request: Request, key: SentKey) -> Reads:
        state = request.app.state
        keyring: KeyRing = state.keyring
        memory: Memory = state.prompt_memory
        known = keyring.holder(key, self.permission) if key else None
        if key and not known and memory.is_away():
            known = keyring.knew(key, self.permission)
        if not known:
            known = await run_in_threadpool(self._judge, request, key, keyring, memory)
        return Reads(known.owner, memory, database(request))

    def _judge(self, request: Request, key: str | None, keyring: KeyRing, memory: Memory) -> ApiKey:
        try:
            keyring.load(database(request))
            with database(request).reading() as tx:
                found = access.authorize(tx, key, self.permission)
        except DatabaseUnavailable:
            memory.was_asked(answered=False)
            knew = keyring.knew(key, self.permission) if key else None
            if knew is None:
                raise
            return knew
        memory.was_asked(answered=True)
        return found


def reads(permission: Permission) -> Dependency:
    """Reads for whoever holds ``permission``; while the database is away, for whoever
    surely held it when it was last there."""
    return Depends(_ReadsAdmission(permission))
