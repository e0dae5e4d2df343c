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
# # Impact of a bad dataset
#
# A dataset turns out to be bad. Which requests and decisions were answered by what was built on
# it, was it worse for them, where is it live still, and what single version would have kept all
# of it away?
#
# Without `TWINLINE_URL` the first cell plays four weeks of a demo catalog on this machine.

# %%
import networkx as nx
import pandas as pd
from matplotlib import pyplot as plt

from twinline.client.frames import to_networkx, to_pandas
from twinline.experiments.rules import proportion, proportion_difference
from twinline.language.records import RequestFilter
from twinline.notebooks import COLOURS, GREY, connect, use_style

client = connect()
use_style()
DATASET = None  # one of yours, as datasets:/NAME/DIGEST
if DATASET is None:  # the newest that was recalled, or else one that something live is built on
    bad = [one.node for one in client.recalls.list()]
    live = [slot.live.ref for slot in client.slots.list() if slot.live]
    below = [client.lineage.walk(ref, direction="upstream", limit=2000) for ref in live]
    found = [*bad, *(node.ref for walk in below for node in walk.nodes)]
    DATASET = next((ref for ref in found if ref.startswith("datasets:/")), None)
if DATASET is None:
    raise LookupError("nothing live is built on a dataset that MLflow knows: name one in DATASET")

# %% [markdown]
# ## How much, and where
# The counts come from rollups, the table from the requests themselves: two ways to the same
# number. The counts are asked for before and after, because requests may go on.

# %%
impact = client.lineage.impact(DATASET)
touched = to_pandas(client.lineage.table(DATASET))
after = client.lineage.impact(DATASET)
if touched.empty:
    raise LookupError(f"no request was served by what was built on {DATASET}")
print(
    f"{DATASET}: {impact.service.requests:,} requests, {touched['decision'].nunique():,} decisions,"
)
print(
    f"{impact.service.errors:,} errors; live now: {', '.join(map(str, impact.live)) or 'nowhere'}"
)
for name, count in (
    ("requests", len(touched)),
    ("errors", (touched["measured.status"] == "error").sum()),
    ("decision_requests", touched["decision"].notna().sum()),
):
    assert getattr(impact.service, name) <= count <= getattr(after.service, name), name
to_pandas(impact.slots)[["slot", "live", "service.requests", "service.errors", "service.score"]]

# %%
since = RequestFilter(begin=touched["at"].min().floor("D").to_pydatetime())
everything = to_pandas(client.inferences.table(since)).astype({"slot": str, "bundle": str})
everything["touched"] = everything["id"].isin(touched["id"])
days = everything.groupby([everything["at"].dt.floor("D"), "touched"]).size().unstack()
days = days.reindex(columns=[False, True]).fillna(0)
figure, axes = plt.subplots(figsize=(8, 3))
axes.bar(days.index, days[False], color=GREY, alpha=0.5, label="other requests")
axes.bar(days.index, days[True], bottom=days[False], color=COLOURS[1], label="built on it")
axes.set(xlabel="day (UTC)", ylabel="requests a day", title=DATASET)
figure.autofmt_xdate()
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()
assert days[True].sum() == len(touched)

# %% [markdown]
# ## Was it worse for those whom it touched?
# In each slot: the error share of requests that were built on it, less that of all others on the
# same prompts. A customer who writes again is counted once, by the first request, so that
# requests are independent. Shares have Wilson's interval, differences Newcombe's (method 10),
# both 95 %; a wide interval says that there was little to see, not that all was well. A slot
# where everything was built on it has no others to compare with, and is left out.

