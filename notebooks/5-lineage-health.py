# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lineage health
#
# Lineage helps as far as it is whole. What was made and leads nowhere (orphans), which requests
# name a pair that nobody knows (unresolved) or no slot (undeclared), and where was something else
# served than what was declared?
#
# Without `TWINLINE_URL` the first cell plays four weeks of a demo catalog on this machine.

# %%
from datetime import UTC, datetime, timedelta

import networkx as nx
import pandas as pd
from matplotlib import pyplot as plt

from twinline.client.frames import to_networkx, to_pandas
from twinline.experiments.rules import proportion
from twinline.language.records import RequestFilter
from twinline.notebooks import COLOURS, GREY, connect, use_style
from twinline.routing.policy import read_policy

client = connect()
use_style()
GRACE = timedelta(seconds=60)  # how late a request may name a deployment that was replaced

# %% [markdown]
# ## The whole graph
# All versions and bundles, with everything downstream and upstream of them.

# %%
prompts = [one for prompt in client.prompts.list() for one in client.prompts.versions(prompt.name)]
models = [one for model in client.models.list() for one in client.models.versions(model.name)]
bundles = [one for one in client.bundles.list() if one.model and one.prompt]
made = [str(one.ref) for one in (*prompts, *models, *bundles)]
walks = [client.lineage.walk(ref, limit=2000) for ref in made]
assert not any(walk.left_out for walk in walks)
graph = nx.compose_all([to_networkx(walk) for walk in walks])
kinds = pd.Series(dict(graph.nodes(data="kind")))
assert set(made) <= set(graph)
for bundle in bundles:  # each pair stands in the graph on exactly the sides that its record says
    sides = {str(bundle.model), str(bundle.prompt)}
    assert set(graph.predecessors(str(bundle.ref))) >= sides, bundle.ref
kinds.value_counts()

# %% [markdown]
# ## Orphans: nothing of them was ever live
# What has no deployment downstream. An orphan is no fault; many of them are work that led
# nowhere, and each may still be picked by a label or by hand. An *island* is a part of the graph
# without an edge to the rest.

# %%
deployed = set(kinds[kinds == "deployment"].index)
ever_live = set().union(*(nx.ancestors(graph, ref) for ref in deployed))
orphans = [ref for ref in made if ref not in ever_live]
islands = [sorted(part) for part in nx.weakly_connected_components(graph) if not part & deployed]
print("never live:", *orphans, sep="\n  ")
print("islands:", *(", ".join(part) for part in islands), sep="\n  ")
for ref in orphans:
    assert client.lineage.impact(ref).deployments == 0, ref

# %% [markdown]
# ## What requests say, against what was declared
# Each request of the last five weeks is put into the first of these classes that fits:
# - *unresolved*: it names a model or a prompt that the catalog does not know;
# - *undeclared*: it names no slot;
# - *not permitted*: its deployment does not serve its bundle;
# - *late*: its deployment was replaced more than a minute before;
# - *as declared*: the rest.

# %%
begin = datetime.now(UTC) - timedelta(days=35)
asked = to_pandas(client.inferences.table(RequestFilter(begin=begin)))
asked = asked.astype({"deployment": "string", "bundle": "string"})
deployments = {
    str(entry.deployment.ref): entry
    for slot in client.slots.list()
    for entry in client.slots.timeline(slot.ref)
}
ends = asked["deployment"].map({ref: entry.until for ref, entry in deployments.items()})
ends = pd.to_datetime(ends, utc=True)
late = asked["at"] > ends + GRACE
permitted = {
    ref: {str(bundle) for bundle in read_policy(entry.deployment.policy).bundles()}
    for ref, entry in deployments.items()
}
named = asked["deployment"].fillna("").to_list()
other = pd.Series(
    [
        ref in permitted and bundle not in permitted[ref]
        for ref, bundle in zip(named, asked["bundle"], strict=True)
    ],
    index=asked.index,
)
classes = pd.Series("as declared", index=asked.index)
classes[late] = "late"
classes[other] = "not permitted"
classes[asked["slot"].isna()] = "undeclared"
classes[asked["model"].isna() | asked["prompt"].isna()] = "unresolved"
counts = classes.value_counts()
assert counts.sum() == len(asked)

# %% [markdown]
# ## The catalog's own word on it
# `divergences` compares what was declared with what was observed on the server, in SQL. It counts
# a request twice that is both late and not permitted, and tells of slots that nobody asks.

# %%
found = client.divergences(since=begin, limit=100)
assert found.counts.get("no-longer-live", 0) >= late.sum()  # more, while requests go on
assert found.counts.get("bundle-not-permitted", 0) >= other.sum()
unseen = [str(one.slot) for one in found.items if one.kind == "not-seen"]
print("live, but nobody asks:", ", ".join(unseen) or "none")
columns = ["kind", "slot", "deployment", "requests", "off_seconds"]
to_pandas(found.items).reindex(columns=columns).head(8)

# %%
order = ["as declared", "late", "not permitted", "undeclared", "unresolved"]
weeks = pd.crosstab(asked["at"].dt.floor("7D"), classes).reindex(columns=order, fill_value=0)
assert weeks.to_numpy().sum() == len(asked)
figure, axes = plt.subplots(figsize=(8, 3.6))
for place, (name, colour) in enumerate(zip(order[1:], COLOURS, strict=False)):
    shares = [proportion(int(week[name]), int(week.sum())) for _, week in weeks.iterrows()]
    values = [100 * one.value for one in shares]
    whiskers = [
        [100 * (one.value - one.low) for one in shares],
        [100 * (one.high - one.value) for one in shares],
    ]
    places = [row + 0.18 * (place - 1.5) for row in range(len(weeks))]
    axes.bar(places, values, width=0.16, color=colour, label=name)
    axes.errorbar(places, values, yerr=whiskers, fmt="none", ecolor=GREY, capsize=2)
labels = [f"{begin:%d %b}\nn = {week.sum():,}" for begin, week in weeks.iterrows()]
axes.set_xticks(range(len(weeks)), labels)
axes.set(xlabel="week from", ylabel="requests (%, Wilson 95 %)", ylim=(0, None))
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()
