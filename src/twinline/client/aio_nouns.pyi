"""The nouns of the client for asyncio; made by ``python -m tests.support.async_nouns``."""

import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from twinline.client import bundles, evaluations, exports, runner, slots, tables
from twinline.client.client import Client
from twinline.client.waiting import Waiting
from twinline.language.names import LATEST
from twinline.language.records import (
    AffectedDecision,
    AliasLink,
    ApiKey,
    Arrivals,
    AuditEvent,
    BatchResult,
    Blame,
    Bundle,
    CaseResult,
    ChainVerdict,
    Changes,
    CustomNode,
    Dataset,
    Declaration,
    Deployment,
    Direction,
    Edge,
    Evaluation,
    EvaluationComparison,
    Example,
    Experiment,
    Explanation,
    Fleet,
    ForeignMove,
    ForeignMoves,
    Impact,
    ImportedItem,
    ImportReport,
    IncludersUpdated,
    Inclusion,
    Inference,
    InstalledHooks,
    IssuedKey,
    Json,
    Kill,
    LabelMove,
    Lineage,
    LiveAt,
    ManifestKey,
    MirrorAlias,
    MirrorDrift,
    MirrorKind,
    MirrorStatus,
    MirrorTag,
    MissingEvaluations,
    MlflowChange,
    Model,
    ModelName,
    ModelVersion,
    NewEvaluation,
    NewInference,
    NewModelVersion,
    NewOutcome,
    NodeKind,
    Outcome,
    OutdatedInclude,
    Ownership,
    Page,
    Pairing,
    PairingStatus,
    PendingEvaluation,
    PendingState,
    PolicyExplanation,
    PolicyVerdict,
    Prompt,
    PromptAccess,
    PromptCheck,
    PromptDiff,
    PromptItem,
    PromptVersion,
    Prospect,
    ProspectKind,
    ProtectedLabel,
    RampPreview,
    Recall,
    RecallDetails,
    RecallPlan,
    RecallVerdict,
    Replay,
    RequestFilter,
    Resolution,
    Role,
    RollbackPreview,
    Run,
    Side,
    Slot,
    Status,
    SubjectKind,
    Suite,
    SuiteResult,
    Syntax,
    TimelineEntry,
    TracesTaken,
    VersionUse,
    Waiver,
    WhenUnsafe,
    Withdrawal,
)
from twinline.language.refs import (
    BundleRef,
    CustomRef,
    EvaluationRef,
    ModelVersionRef,
    PromptVersionRef,
    Ref,
    SlotRef,
)

