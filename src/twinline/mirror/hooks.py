"""Webhooks: have MLflow tell us, and keep what it tells.

A delivery is a hint, no more: MLflow drops it after seven seconds, keeps no order, and says
nothing about deletes and renames. So it is verified, kept and answered; what it is about
is read again later, and sweeps find what no delivery told.
"""

import threading
from collections import Counter
from typing import Any, Final

from twinline.access.actions import audit
from twinline.db.session import Writing
from twinline.language import strict_json
from twinline.language.errors import (
    Conflict,
    Invalid,
    MalformedJson,
    NotAuthenticated,
    TooLarge,
    TwinlineError,
)
from twinline.language.records import HookReceipt, InstalledHook, InstalledHooks
from twinline.mirror import answers, inbox, places_store
from twinline.mirror.asking import Asking
from twinline.mirror.naming import Place
from twinline.mirror.remote import MlflowServer
from twinline.mirror.signatures import AGE_SECONDS_MAX, Headers, Refusal, refusal

BODY_BYTES_MAX = 1_000_000
BLIND_SECONDS = 61.0
"""MLflow looks up its webhooks once a minute, so until then a new one hears nothing."""

NAME = "twinline"
EVENTS: Final = tuple(
    {"entity": entity, "action": action}
    for entity, actions in {
        "REGISTERED_MODEL": ("CREATED",),
        "MODEL_VERSION": ("CREATED",),
        "MODEL_VERSION_TAG": ("SET", "DELETED"),
        "MODEL_VERSION_ALIAS": ("CREATED", "DELETED"),
        "PROMPT": ("CREATED",),
        "PROMPT_VERSION": ("CREATED",),
        "PROMPT_TAG": ("SET", "DELETED"),
        "PROMPT_VERSION_TAG": ("SET", "DELETED"),
        "PROMPT_ALIAS": ("CREATED", "DELETED"),
    }.items()
    for action in actions
)

_WORDS: dict[Refusal, str] = {
    "unsigned": "it lacks the headers X-MLflow-Delivery-Id, X-MLflow-Timestamp or "
    "X-MLflow-Signature; install the webhook with a secret by `twinline mlflow hooks install`",
    "forged": "its signature is not that of our secret; install the webhook again by "
    "`twinline mlflow hooks install`",
    "stale": f"its time is not within {AGE_SECONDS_MAX} s of ours; compare the clocks",
    "replayed": "it came before",
    "too-large": f"it is larger than {BODY_BYTES_MAX} bytes",
    "malformed": "it is no JSON object",
}
_ERRORS: dict[Refusal, type[TwinlineError]] = {
    "replayed": Conflict,
    "too-large": TooLarge,
    "malformed": MalformedJson,
}


class Refusals:
    """Deliveries that this process refused since it started, by reason.

    Counted in memory, because anybody may send one: none should cost a transaction.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, reason: Refusal) -> TwinlineError:
        """Count one; the error that says so."""
        with self._lock:
            self._counts[reason] += 1
        kind = _ERRORS.get(reason, NotAuthenticated)
        return kind(f"The delivery is refused: {_WORDS[reason]}.", reason=reason)

    def counts(self) -> dict[str, int]:
        """How many there were."""
        with self._lock:
            return dict(self._counts)


def verify(
    headers: Headers, body: bytes, secret: str, now_seconds: float, refusals: Refusals
) -> dict[str, Any]:
    """What a delivery says, once it is believed.

    Raises:
        NotAuthenticated: it is unsigned, forged or stale.
        MalformedJson: it is no JSON object.
    """
    found = refusal(headers, body, secret, now_seconds)
    if found is not None:
        raise refusals.count(found)
    try:
        payload = strict_json.loads(body)
    except Invalid as error:
        raise refusals.count("malformed") from error
    if not isinstance(payload, dict):
        raise refusals.count("malformed")
    return payload  # pyright: ignore[reportUnknownVariableType] -- its members are MLflow's


def receive(
    tx: Writing, server: str, headers: Headers, payload: dict[str, Any], refusals: Refusals
) -> HookReceipt:
    """Keep a delivery that was verified.

    Raises:
        Conflict: it came before.
    """
    if not inbox.keep(tx, server, headers.delivery_id, payload):
        raise refusals.count("replayed")
    return HookReceipt(delivery_id=headers.delivery_id)


def install(server: MlflowServer, workspace: str, url: str, secret: str) -> InstalledHook:
    """Have a workspace send its changes to ``url``; the same again changes nothing.

    Raises:
        MlflowUnavailable: it does not answer.
        Invalid: it refuses: by default MLflow wants https and a public address.
    """

    async def tell(asking: Asking) -> tuple[answers.Webhook, bool]:
        known = await _installed(asking, url)
        wanted = {"name": NAME, "url": url, "events": EVENTS, "secret": secret, "status": "ACTIVE"}
        method, path = ("PATCH", f"webhooks/{known.webhook_id}") if known else ("POST", "webhooks")
        told = await asking.tell(answers.WebhookAnswer, method, path, wanted)
        return told.webhook, known is None

    hook, made = server.ask(tell, workspace=workspace)
    return InstalledHook(
        server=server.name,
        workspace=workspace,
        url=hook.url,
        webhook_id=hook.webhook_id,
        made=made,
    )


def note_installed(tx: Writing, hooks: InstalledHooks) -> None:
    """Have places swept once MLflow tells: what happened until then nobody told us."""
    for hook in hooks.items:
        place = Place(hook.server, hook.workspace)
        places_store.know(tx, place)
        places_store.ask_sweep(tx, place, full=False, in_seconds=BLIND_SECONDS)
        audit(tx, "mirror.hook", str(place), after=hook.model_dump(mode="json"))


async def _installed(asking: Asking, url: str) -> answers.Webhook | None:
    token = ""
    while True:
        query = {"page_token": token} if token else {}
        page = await asking.ask(answers.WebhooksAnswer, "webhooks", **query)
        for hook in page.webhooks if page else ():
            if hook.url == url:
                return hook
        token = page.next_page_token if page else ""
        if not token:
            return None
