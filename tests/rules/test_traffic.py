"""Whether a bundle had as much traffic in a slot before, by the policies that were live there."""

import pytest

from tests.support import policies
from twinline.deployments.rules import had
from twinline.language.refs import BundleRef
from twinline.routing.policy import Policy, read_policy, single

A, B, C = (BundleRef(letter * 64) for letter in "abc")


def canary(share: float) -> Policy:
    """A is the default, B has a share."""
    return read_policy(policies.canary(A, B, share, salt="s"))


@pytest.mark.parametrize(
    ("history", "bundle", "buckets", "found"),
    [
        pytest.param([], A, 1, False, id="nothing-was-live"),
        pytest.param([single(A)], A, 100_000, True, id="all-of-it"),
        pytest.param([single(A)], B, 1, False, id="another-had-it"),
        pytest.param([canary(0.2)], B, 20_000, True, id="as-much-in-an-arm"),
        pytest.param([canary(0.2)], B, 20_001, False, id="less-in-an-arm"),
        pytest.param([canary(0.2), canary(0.5)], B, 50_000, True, id="as-much-some-time"),
        pytest.param([canary(0.2)], A, 100_000, True, id="the-default-beside-an-arm"),
        pytest.param([read_policy(policies.by_tenant(A, "t", C))], C, 1, False, id="in-a-rule"),
    ],
)
def test_what_a_bundle_had(
    history: list[Policy], bundle: BundleRef, buckets: int, found: bool
) -> None:
    assert had(history, bundle, buckets) is found