class AsyncPrompts:
    """The prompt registry."""
    async def create(
        self,
        name: str,
        template: str | Sequence[dict[str, Any]],
        *,
        syntax: Syntax = "twinline",
        variables: Sequence[Declaration | dict[str, Any]] = (),
        examples: Sequence[Example | dict[str, Any]] = (),
        parameters: dict[str, Any] | None = None,
        message: str = "",
        description: str | None = None,
        tags: dict[str, Any] | None = None,
        labels: Sequence[str] = (),
        derived_from: PromptVersionRef | str | None = None,
        key: str | None = None,
    ) -> PromptVersion:
        """Make the next version of a prompt; identical content returns the version there is."""
    async def check(
        self,
        name: str,
        template: str | Sequence[dict[str, Any]],
        *,
        syntax: Syntax = "twinline",
        variables: Sequence[Declaration | dict[str, Any]] = (),
        examples: Sequence[Example | dict[str, Any]] = (),
        parameters: dict[str, Any] | None = None,
    ) -> PromptCheck:
        """What `create` would make of this; nothing is kept."""
    async def get(
        self,
        name: str,
        *,
        version: int | None = None,
        label: str | None = None,
        environment: str | None = None,
    ) -> PromptVersion:
        """A version by number or label, or by the label that is called like an environment; the
        newest when none is given.
        """
    def list(
        self,
        search: str | None = None,
        *,
        label: str | None = None,
        tags: Sequence[str] = (),
        domain: str | None = None,
        author: str | None = None,
        includes: str | None = None,
        retired: bool = False,
    ) -> AsyncIterator[Prompt]:
        """Prompts by name; with ``search`` those that are found, the best first."""
    def versions(self, name: str, *, retired: bool = False) -> AsyncIterator[PromptVersion]:
        """The versions of a prompt, the newest first; with ``retired`` also those that are."""
    async def retire(self, name: str, *, reason: str, key: str | None = None) -> Page[Withdrawal]:
        """Retire every version of a prompt: nothing that is built on it goes live any more."""
    async def unretire(self, name: str, *, reason: str, key: str | None = None) -> Page[Withdrawal]:
        """Let people build again on the versions that were retired with the whole prompt."""
    async def move_label(
        self,
        name: str,
        label: str,
        number: int,
        *,
        reason: str,
        expected: int | None = None,
        key: str | None = None,
    ) -> PromptVersion:
        """Move a label; with ``expected`` only from the version it is thought to be on."""
    async def diff(
        self, name: str, old: int | str, new: int | str = LATEST, *, context: int | None = None
    ) -> PromptDiff:
        """What differs between two versions, to the word."""
    def accesses(self, name: str, *, version: int | None = None) -> AsyncIterator[PromptAccess]:
        """Who read which version of the prompt, day by day, the newest day first."""
    def uses(self, name: str) -> AsyncIterator[VersionUse]:
        """When each version of the prompt was read or served last, the newest version first."""
    async def remove_label(
        self,
        name: str,
        label: str,
        *,
        reason: str,
        expected: int | None = None,
        key: str | None = None,
    ) -> LabelMove:
        """Take a label off a prompt; its history stays."""
    async def promote(
        self,
        name: str,
        source: str,
        target: str,
        *,
        reason: str,
        expected: int | None = None,
        key: str | None = None,
    ) -> PromptVersion:
        """Move the label ``target`` to the version that ``source`` names at this moment."""
    def protected(self) -> AsyncIterator[ProtectedLabel]:
        """The labels that only who may move protected ones can move."""
    async def protect(
        self, label: str, *, reason: str, domain: str = "", key: str | None = None
    ) -> ProtectedLabel:
        """Protect a label in a folder of prompts, or with no ``domain`` everywhere."""
    async def unprotect(
        self, label: str, *, reason: str, domain: str = "", key: str | None = None
    ) -> ProtectedLabel:
        """Let everybody who may move labels move this one again."""
    def history(self, name: str) -> AsyncIterator[LabelMove]:
        """Every move of the prompt's labels, the newest first."""
    def includes(
        self, name: str, *, version: int | None = None, label: str | None = None
    ) -> AsyncIterator[Inclusion]:
        """All that stands in a version (the newest), directly or not; the nearest first."""
    def included_by(self, name: str, *, version: int | None = None) -> AsyncIterator[Inclusion]:
        """All versions that a version (any of them) stands in, the nearest first."""
    def outdated(self, name: str) -> AsyncIterator[OutdatedInclude]:
        """Where versions in use hold an older version of a prompt than its newest."""
    async def update_includers(
        self, name: str, *, reason: str, key: str | None = None
    ) -> IncludersUpdated:
        """Make new versions of all that hold an older version of a prompt; labels stay."""
    def export(
        self, *, name: str | None = None, domain: str | None = None, label: str | None = None
    ) -> AsyncIterator[PromptItem]:
        """Versions by prompt and number, retired ones too: all, or those of a prompt, in a
        folder or on a label. ``twinline.exchange`` writes them as files and for others.
        """
    async def import_(
        self,
        items: Iterable[PromptItem],
        *,
        refused: Sequence[ImportedItem] = (),
        labels: bool = False,
        atomic: bool = False,
        check: bool = False,
        progress: Callable[[int], object] | None = None,
    ) -> ImportReport:
        """Make versions that come from another place, where they are not there yet."""

class AsyncModels:
    """Models, their versions, runs and datasets."""
    async def register(self, new: NewModelVersion, *, key: str | None = None) -> ModelVersion:
        """Register a version by hand, say of a hosted provider's model."""
    async def import_from_mlflow(
        self,
        name: str,
        *,
        number: int | None = None,
        alias: str | None = None,
        server: str = "default",
        workspace: str = "default",
    ) -> ModelVersion:
        """Have the server read a version from its MLflow: by number, alias, or the newest."""
    def list(self) -> AsyncIterator[Model]:
        """Models by name."""
    async def get(self, name: str, number: int) -> ModelVersion:
        """One version."""
    def versions(self, name: str) -> AsyncIterator[ModelVersion]:
        """The versions of a model, the newest first."""
    def names(self) -> AsyncIterator[ModelName]:
        """The names by which traces may mean versions, by provider and name."""
    async def keep_name(
        self, provider: str, name: str, version: ModelVersionRef | str, *, reason: str
    ) -> ModelName:
        """Say which version is meant where traces say this provider (``*``: whichever) and
        model (a whole name, or with ``*`` at its end all that begin so).
        """
    async def drop_name(self, provider: str, name: str) -> ModelName:
        """Let a name stand for nothing any more; what it stood for."""
    async def run(self, id: str) -> Run:
        """A run, with the datasets that went into it."""
    def datasets(self, name: str) -> AsyncIterator[Dataset]:
        """The datasets of a name, one for each digest."""

