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
# # Rollbacks: why, and how soon
#
# What was taken back, on which side, for which reason, how long it had been live by then, and
# what that cost in requests that ended badly.
#
# Without `TWINLINE_URL` the first cell plays four weeks of a demo catalog on this machine.

# %%
import networkx as nx
import pandas as pd
from matplotlib import pyplot as plt

from twinline.experiments.rules import proportion, proportion_difference
from twinline.notebooks import COLOURS, GREY, connect, use_style

client = connect()
use_style()
ENVIRONMENT = "production"  # yours

# %% [markdown]
# ## Every way back
# A rollback names the deployment that had brought in what it takes out; a recall takes out all
# that is built on something bad. The lead time runs from that deployment to the way back.

# %%
slots = list(client.slots.list(environment=ENVIRONMENT))
timelines = {
    slot.ref.short: sorted(client.slots.timeline(slot.ref), key=lambda one: one.deployment.number)
    for slot in slots
}


def brought_in(entries, back):
    """The deployment that brought in what a way back takes out."""
    if back.deployment.undoes:
        return entries[back.deployment.undoes - 1]
    return entries[back.deployment.number - 2]  # a recall: what was live before it


rows = []
for slot, entries in timelines.items():
    assert [one.deployment.number for one in entries] == list(range(1, len(entries) + 1))
    for back in entries:
        if back.deployment.kind in ("rollback", "recall"):
            bad = brought_in(entries, back)
            between = entries[bad.deployment.number - 1 : back.deployment.number - 1]
            rows.append(
                {
                    "slot": slot,
                    "number": back.deployment.number,
                    "kind": back.deployment.kind,
                    "side": " and ".join(
                        side for side in ("model", "prompt") if getattr(back.changed, side)
                    ),
                    "at": back.deployment.at,
                    "hours": (back.deployment.at - bad.deployment.at).total_seconds() / 3600,
                    "bad": bad.deployment.number,
                    "requests": sum(one.service.requests for one in between),
                    "errors": sum(one.service.errors for one in between),
                    "reason": back.deployment.reason,
                }
            )
if not rows:
    raise LookupError(f"nothing was ever taken back in {ENVIRONMENT}")
backs = pd.DataFrame(rows).sort_values("at", ignore_index=True)
backs.round({"hours": 1})

# %% [markdown]
# ## Lead times
# With so few, each is shown, and the median beside the range; a mean or an interval would say
# more than is known.

# %%
labels = backs["slot"].str.removesuffix(f"@{ENVIRONMENT}") + " " + backs["number"].astype(str)
figure, axes = plt.subplots(figsize=(8, 1 + 0.45 * len(backs)))
colours = backs["side"].map({"prompt": COLOURS[0], "model": COLOURS[1]}).fillna(COLOURS[3])
axes.barh(labels, backs["hours"], color=colours)
for place, (hours, reason) in enumerate(zip(backs["hours"], backs["reason"], strict=True)):
    axes.annotate(
        reason, (hours, place), (5, 0), textcoords="offset points", va="center", color=GREY
    )
median = backs["hours"].median()
axes.axvline(median, color=GREY, linestyle="--", alpha=0.5)
axes.grid(axis="y", visible=False)
axes.set(xlabel=f"lead time (hours); dashed: the median, {median:.1f} h, of n = {len(backs)}")
axes.set(title="prompt back: blue, model back: orange", xlim=(0, backs["hours"].max() * 2.1))
axes.invert_yaxis()
plt.show()
assert (backs["hours"] > 0).all(), "taken back before it was live"

# %% [markdown]
# ## Did it help?
# Errors under what was taken out, less errors under what came back. Requests are those that name
# the deployments; Newcombe's interval of the difference, 95 %. Customers who write again count
# each time, so intervals are a little too narrow.

# %%
rows = []
for one in backs.itertuples():
    entries = timelines[one.slot]
    out, came = entries[one.number - 2].service, entries[one.number - 1].service
    shares = [proportion(each.errors, each.requests) for each in (out, came)]
    less = proportion_difference(*shares)
    if less is not None:
        rows.append(
            (
                f"{one.slot} {one.number}",
                out.requests,
                came.requests,
                less.value,
                less.low,
                less.high,
            )
        )
helped = pd.DataFrame(rows, columns=["way back", "n out", "n back", "fewer errors", "low", "high"])
helped["helped"] = helped["low"].gt(0).map({True: "yes", False: "cannot be told"})
helped.round(3)

# %% [markdown]
# ## What waiting cost
# Errors beyond the share of what came back, over all requests between: what a rollback in the
# first minute would have spared. A rollback of one side only, that did not help, is followed by
# another. Where nobody has asked since, it is not known.

# %%
after = [timelines[one.slot][one.number - 1].service for one in backs.itertuples()]
good = pd.Series([one.error_rate for one in after], dtype=float)  # NaN: nothing asked since
cost = backs.assign(spared=(backs["errors"] - backs["requests"] * good).clip(lower=0))
figure, axes = plt.subplots(figsize=(8, 3.4))
for kind, mark in (("rollback", "o"), ("recall", "D")):
    some = cost[cost["kind"] == kind]
    axes.scatter(some["hours"], some["spared"], marker=mark, s=50, label=kind)
for place, name in enumerate(labels):
    axes.annotate(
        name,
        (cost["hours"][place], cost["spared"][place]),
        (6, 4),
        textcoords="offset points",
        fontsize=8,
    )
axes.set(xlabel="lead time (hours)", ylabel="errors to be spared", xlim=(0, None))
axes.margins(x=0.15, y=0.15)
axes.legend()
plt.show()
print(f"{cost['spared'].sum():.0f} errors in all")

# %% [markdown]
# ## Where pairs came back
# Each slot's history as a walk from pair to pair. What was left and came back lies on a cycle; a
# way back that leads to a pair which was live before closes one.

# %%
for slot, entries in timelines.items():
    pairs = [str(one.deployment.bundle) for one in entries]
    walk = nx.DiGraph()
    nx.add_path(walk, pairs)
    walk.remove_edges_from(list(nx.selfloop_edges(walk)))
    again = [pair for pair in walk if pairs.count(pair) > 1]
    on_cycles = set().union(
        *(part for part in nx.strongly_connected_components(walk) if len(part) > 1)
    )
    print(f"{slot}: {len(entries)} deployments of {len(set(pairs))} pairs, {len(again)} came back")
    assert set(again) <= on_cycles
    for one in entries:  # what a rollback puts back, this slot had before, side by side
        if one.deployment.kind == "rollback":
            earlier = [
                each.deployment
                for each in entries
                if each.deployment.number < one.deployment.number
            ]
            assert one.deployment.prompt in {each.prompt for each in earlier}
            assert one.deployment.model in {each.model for each in earlier}