# %%
known = everything.dropna(subset=["measured.status"]).sort_values("at")
firsts = known[~known["decision"].fillna(known["id"]).duplicated()]
prompts = set(touched["prompt"].astype(str))
alike = firsts[
    firsts["prompt"].astype(str).isin(prompts) & firsts["slot"].str.startswith("routes:/")
]
rows = []
for slot, asked in alike.groupby("slot"):
    errors = asked["measured.status"].astype(str) == "error"
    inside, outside = errors[asked["touched"]], errors[~asked["touched"]]
    if len(inside) and len(outside):
        found, others = (proportion(int(side.sum()), len(side)) for side in (inside, outside))
        worse = proportion_difference(found, others)
        rows.append(
            (
                slot,
                len(inside),
                len(outside),
                found.value,
                others.value,
                *worse.model_dump().values(),
            )
        )
columns = [
    "slot",
    "n on it",
    "n others",
    "errors on it",
    "errors others",
    "difference",
    "low",
    "high",
]
harm = pd.DataFrame(rows, columns=columns).set_index("slot")
harm.round(3)

# %%
figure, axes = plt.subplots(figsize=(8, 1 + 0.6 * len(harm)))
whiskers = [harm["difference"] - harm["low"], harm["high"] - harm["difference"]]
places = [
    f"{slot}\nn = {row['n on it']:.0f} and {row['n others']:.0f}" for slot, row in harm.iterrows()
]
axes.errorbar(
    harm["difference"] * 100, places, xerr=[side * 100 for side in whiskers], fmt="o", capsize=4
)
axes.axvline(0, color=GREY, linewidth=1)
axes.set(xlabel="errors on it less errors of others (percentage points, 95 %)")
axes.margins(y=0.3)
plt.show()

# %% [markdown]
# ## What would have kept all of it away?
# Everything that ever served something built on the dataset leads into one end. The *dominators*
# of that end lie on every path from the dataset to it: recalling any one of them reaches all of
# it, and the nearest to the end reaches least else.

# %%
below = to_networkx(client.lineage.walk(DATASET, direction="downstream", depth=10, limit=2000))
assert below.graph["left_out"] == 0
served = [ref for ref, kind in below.nodes(data="kind") if kind == "deployment"]
below.add_edges_from((ref, "the end") for ref in served)
parents = nx.immediate_dominators(below, DATASET)
chain = [parents["the end"]]
while chain[-1] != DATASET:
    chain.append(parents[chain[-1]])
print("on every path: " + " → ".join(reversed(chain)))
for ref in chain:
    without = below.subgraph(set(below) - {ref})
    assert ref == DATASET or not nx.has_path(without, DATASET, "the end")

# %% [markdown]
# ## What single version would stop everything that is live now?
# A slot stands on all of its two sides, so a bad version stops every slot downstream of it. Parts
# that prompts share are easily overlooked: they serve under other names. Betweenness, by which
# equals are put in order, is the share of shortest paths that lead through a version.

# %%
live = [slot for slot in client.slots.list() if slot.live and slot.environment == "production"]
walks = [client.lineage.walk(slot.live.ref, direction="upstream", limit=2000) for slot in live]
whole = nx.compose_all([to_networkx(walk) for walk in walks])
versions = [ref for ref, kind in whole.nodes(data="kind") if kind in ("prompt", "model")]
ends = {str(slot.live.ref) for slot in live}
reach = pd.Series({ref: len(nx.descendants(whole, ref) & ends) for ref in versions})
between = pd.Series(nx.betweenness_centrality(nx.DiGraph(whole)))[versions]
ranking = pd.DataFrame({"slots": reach, "betweenness": between}).sort_values(
    ["slots", "betweenness"]
)
colours = [COLOURS[1] if slots == len(ends) else COLOURS[0] for slots in ranking["slots"]]
figure, axes = plt.subplots(figsize=(8, 1 + 0.35 * len(ranking)))
axes.barh(ranking.index, ranking["slots"], color=colours)
axes.set(
    xlabel="production slots that it would stop", title=f"versions below all {len(ends)}: orange"
)
axes.set_xticks(range(len(ends) + 1))
plt.show()
for ref, row in ranking.iterrows():  # told by the ledger's side of the catalog, too
    assert (
        sum(slot.environment == "production" for slot in client.lineage.impact(ref).live)
        == row["slots"]
    )