class AsyncMirror:
    """How far the catalog follows MLflow, and what happened there."""
    async def status(self) -> MirrorStatus:
        """How far the mirror is behind each MLflow server."""
    def drift(self) -> AsyncIterator[MirrorDrift]:
        """What MLflow no longer has as the catalog knows it, the newest finding first."""
    def aliases(self, name: str, kind: MirrorKind = "model") -> AsyncIterator[MirrorAlias]:
        """Where the aliases in MLflow were of what the catalog calls so, the newest first."""
    def tags(self, name: str, kind: MirrorKind = "model") -> AsyncIterator[MirrorTag]:
        """What the tags in MLflow were of what the catalog calls so, and of its versions; as
        `aliases`.
        """
    async def sync(self, server: str | None = None, *, full: bool = False) -> MirrorStatus:
        """Have one server, or all, swept now; `status` shows how far that is."""
    async def install_hooks(self, url: str, server: str = "default") -> InstalledHooks:
        """Have an MLflow server tell this Twinline, which it reaches at ``url``, of changes."""

class AsyncBundles:
    """Bundles and pairings."""
    async def pair(
        self,
        model: bundles.Version,
        prompt: bundles.Version,
        parameters: dict[str, Any] | None = None,
        *,
        key: str | None = None,
    ) -> Bundle:
        """The bundle of a model version and a prompt version; labels and aliases are resolved
        to versions now.
        """
    async def get(self, ref: BundleRef | str) -> Bundle:
        """A bundle by its reference; 12 characters of the digest are enough."""
    def list(self) -> AsyncIterator[Bundle]:
        """Bundles, the newest first."""
    async def state_pairing(
        self,
        model: bundles.Version,
        prompt: bundles.Version,
        status: PairingStatus,
        *,
        reason: str,
        evidence: str = "",
        key: str | None = None,
    ) -> Pairing:
        """Say how two versions go together; the newest word counts."""

class AsyncEvaluations:
    """How versions and bundles scored, and who runs what is to be scored."""
    async def record(self, new: NewEvaluation, *, key: str | None = None) -> Evaluation:
        """Keep how a version or bundle scored on a suite; the newest result counts."""
    async def get(self, ref: EvaluationRef | int) -> Evaluation:
        """One result."""
    def cases(self, ref: EvaluationRef | int, *, failed: bool = False) -> AsyncIterator[CaseResult]:
        """The cases of a result by id, or only those that failed."""
    def list(
        self, subject: evaluations.Subject | None = None, *, suite: str | None = None
    ) -> AsyncIterator[Evaluation]:
        """Results, of a subject or of a suite or all, the newest first."""
    def newest(self, subject: evaluations.Subject) -> AsyncIterator[Evaluation]:
        """The newest result of each suite for a version or bundle."""
    async def compare(
        self, old: evaluations.Subject, new: evaluations.Subject
    ) -> EvaluationComparison:
        """How two versions or bundles did, suite by suite, and which cases went the other way.
        Labels and aliases are looked up.
        """
    async def missing(self, slot: str, bundle: BundleRef | str) -> MissingEvaluations:
        """Which suites a bundle has to pass before it can be deployed to a slot."""
    async def waive(
        self, suite: str, bundle: BundleRef | str, place: str, *, reason: str
    ) -> Waiver:
        """Let a bundle be deployed to an environment or slot without having passed a suite."""
    def waivers(self) -> AsyncIterator[Waiver]:
        """Who let what go live without having passed what; the newest first."""
    async def ask(
        self, suite: str, subject: evaluations.Subject, *, key: str | None = None
    ) -> PendingEvaluation:
        """Ask for a version or bundle to be evaluated; what waits already is not asked twice."""
    def pending(
        self, suite: str | None = None, *, states: Sequence[PendingState] | None = None
    ) -> AsyncIterator[PendingEvaluation]:
        """What waits for a runner, runs, is done or was given up; the newest first."""
    async def get_pending(self, number: int) -> PendingEvaluation:
        """How far a pending evaluation is."""
    async def claim(
        self,
        suites: str | Iterable[str],
        *,
        lease_seconds: int = 60,
        runner: str = "",
        token: str | None = None,
    ) -> tuple[PendingEvaluation, str] | None:
        """Lease the oldest that waits, with the token that holds the lease; None when nothing
        waits. `work` does this and all that follows.
        """
    async def renew(self, number: int, token: str, *, lease_seconds: int = 60) -> PendingEvaluation:
        """Keep a lease."""
    async def report(self, number: int, token: str, found: SuiteResult) -> Evaluation:
        """Record what was found under a lease; once, however often it is sent."""
    async def fail(self, number: int, token: str, error: str) -> PendingEvaluation:
        """Give a lease up, and say why."""
    async def work(
        self,
        suites: str | Iterable[str],
        score: runner.Score,
        *,
        lease_seconds: int = 60,
        poll_seconds: float = 2.0,
        runner: str | None = None,
        stop: threading.Event | None = None,
        until_empty: bool = False,
        told: Callable[[runner.Told], None] = lambda _told: None,
    ) -> int:
        """Run suites, one pending evaluation after the other, until told to stop"""

