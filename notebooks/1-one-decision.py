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
# # One decision's whole story
#
# A customer wrote, got a reply, and wrote again. Which model and which prompt answered each time,
# who had made them live and why, and what had they come from? A *decision* is your own reference (a
# ticket, a loan) that requests carry, so it is where such a question begins.
#
# Without `TWINLINE_URL` the first cell plays four weeks of a demo catalog on this machine.

# %%
from datetime import UTC, datetime, timedelta

import networkx as nx
from matplotlib import pyplot as plt

from twinline.client.frames import to_networkx, to_pandas
from twinline.language.records import RequestFilter
from twinline.notebooks import COLOURS, GREY, connect, use_style

client = connect()
use_style()
DECISION = None  # one of yours; None takes the one that met most pairs

# %% [markdown]
# ## Every request that carries it
# Where no decision is named, the one whose requests were served by most different bundles is the
# most instructive.

# %%
if DECISION is None:
    lately = RequestFilter(begin=datetime.now(UTC) - timedelta(days=35))
    requests = to_pandas(client.inferences.table(lately)).dropna(subset=["decision", "deployment"])
    if requests.empty:
        raise LookupError("no request of these weeks carries a decision: name one in DECISION")
    met = requests.astype({"bundle": str}).groupby("decision")["bundle"].agg(["nunique", "size"])
    DECISION = met.sort_values(["nunique", "size"], kind="stable").index[-1]
carrying = [one for one in client.inferences.find(decision=DECISION) if one.deployment]
if not carrying:
    raise LookupError(f"no request of a slot carries {DECISION}")
story = sorted(carrying, key=lambda one: one.at)
told = [client.inferences.explain(one.id) for one in story]
columns = ["at", "deployment", "served_from", "measured.status", "measured.score"]
to_pandas(story)[columns].assign(
    model=[str(one.bundle.model) for one in told], prompt=[str(one.bundle.prompt) for one in told]
)

# %% [markdown]
# ## Where the worst answer came from
# An explanation shows things as they were at the time of the request: the deployment with its
# author and reason, both sides of the pair, and the run and datasets behind the model.

# %%
scored = [one for one in told if one.inference.measured.score is not None]
worst = min(scored, key=lambda one: one.inference.measured.score, default=told[-1])
deployment = worst.deployment
print(f"{worst.inference.ref} at {worst.inference.at:%Y-%m-%d %H:%M} UTC")
print(f"  outcome   {worst.inference.measured.status}, score {worst.inference.measured.score}")
print(
    f"  chosen by {deployment.ref}: {deployment.reason} ({deployment.actor}, {deployment.at:%d %b})"
)
print(f"  prompt    {worst.prompt.ref} by {worst.prompt.author}: {worst.prompt.message}")
print(f"  model     {worst.model.ref} from {worst.run.ref if worst.run else 'no run'}")
print(f"  trained on {', '.join(str(one.ref) for one in worst.datasets) or 'nothing known'}")
for one in worst.evaluations:
    print(f"  evaluated {one.suite}: {one.verdict}, {one.passed} of {one.passed + one.failed}")

# %%
walk = client.lineage.walk(worst.bundle.ref, direction="upstream")
walk

# %% [markdown]
# ## The same from the graph
# The longest path upstream is how far back the story goes. The explanation and the graph are told
# by different parts of the catalog; they have to agree.

# %%
graph = to_networkx(walk)
print(" → ".join(nx.dag_longest_path(graph)))
upstream = nx.ancestors(graph, str(worst.bundle.ref))
stated = {str(one.ref) for one in (worst.prompt, worst.model, worst.run, *worst.datasets) if one}
assert stated <= upstream, stated - upstream
assert nx.is_directed_acyclic_graph(graph)

# %% [markdown]
# ## When it met which deployment
# Each bar is a deployment of the slot for as long as it was live; the marks are the requests.

# %%
entries = list(client.slots.timeline(worst.inference.slot))[::-1]
figure, axes = plt.subplots(figsize=(8, 3.6))
for row, entry in enumerate(entries):
    begin, end = entry.deployment.at, entry.until or datetime.now(UTC)
    axes.barh(row, end - begin, left=begin, height=0.7, color=GREY, alpha=0.5)
marks = {"ok": ("o", COLOURS[0]), "error": ("X", COLOURS[1])}
rows = {str(entry.deployment.ref): row for row, entry in enumerate(entries)}
for status, (mark, colour) in marks.items():
    answered = [one for one in story if one.measured.status == status]
    answered = [one for one in answered if str(one.deployment) in rows]  # of this slot
    heights = [rows[str(one.deployment)] for one in answered]
    axes.scatter(
        [one.at for one in answered], heights, marker=mark, color=colour, s=60, label=status
    )
axes.set(
    xlabel="time (UTC)", ylabel="deployment", title=f"{DECISION} in {worst.inference.slot.short}"
)
axes.set_yticks(range(len(entries)), [entry.deployment.number for entry in entries])
figure.autofmt_xdate()
axes.legend(title="outcome")
plt.show()

# %%
for one in told:
    live = client.slots.get(one.inference.slot, at=one.inference.at).live
    late = one.inference.deployment.number < live.number
    assert one.inference.deployment.number <= live.number, "answered before it was live"
    assert one.inference.bundle == one.deployment.bundle, "not what its deployment serves"
    assert late or client.inferences.replay(one.inference.id).same, "its policy says another pair"
