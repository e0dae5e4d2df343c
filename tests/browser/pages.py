"""All pages: what each is called, and an address of it with places for what a catalog holds.

A page more is a line more; `test_pages` says so when one is forgotten.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from twinline.client import Client

SLOT = "support-reply@production"
"""A slot that four weeks of history have much to tell of."""

SIGN_IN = "sign in"
PAGES: Mapping[str, str] = {
    "overview": "/",
    SIGN_IN: "/login",
    "prompts": "/prompts",
    "prompt": "/prompts/{prompt}",
    "prompt version": "/prompts/{prompt}/versions/{number}",
    "labels": "/prompts/{prompt}/labels",
    "compare prompt versions": "/compare?prompt={prompt}&old={old_number}&new={number}",
    "write a prompt": "/write",
    "write a version": "/write?prompt={prompt}",
    "models": "/models",
    "model": "/models/{model}",
    "model version": "/models/{model}/versions/{model_number}",
    "dataset": "/lineage?node={dataset}",
    "lineage, nothing chosen": "/lineage",
    "lineage": "/lineage?node={bundle}",
    "lineage of something live": "/lineage?node={model_version}",
    "bundles": "/bundles",
    "bundle": "/bundles/{digest}",
    "compare bundles": "/bundles/compare?old={old_digest}&new={digest}",
    "evaluation": "/evaluations/{evaluation}",
    "environments": "/environments",
    "environment": "/environments/{environment}",
    "environment then": "/environments/{environment}?at={then}",
    "slot": "/slots/{slot}",
    "slot then": "/slots/{slot}?at={then}",
    "deploy somewhere": "/deploy",
    "deploy": "/slots/{slot}/deploy",
    "deploy, chosen": "/slots/{slot}/deploy?bundle={old_digest}",
    "ways back": "/slots/{slot}/rollback",
    "rollback": "/slots/{slot}/rollback?side=prompt",
    "deployment": "/slots/{slot}/deployments/{deployment}",
    "changes": "/changes?slot={slot}&from={then}&to={now}",
    "experiments, nothing chosen": "/experiments",
    "experiments": "/experiments?slot={slot}",
    "impact, nothing chosen": "/impact",
    "impact": "/impact?node={prompt_version}",
    "requests": "/inferences",
    "request": "/inferences/{inference}",
    "recalls": "/recalls",
    "recall": "/recalls/{recall}",
    "lift a recall": "/recalls/{recall}/lift",
    "recall something": "/recall?node={prompt_version}",
    "audit": "/audit",
    "audit, checked": "/audit?verify=true",
    "settings": "/settings",
    "settings of environments": "/settings/environments",
    "settings of MLflow": "/settings/mlflow",
    "settings of clients": "/settings/clients",
    "settings of the server": "/settings/server",
    "revoke a key": "/settings/keys/{key_prefix}/revoke",
    "search, nothing typed": "/search",
    "search": "/search?q={prompt}",
    "search, nothing found": "/search?q=no+such+thing",
    "prompt that is none": "/prompts/no/such/thing",
}
STATUS: Mapping[str, int] = {"prompt that is none": 404}
"""With what a page is answered that is not answered with 200."""

DOWNLOADS: Mapping[str, str] = {
    "impact as CSV": "/impact.csv?node=routes:/{slot}",
    "lineage as CSV": "/lineage.csv?node={bundle}",
    "requests as CSV": "/inferences.csv",
    "bundle as CycloneDX": "/bundles/{digest}/cyclonedx.json",
    "comparison as text": "/compare.txt?prompt={prompt}&old={old_number}&new={number}",
}


@dataclass(frozen=True)
class Places:
    """What stands in the addresses: things that a catalog holds."""

    prompt: str
    number: int
    old_number: int
    model: str
    model_number: int
    dataset: str
    digest: str
    old_digest: str
    evaluation: int
    slot: str
    deployment: int
    then: str
    now: str
    """When this was looked up: an end that stays."""
    inference: str
    recall: int
    key_prefix: str

    def fill(self, address: str) -> str:
        """An address with everything in its place."""
        values = {name: quote(str(value), safe="/@:") for name, value in asdict(self).items()}
        values["environment"] = self.slot.rpartition("@")[2]
        values["bundle"] = quote(f"bundles:/{self.digest}")
        values["prompt_version"] = quote(f"prompts:/{self.prompt}/{self.number}")
        values["model_version"] = quote(f"models:/{self.model}/{self.model_number}")
        return address.format(**values)

    def every(self) -> Mapping[str, str]:
        """The address of each page, by its name."""
        return {name: self.fill(address) for name, address in PAGES.items()}


def places(client: Client, slot: str) -> Places:
    """What there is around a slot that was deployed to at least twice."""
    newest, *_, oldest = client.slots.history(slot)
    bundle = client.bundles.get(newest.bundle)
    assert bundle.prompt is not None
    assert bundle.model is not None
    run = client.models.get(bundle.model.name, bundle.model.number).run
    assert run is not None
    return Places(
        prompt=bundle.prompt.name,
        number=bundle.prompt.number,
        old_number=1,
        model=bundle.model.name,
        model_number=bundle.model.number,
        dataset=str(client.models.run(run.id).datasets[0]),
        digest=newest.bundle.digest,
        old_digest=oldest.bundle.digest,
        evaluation=next(iter(client.evaluations.list())).ref.number,
        slot=slot,
        deployment=newest.number,
        then=oldest.at.isoformat(),
        now=datetime.now(UTC).isoformat(),
        inference=str(next(iter(client.lineage.affected(f"routes:/{slot}"))).id),
        recall=next(iter(client.recalls.list())).number,
        key_prefix=next(iter(client.keys.list())).prefix,
    )