class AsyncSuites:
    """Named ways to score: what they are, and where they are wanted."""
    async def define(
        self,
        name: str,
        *,
        scores: SubjectKind = "prompt",
        description: str = "",
        threshold: float | None = None,
        command: str = "",
        attempts_max: int = 3,
        reason: str | None = None,
        key: str | None = None,
    ) -> Suite:
        """Say what a suite is, for the first time or anew."""
    def list(self) -> AsyncIterator[Suite]:
        """Suites by name."""
    async def get(self, name: str) -> Suite:
        """A suite, with where it is attached and required."""
    async def attach(self, name: str, prompts: str) -> Suite:
        """From now on evaluate each new version of these prompts: a prompt's name, a folder
        (``support/``), or ``*``.
        """
    async def detach(self, name: str, prompts: str, *, reason: str) -> Suite:
        """Evaluate new versions of these prompts no more."""
    async def require(self, name: str, place: str, *, reason: str) -> Suite:
        """Let nothing be deployed to an environment, or to a slot (``ROUTE@ENVIRONMENT``), that
        has not passed the suite.
        """
    async def release(self, name: str, place: str, *, reason: str) -> Suite:
        """Require the suite there no more."""

class AsyncSlots:
    """What is live where, since when, by whom and why."""
    def list(self, environment: str | None = None) -> AsyncIterator[Slot]:
        """All slots with what is live in each."""
    async def get(self, slot: SlotRef | str, *, at: datetime | None = None) -> Slot:
        """A slot with what is live in it, or was live ``at`` a time."""
    def history(self, slot: SlotRef | str) -> AsyncIterator[Deployment]:
        """A slot's deployments, the newest first."""
    def timeline(self, slot: SlotRef | str) -> AsyncIterator[TimelineEntry]:
        """A slot's deployments, the newest first: what each changed, how long it was live, and
        what it served.
        """
    async def changes(
        self, slot: SlotRef | str, *, since: datetime, until: datetime | None = None
    ) -> Changes:
        """Everything that changed in and around a slot after ``since`` and up to ``until``
        (default: now), in the order in which it is worth looking at.
        """
    async def blame(self, slot: SlotRef | str, *, at: datetime | None = None) -> Blame:
        """What changed last on each side before a moment (default: now), say the one at which a
        metric moved.
        """
    async def deploy(
        self,
        slot: SlotRef | str,
        bundle: BundleRef | str | None = None,
        *,
        policy: dict[str, Any] | None = None,
        reason: str,
        expected: int,
        key: str | None = None,
    ) -> Deployment:
        """Make a bundle or a policy live."""
    async def preview_ramp(
        self,
        slot: SlotRef | str,
        arm: str,
        share: float,
        *,
        rule: str | None = None,
        donor: str | None = None,
    ) -> RampPreview:
        """Which buckets would move so that an arm of a live split gets a share in [0, 1]."""
    async def ramp(
        self,
        slot: SlotRef | str,
        arm: str,
        share: float,
        *,
        reason: str,
        expected: int,
        rule: str | None = None,
        donor: str | None = None,
        key: str | None = None,
    ) -> Deployment:
        """Give an arm of a live split another share; no unit moves that need not."""
    async def preview_rollback(
        self, slot: SlotRef | str, side: Side, *, to: slots.To = None
    ) -> RollbackPreview:
        """What a rollback would do, and what is known about the resulting pairs."""
    async def roll_back(
        self,
        slot: SlotRef | str,
        side: Side,
        *,
        reason: str,
        expected: int,
        to: slots.To = None,
        accept_untested: bool = False,
        key: str | None = None,
    ) -> Deployment:
        """Put one side back, or both; ``expected`` is the live deployment of the preview."""

