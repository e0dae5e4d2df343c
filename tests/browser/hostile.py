"""Texts that are meant to do something, in every field that people can write."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.support import policies
from twinline.client import Client
from twinline.language.invisible import shown
from twinline.language.records import (
    Bundle,
    NewEvaluation,
    NewInference,
    NewModelVersion,
    NewOutcome,
    Role,
    RunFacts,
)
from twinline.language.records.models import DatasetFacts

RUN = "window.__ran=1"
STRINGS = (
    f"<script>{RUN}</script>",
    f"<ScRiPt src=data:,{RUN}></sCrIpT>",
    f"<img src=x onerror={RUN}>",
    f"<svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"\"><body onpageshow='{RUN}'>",
    f'" autofocus onfocus="{RUN}',
    f"' onmouseover='{RUN}",
    f"` onclick=`{RUN}",
    f"javascript:{RUN}",
    f"JaVaScRiPt:{RUN}//https://a.example",
    f"data:text/html,<script>{RUN}</script>",
    f"</textarea><script>{RUN}</script>",
    f"</title><script>{RUN}</script>",
    f"</pre></code><iframe srcdoc='<script>{RUN}</script>'>",
    f"<style>@import 'data:,{RUN}';*{{display:none}}</style>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0>",
    "<form action=//evil.example><button>",
    "<!-- never shown",
    "--> ]]> <![CDATA[",
    "&lt;b&gt; &amp;amp; &#x3c;i&#62;",
    "${7*7} #{7*7} %7B%7B7*7%7D%7D",
    "{% raw %} {# hush #}",
    "=HYPERLINK(1+1)",
    "@SUM(1) +1 -1 |pipe",
    "\u202egnp.exe\u202c \u2066hid\u2069",
    "zero\u200bwidth\ufeff soft\u00adhyphen",
    "line\u2028separator\u2029end",
    "שלום עולם مرحبا",
    "👩‍👩‍👧 🇨🇭 e\u0301 Z͑ͫͯa͂l̉g̲o",
    "W" * 90,
    "../../etc/passwd?a=b&c=d#e%00",
    "back\\slash \\u003cscript\\u003e",
)
"""None has a brace that our templates take for a variable: `BRACES` are for other fields."""

BRACES = "{{7*7}} {{ visitor.key }}"

MARK = "§"
"""Ends what is written here, and stands nowhere else: by it one sees where all that went."""


TABLES_OF_OTHERS = {
    "alias_link": "MLflow's aliases",
    "alias_move": "MLflow's aliases",
    "client_report": "said by our own client",
    "idempotency": "no page tells of it",
    "mirror_alias": "read from MLflow",
    "mirror_drift": "read from MLflow",
    "mirror_inbox": "read from MLflow",
    "mirror_mark": "read from MLflow",
    "mirror_place": "read from MLflow",
    "mirror_series": "read from MLflow",
    "mirror_tag": "read from MLflow",
    "mirror_version": "read from MLflow",
    "mlflow_change": "read from MLflow",
    "model_name": "told on the command line alone",
    "pending_evaluation": "said by our own runner",
    "prompt_access": "written by the server",
    "session": "no page tells of it",
    "signing_key": "made by the server",
    "suite_waiver": "told on the command line alone",
    "waiting_call": "no page tells of it",
}
"""Tables that nobody writes to in a hostile catalog."""

OTHERS = {
    "words out of a list": """api_key.role audit_event.action bundle.kind dataset.source_type
        deployment.kind inference.served_from model.source node.kind pairing.status
        prompt_version.kind prompt_version.syntax run.status suite.scores withdrawal.kind""",
    "names of a narrow alphabet": """custom_node.type edge.kind environment.name exposure.arm
        exposure.experiment inference.experiment label_move.label model_version.aliases
        prompt.name prompt_label.label prompt_search.name prompt_version.includes
        protected_label.domain protected_label.label run.id slot.environment slot.route
        suite.name suite_attachment.prompts suite_attachment.suite suite_requirement.place
        suite_requirement.suite""",
    "made by the server": """api_key.hash api_key.prefix audit_event.hash
        audit_event.previous_hash bundle.digest deployment.digest inference.context_digest
        model_version.digest prompt_version.composed prompt_version.digest prompt_version.notes
        prompt_version.origin recall.report_digest
        rollup_day.latencies rollup_hour.latencies""",
    "numbers": "model_version.metrics run.metrics",
    "no recall is carried out there": "recall.executed_by recall.execution",
    "references of what is there": """evaluation.dataset evaluation.run kill.subject
        ownership.subject""",
}
"""Columns of other tables that hold no hostile text, and why."""


@dataclass
class Hostile:
    """A catalog in which everything is written by somebody who means ill."""

    typed: dict[str, str] = field(default_factory=dict)
    """What was written, by where; each ends with that, so that it begins as it likes."""
    names: list[str] = field(default_factory=list)
    """References of things that have such a name."""
    requests: list[str] = field(default_factory=list)
    """References of requests that say such things."""

    def write(self, where: str, most: int = 1_000, *, braces: bool = True) -> str:
        """A text for a field that takes so many characters: as many strings as fit, for each
        field from another one on."""
        return self.packs(where, most, 1, braces=braces)[0]

    def packs(
        self, where: str, most: int, count: int | None = None, *, braces: bool = True
    ) -> list[str]:
        """All strings, or so many texts of them, in texts of at most so many characters; each
        is to be seen on some page."""
        first = len(self.typed) % len(STRINGS)
        turned = (*STRINGS[first:], *STRINGS[:first])
        texts = packed(most - len(where) - 7, braces=braces, of=turned)[:count]
        made = {f"{where} {number}": text for number, text in enumerate(texts)}
        ended = {place: f"{text} {place}{MARK}" for place, text in made.items()}
        self.typed |= ended
        return list(ended.values())


def packed(most: int, *, braces: bool = False, of: Sequence[str] = STRINGS) -> list[str]:
    """The strings, as many of them in one text as it takes."""
    made: list[str] = []
    for text in (*of, BRACES) if braces else of:
        if made and len(made[-1]) + 1 + len(text) <= most:
            made[-1] += f" {text}"
        else:
            made.append(text)
    assert all(len(text) <= most for text in made), most
    return made


def as_shown(text: str) -> tuple[str, str]:
    """How a page may show it: as typed, or as part of a document; with marks for what
    nobody sees."""
    in_json = json.dumps(text, ensure_ascii=False)[1:-1]
    return words(shown(text)), words(shown(in_json))


def words(text: str) -> str:
    return " ".join(text.split())


def fill(client: Client) -> Hostile:
    """Write all strings into all fields."""
    made = Hostile()
    versions = list(_models(client, made))
    _prompts(client, made)
    bundles = [
        client.bundles.pair(
            ref, f"prompts:/hostile/constructor/{1 + number % 2}", _document(made, "parameters")
        )
        for number, ref in enumerate(versions)
    ]
    _judgements(client, made, bundles)
    for number, (bundle, reason) in enumerate(
        zip(bundles, made.packs("deployment reason", 1_000, len(bundles)), strict=False)
    ):
        client.slots.deploy(SLOT, bundle.ref, reason=reason, expected=number)
    tenant = policies.by_tenant(bundles[0].ref, made.write("policy value", 200), bundles[1].ref)
    reason = made.write("policy reason")
    client.slots.deploy(SLOT, policy=tenant, reason=reason, expected=number + 1)
    _requests(client, made, bundles[0])
    _things(client, made)
    _withdrawn(client, made, versions, bundles)
    for owner in made.packs("key owner", 200):
        client.keys.issue(owner, Role.VIEWER)
    return made


SLOT = "null/undefined.route-0@con_structor"
_IN_NAMES = [text for text in STRINGS if "//" not in text and "../" not in text]


def _document(made: Hostile, where: str) -> dict[str, object]:
    text = made.write(where, 3_000)
    return {text: text, "deep": [{text: [text]}]}


def _models(client: Client, made: Hostile) -> Iterator[str]:
    """A version of a model of every name, and the runs and datasets before them."""
    texts = {name: made.write(f"run {name}", 3_000) for name in ("param", "tag")}
    names, experiments = (made.packs(where, 500) for where in ("run name", "experiment"))
    for number, said in enumerate(packed(200, of=_IN_NAMES)):
        dataset = DatasetFacts(
            name=f"{said} dataset name {number}{MARK}",
            digest=f"{said[:100].replace('/', '|')} digest {number}{MARK}",
            source=made.write("dataset source", 3_000),
            profile=_document(made, "dataset profile"),
        )
        run = RunFacts(
            id=f"run-{number}",
            name=names[number % len(names)],
            experiment=experiments[number % len(experiments)],
            params={"p": texts["param"], texts["param"][:90]: "value"},
            tags={"t": texts["tag"]},
            datasets=(dataset,),
        )
        model = NewModelVersion(
            name=f"{said} model name {number}{MARK}",
            source_uri=made.write("model source", 2_000),
            params={"p": made.write("model param", 3_000)},
            tags={"t": made.write("model tag", 3_000)},
            run=run,
        )
        version = client.models.register(model)
        made.names += [str(version.ref), str(version.run)]
        made.names.append(f"datasets:/{dataset.name}/{dataset.digest}")
        made.typed[f"model name {number}"] = version.name
        made.typed[f"dataset name {number}"] = dataset.name
        yield str(version.ref)


def _prompts(client: Client, made: Hostile) -> None:
    """Two versions of a text, so that they can be compared, and a chat."""
    said = [made.write(f"{which} content", 5_000, braces=False) for which in ("old", "new")]
    messages = made.packs("commit message", 700, 2)
    for text, message in zip(said, messages, strict=True):
        client.prompts.create(
            "hostile/constructor",
            f"\n{text}\n\n{{{{ question }}}}",
            variables=[
                {"name": "question", "description": made.write("variable", 1_000), "default": text}
            ],
            examples=[{"messages": [{"role": "user", "content": made.write("example", 3_000)}]}],
            parameters=_document(made, "prompt parameters"),
            message=message,
            description=made.write("prompt description", 1_000),
            tags=_document(made, "prompt tags"),
        )
    chat = made.write("chat content", 5_000, braces=False)
    made.typed["chat role"] = STRINGS[0]
    client.prompts.create("hostile/chat", [{"role": STRINGS[0], "content": chat}])
    reason = made.write("label reason")
    client.prompts.move_label("hostile/constructor", "prod", 1, reason=reason)
    client.prompts.protect("hostile", reason=made.write("protection reason", 500))


def _judgements(client: Client, made: Hostile, bundles: Sequence[Bundle]) -> None:
    """What people say of pairs, and how they score them."""
    bundle = bundles[0]
    assert bundle.model is not None
    assert bundle.prompt is not None
    client.bundles.state_pairing(
        bundle.model,
        bundle.prompt,
        "compatible",
        reason=made.write("pairing reason"),
        evidence=made.write("pairing evidence", 2_000),
    )
    client.suites.define(
        "toString",
        scores="bundle",
        description=made.write("suite description", 2_000),
        command=made.write("suite command"),
    )
    client.suites.require("toString", "staging", reason=made.write("requirement reason"))
    cases = made.packs("case", 200, 3)
    evidence = made.write("evidence", 2_000)
    for suite in ("toString", *made.packs("suite", 200)):
        new = {
            "subject": bundle.ref,
            "suite": suite,
            "passed": 2,
            "failed": 1,
            "score": 0.5,
            "evidence": f"javascript:{RUN}" if suite == "toString" else evidence,
            "note": made.write("note", 2_000),
            "cases": [{"id": text, "passed": bool(at)} for at, text in enumerate(cases)],
        }
        client.evaluations.record(NewEvaluation.model_validate(new))


def _requests(client: Client, made: Hostile, bundle: Bundle) -> None:
    """Requests with everything that an application may say; one in words that name nothing."""
    said = [made.packs(where, 500) for where in ("decision", "trace", "arm", "rule", "why")]
    decision, trace, arm, rule, why = said
    document = _document(made, "context")
    for number in range(len(decision)):
        one = {
            "slot": f"routes:/{SLOT}",
            "bundle": str(bundle.ref),
            "deployment": 1,
            "context": document,
            "keep_context": True,
            "decision": decision[number],
            "trace_id": trace[number],
            "arm": arm[number],
            "rule": rule[number],
            "reason": why[number],
            "latency_ms": 12.5,
            "status": "error",
        }
        recorded = client.inferences.record([NewInference.model_validate(one)]).items[0]
        assert recorded.id is not None, recorded
        made.requests.append(f"inferences:/{recorded.id}")
        source = f"{STRINGS[number][:90]} {number}{MARK}"
        made.typed[f"outcome source {number}"] = source
        client.inferences.add_outcome(recorded.id, NewOutcome(score=0.5, source=source))
    for model, prompt in zip(
        made.packs("unknown model", 500), made.packs("unknown prompt", 500), strict=True
    ):
        client.inferences.record([NewInference(model=model, prompt=prompt)])


def _things(client: Client, made: Hostile) -> None:
    """Nodes of people's own, and whom to tell of a slot."""
    names = packed(200, of=_IN_NAMES)
    owners = made.packs("node owner", 200, len(names))
    for number, said in enumerate(names):
        name = f"{said} node name {number}{MARK}"
        node = client.lineage.add_node(
            "valueOf",
            name,
            description=made.write("node description"),
            properties=_document(made, "node properties"),
            owner=owners[number % len(owners)],
        )
        made.typed[f"node name {number}"] = name
        made.names.append(str(node.ref))
        # What is said of an edge no door tells again: it is written, and nobody sees it.
        evidence = {f"{text}{MARK}": text for text in packed(3_000)}
        client.lineage.connect(node.ref, f"routes:/{SLOT}", "feeds", evidence=evidence)
    client.lineage.own(SLOT, made.write("slot owner", 200), made.write("slot contact", 500))


def _withdrawn(
    client: Client, made: Hostile, versions: Sequence[str], bundles: Sequence[Bundle]
) -> None:
    """What is bad, and why."""
    reasons = made.packs("recall reason", 700, 2)
    for version, reason in zip(reversed(versions), reasons, strict=False):
        number = client.recalls.create(version, reason).number
    client.recalls.lift(number, made.write("lift reason"))
    client.lineage.retire("prompts:/hostile/chat/1", reason=made.write("retirement reason"))
    client.kills.bundle(bundles[1].ref, made.write("kill reason"))
    client.kills.slot(SLOT, made.write("kill reason of a slot"))
    number = client.kills.everything(made.write("kill reason of everything")).number
    client.kills.lift(number, made.write("reason to lift a kill switch"))
