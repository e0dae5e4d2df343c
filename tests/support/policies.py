"""Policy documents as people write them."""

from typing import Any

from twinline.language.refs import BundleRef

SCHEMA = "routing-policy/1"
BUCKETS = 100_000


def arm(name: str, bundle: BundleRef, *ranges: tuple[int, int]) -> dict[str, Any]:
    """An arm with the buckets that it owns."""
    return {"name": name, "bundle": str(bundle), "ranges": [list(one) for one in ranges]}


def two_arms(control: BundleRef, canary: BundleRef, share: float) -> list[dict[str, Any]]:
    """Control and canary, the canary at the top."""
    border = BUCKETS - round(share * BUCKETS)
    owned = {"control": (0, border), "canary": (border, BUCKETS)}
    bundles = {"control": control, "canary": canary}
    return [arm(name, bundles[name], one) for name, one in owned.items() if one[0] < one[1]]


def canary(
    control: BundleRef, canary: BundleRef, share: float = 0.05, *, salt: str | None = None
) -> dict[str, Any]:
    """A policy that gives a share of the users another bundle than all others."""
    salted = {"salt": salt} if salt else {}
    split = {**salted, "arms": two_arms(control, canary, share)}
    return {
        "schema": SCHEMA,
        "unit": {"by": ["user.id"]},
        "rules": [{"id": "rollout", "serve": {"split": split}}],
        "default": {"bundle": str(control)},
    }


def by_tenant(default: BundleRef, tenant: str, bundle: BundleRef, **more: Any) -> dict[str, Any]:
    """A policy that serves one tenant another bundle; ``more`` is of the rule."""
    when = {"attr": "tenant", "op": "eq", "value": tenant}
    rule = {"id": "regulated", "when": when, "serve": {"bundle": str(bundle)}, **more}
    return {"schema": SCHEMA, "rules": [rule], "default": {"bundle": str(default)}}