class AsyncEnvironments:
    """What is live in every slot of an environment."""
    async def live(self, environment: str, *, at: datetime | None = None) -> LiveAt:
        """Every slot with what is live in it, or was live ``at`` a time."""

class AsyncPolicies:
    """Looking at policies before they go live, and at what they do."""
    async def check(self, policy: dict[str, Any]) -> PolicyVerdict:
        """What in a policy is probably not meant."""
    async def schema(self) -> dict[str, Any]:
        """The JSON Schema of a policy."""
    async def explain(
        self,
        slot: SlotRef | str,
        context: dict[str, Any],
        *,
        policy: dict[str, Any] | None = None,
        at: datetime | None = None,
    ) -> PolicyExplanation:
        """Which rule of a slot's policy, or of another one, decides for a context."""
    async def experiment(
        self, slot: SlotRef | str, *, rule: str | None = None, control: str | None = None
    ) -> Experiment:
        """What the arms of a live split did, side by side."""

class AsyncKills:
    """Stopping a slot, a bundle or everything by one call, and letting it go on."""
    async def slot(self, slot: SlotRef | str, reason: str) -> Kill:
        """Stop a slot: it serves nothing."""
    async def bundle(self, bundle: BundleRef | str, reason: str) -> Kill:
        """Stop a bundle: what serves it goes on with its policy's fallback."""
    async def everything(self, reason: str) -> Kill:
        """Stop every slot of every environment."""
    async def lift(self, number: int, reason: str) -> Kill:
        """Let what was stopped go on."""
    def list(self) -> AsyncIterator[Kill]:
        """Every kill switch that was ever thrown, the newest first."""

class AsyncRecalls:
    """Declaring a version bad, everywhere, and taking it out of every slot."""
    async def create(self, node: str, reason: str, *, key: str | None = None) -> RecallDetails:
        """Recall a version, run, dataset, bundle or node of your own; when it is recalled
        already, the recall that stands.
        """
    def list(self) -> AsyncIterator[Recall]:
        """Every recall, in force or lifted, the newest first."""
    async def get(self, number: int) -> RecallDetails:
        """A recall with its report, and where it is still live."""
    async def plan(self, number: int) -> RecallPlan:
        """What `execute` would do now."""
    async def execute(
        self,
        number: int,
        *,
        plan: str,
        reason: str,
        accept_untested: bool = False,
        unsafe: WhenUnsafe = "refuse",
        key: str | None = None,
    ) -> RecallDetails:
        """Carry a plan out, for all slots or none; ``plan`` is the digest of the one that you
        looked at.
        """
    async def lift(self, number: int, reason: str) -> RecallDetails:
        """End a recall; what it took out is not deployed again by that."""
    async def verify(self, number: int) -> RecallVerdict:
        """Whether the report's counts are the same when they are taken again."""

class AsyncInferences:
    """The record of each request, and what came of it."""
    async def resolve(
        self,
        route: str,
        environment: str,
        context: dict[str, Any] | None = None,
        *,
        record: bool = True,
        decision: str | None = None,
        trace_id: str | None = None,
        parent_id: UUID | None = None,
        keep_context: bool = False,
    ) -> Resolution:
        """Which bundle answers a request; the inference is recorded before the answer."""
    async def open_days(self, since: date) -> tuple[date, ...]:
        """Let the ledger take inferences since a day, up to 400 days ago; which days that
        opened.
        """
    async def send_traces(self, request: Json) -> TracesTaken:
        """Send an OTLP ``ExportTraceServiceRequest`` in its JSON form; sending it again changes
        nothing.
        """
    async def record(self, inferences: Sequence[NewInference]) -> BatchResult:
        """Record up to 10,000 inferences; the answer says what became of each."""
    async def add_outcome(self, id: UUID, outcome: NewOutcome) -> Outcome:
        """Say what came of an inference."""
    async def get(self, id: UUID) -> Inference:
        """One inference, with the newest of its measures."""
    def find(
        self, *, trace_id: str | None = None, decision: str | None = None
    ) -> AsyncIterator[Inference]:
        """The inferences of a trace, or of a decision, the newest first."""
    def table(self, wanted: RequestFilter | None = None) -> tables.Table:
        """Every request that was served as a table, for notebooks, the newest first"""
    async def arrivals(
        self,
        cursor: str | None = None,
        *,
        nodes: Sequence[str] = (),
        slot: str | None = None,
        environment: str | None = None,
        status: Status | None = None,
        last: int = 10,
        late_seconds: int = 3600,
    ) -> Arrivals:
        """What arrived since a cursor (``next`` of the answer before), each exactly once;
        without one the ``last`` so many that are here.
        """
    async def explain(self, id: UUID) -> Explanation:
        """The whole story of one inference, as things were at its time."""
    async def replay(self, id: UUID, context: dict[str, Any] | None = None) -> Replay:
        """Evaluate the policy of an inference again, with the context that was kept or with
        this one, and compare.
        """

class AsyncLineageGraph:
    """What came from what, and what a version touched. A node is given by its reference."""
    async def walk(
        self,
        node: Ref | str,
        *,
        direction: Direction = "both",
        depth: int = 10,
        limit: int = 500,
        kinds: Sequence[NodeKind] = (),
        as_of: datetime | None = None,
    ) -> Lineage:
        """Everything upstream or downstream of a node within ``depth`` hops."""
    async def impact(self, node: Ref | str, wanted: RequestFilter | None = None) -> Impact:
        """Everything downstream of a node, counted."""
    def affected(
        self, node: Ref | str, wanted: RequestFilter | None = None
    ) -> AsyncIterator[Inference]:
        """The requests downstream of a node, the newest first."""
    def decisions(
        self, node: Ref | str, wanted: RequestFilter | None = None
    ) -> AsyncIterator[AffectedDecision]:
        """The decisions downstream of a node, each once."""
    def csv(self, node: Ref | str, wanted: RequestFilter | None = None) -> AsyncIterator[bytes]:
        """Every request downstream of a node as CSV, in chunks, however many there are."""
    def table(self, node: Ref | str, wanted: RequestFilter | None = None) -> tables.Table:
        """Every request downstream of a node as a table, for notebooks: ten times as fast as
        the records of `affected`, and more the more there are
        """
    async def prospect(self, change: ProspectKind, node: Ref | str) -> Prospect:
        """What a change would touch that nobody has made yet."""
    async def add_node(
        self,
        type: str,
        name: str,
        *,
        description: str = "",
        properties: dict[str, Any] | None = None,
        owner: str = "",
        since: datetime | None = None,
    ) -> CustomNode:
        """Add something of your own, or say anew what it is."""
    async def node(self, ref: CustomRef | str) -> CustomNode:
        """Something that people added."""
    def nodes(self, type: str | None = None) -> AsyncIterator[CustomNode]:
        """What people added, by type and name."""
    async def connect(
        self,
        source: Ref | str,
        target: Ref | str,
        kind: str,
        *,
        since: datetime | None = None,
        evidence: dict[str, Any] | None = None,
    ) -> Edge:
        """Say that ``target`` came from ``source``, or uses it."""
    async def disconnect(
        self,
        source: Ref | str,
        target: Ref | str,
        kind: str,
        *,
        reason: str,
        until: datetime | None = None,
    ) -> Edge:
        """Say that an edge of yours holds no longer."""
    async def retire(self, node: Ref | str, *, reason: str) -> Withdrawal:
        """Retire a version: nothing that is built on it goes live any more."""
    def retirements(self) -> AsyncIterator[Withdrawal]:
        """Every retirement, the newest first."""
    async def lift(self, number: int, *, reason: str) -> Withdrawal:
        """End a retirement."""
    async def own(self, subject: SlotRef | str, owner: str, contact: str = "") -> Ownership:
        """Say whom to tell about a slot (``ROUTE@ENVIRONMENT``) or a route."""

class AsyncMlflowLinks:
    """Which alias in MLflow goes with a slot, and what others did to it."""
    async def link(
        self,
        slot: SlotRef | str,
        alias: str,
        *,
        writes: bool = True,
        foreign: ForeignMoves = "alert",
        key: str | None = None,
    ) -> AliasLink:
        """Have an alias go with a slot, instead of what went with it before."""
    def list(self) -> AsyncIterator[AliasLink]:
        """All links, and whether each slot and its alias agree."""
    async def get(self, slot: SlotRef | str) -> AliasLink:
        """The link of a slot."""
    async def unlink(self, slot: SlotRef | str) -> AliasLink:
        """End a link; the alias stays where it is in MLflow."""
    def moves(self, slot: SlotRef | str) -> AsyncIterator[ForeignMove]:
        """What others did to the alias of a slot, the newest first."""
    def proposals(
        self, slot: SlotRef | str | None = None, *, waiting: bool = True
    ) -> AsyncIterator[ForeignMove]:
        """What is proposed to be deployed, the newest first; by default only what waits."""
    async def accept(
        self, number: int, *, reason: str, expected: int, key: str | None = None
    ) -> Deployment:
        """Deploy what is proposed; ``expected`` is the live deployment that you looked at."""
    async def decline(self, number: int, *, reason: str) -> ForeignMove:
        """Stay with what is live; a link that writes puts the alias back."""

class AsyncExports:
    """What the catalog knows, in the formats of others."""
    async def cyclonedx(self, bundle: BundleRef | str) -> Json:
        """What a bundle is made of: a CycloneDX 1.7 bill of materials."""
    async def intoto(self, bundle: BundleRef | str, *, signed: bool = True) -> Json:
        """Where a bundle came from: an in-toto statement, in a signed DSSE envelope unless
        ``signed`` is False; `key` verifies it.
        """
    async def key(self) -> ManifestKey:
        """The public key that statements are signed with."""
    async def prov(self, bundle: BundleRef | str) -> Json:
        """How a bundle came to be: its upstream lineage in PROV-JSON."""
    async def graphml(
        self, node: Ref | str, *, direction: Direction = "both", depth: int = 10, limit: int = 500
    ) -> str:
        """What a node came from and what came from it, in GraphML."""
    async def openlineage(self, environment: str, start: datetime, end: datetime) -> list[Json]:
        """What served in an environment from ``start`` up to ``end``, at most 24 hours later:
        an OpenLineage event for each slot, bundle and minute that is over.
        """
    async def told(self, environment: str, start: datetime, end: datetime) -> exports.Told:
        """As `openlineage`, with how far it goes: what is not over by the server's clock is
        told later.
        """

class AsyncFleetView:
    """The applications that resolve in their own process."""
    async def get(self, environment: str) -> Fleet:
        """How far behind each is."""

class AsyncMlflowChanges:
    """Every change in the registries of MLflow servers that run with Twinline's outbox."""
    def list(
        self, server: str = "default", *, name: str | None = None, after: int = 0
    ) -> AsyncIterator[MlflowChange]:
        """Changes in the order in which they were told, of one registered model or prompt or of
        all; only those with a number above ``after``.
        """

class AsyncKeys:
    """API keys; for admins."""
    async def issue(self, owner: str, role: Role, expires_at: datetime | None = None) -> IssuedKey:
        """Make a key. Its secret is in this answer and cannot be had again."""
    def list(self) -> AsyncIterator[ApiKey]:
        """All keys, without their secrets."""
    async def revoke(self, prefix: str) -> ApiKey:
        """Revoke a key: it is refused from the next request on."""

class AsyncAudit:
    """Who did what, when, to what and why; for auditors."""
    def events(self) -> AsyncIterator[AuditEvent]:
        """The audit log, the newest event first."""
    async def verify(self) -> ChainVerdict:
        """Have the server recompute every hash."""

class AsyncNouns:
    """Has every noun of a client, by the same name."""

    prompts: AsyncPrompts
    models: AsyncModels
    mirror: AsyncMirror
    bundles: AsyncBundles
    evaluations: AsyncEvaluations
    suites: AsyncSuites
    slots: AsyncSlots
    environments: AsyncEnvironments
    policies: AsyncPolicies
    kills: AsyncKills
    recalls: AsyncRecalls
    inferences: AsyncInferences
    lineage: AsyncLineageGraph
    mlflow_links: AsyncMlflowLinks
    exports: AsyncExports
    fleet: AsyncFleetView
    mlflow_changes: AsyncMlflowChanges
    keys: AsyncKeys
    audit: AsyncAudit
    def __init__(self, client: Client, waiting: Waiting) -> None: ...
