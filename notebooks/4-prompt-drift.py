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
# # Prompt drift
#
# A prompt changes in small steps, each with a good reason. How far has it come from what was once
# reviewed, step by step and in all, and did replies change with it?
#
# Without `TWINLINE_URL` the first cell plays four weeks of a demo catalog on this machine.

# %%
from datetime import UTC, datetime
from itertools import pairwise

import networkx as nx
import pandas as pd
from matplotlib import pyplot as plt

from twinline.client.frames import to_pandas
from twinline.experiments.rules import mean
from twinline.language.records import RequestFilter
from twinline.notebooks import COLOURS, GREY, connect, use_style

client = connect()
use_style()
PROMPT, SLOT, LABEL = "support/reply", "support-reply@production", "production"  # yours
REVIEWED = 2  # the version that was reviewed

# %% [markdown]
# ## How far each version is from each other, and the largest step
# The catalog's difference says which pieces stand in both texts, which were deleted and which
# inserted. Distance: characters that were deleted or inserted, as a share of those of both texts;
# 0 is the same text, 1 has nothing in common. Texts are taken as they were written; what they
# include is pinned by its reference.

# %%
versions = sorted(client.prompts.versions(PROMPT), key=lambda one: one.number)


def distance(old, new):
    """How far two versions are apart, in [0, 1]."""
    found = client.prompts.diff(PROMPT, old, new)
    parts = [
        (part.op, len(part.text))
        for message in found.messages
        for hunk in message.content.hunks
        for line in hunk.lines
        for part in line.parts
    ]
    same = 2 * sum(length for op, length in parts if op == "equal")
    changed = sum(length for op, length in parts if op != "equal")
    sizes = [len(versions[number - 1].template) for number in (old, new)]
    assert same + changed <= sum(sizes), "the difference holds more than both texts"
    return changed / sum(sizes)  # equal parts of long texts are left out


numbers = [one.number for one in versions]
apart = pd.DataFrame({old: {new: distance(old, new) for new in numbers} for old in numbers})
assert (apart.to_numpy().diagonal() == 0).all()
apart.round(2)

# %%
steps = pd.Series({number: apart.loc[number, number - 1] for number in numbers[1:]})
largest = steps.idxmax()
print(f"version {largest}: {versions[largest - 1].message} ({versions[largest - 1].author})")
client.prompts.diff(PROMPT, largest - 1, largest)

# %% [markdown]
# ## Families
# Versions that are nearer to each other than half of what they hold form families (the connected
# parts of that graph). Where two versions of different families were live one after the other,
# readers met another prompt under the same name.

# %%
near = nx.Graph()
near.add_nodes_from(numbers)
near.add_edges_from((a, b) for a in numbers for b in numbers if a < b and apart.loc[a, b] < 0.5)
families = [sorted(part) for part in nx.connected_components(near)]
print("families:", ", ".join(str(part) for part in families))
assert sorted(number for part in families for number in part) == numbers

# %% [markdown]
# ## What was live, and what replies were like
# The label's history says since when each version was the one to use; deployments say what was
# served. Both are kept apart in the catalog, and need not agree.
#
# The score is a mean for each day with its 95 % interval (normal; n as in the lowest plot), the
# length a median with the middle half of replies. Steps show when a version went live.

# %%
entries = sorted(client.slots.timeline(SLOT), key=lambda one: one.deployment.number)
moves = [one for one in client.prompts.history(PROMPT) if one.label == LABEL]
moves.sort(key=lambda one: one.at)
unlike = []
for entry in entries:
    until = entry.until or datetime.now(UTC)
    labelled = [move.number for move in moves if move.at < until]
    if labelled[-1:] != [entry.deployment.prompt.number]:
        unlike.append(str(entry.deployment.ref))
print("served what was not labelled:", ", ".join(unlike) or "never")

# %%
asked = to_pandas(client.inferences.table(RequestFilter(slot=SLOT)))
here = asked[asked["measured.score"].notna()]
here = here.assign(day=here["at"].dt.floor("D"), score=here["measured.score"].astype(float))
daily = []
for day, found in here.groupby("day"):
    score = mean(len(found), found["score"].sum(), (found["score"] ** 2).sum())
    words = found["measured.output_tokens"].astype(float).quantile([0.25, 0.5, 0.75]).tolist()
    daily.append((day, len(found), score.value, score.low, score.high, *words))
daily = pd.DataFrame(daily, columns=["day", "n", "score", "low", "high", "q1", "median", "q3"])
assert daily["n"].sum() == len(here)
noon = daily["day"] + pd.Timedelta(hours=12)

# %%
times = [entry.deployment.at for entry in entries] + [datetime.now(UTC)]
live = [entry.deployment.prompt.number for entry in entries]
live.append(live[-1])
figure, (drift, length, score, count) = plt.subplots(
    4, 1, figsize=(8, 8), sharex=True, height_ratios=[3, 2, 3, 1]
)
drift.step(times, apart.loc[live, REVIEWED], where="post", label="from what was reviewed")
before = [0.0, *(apart.loc[new, old] for old, new in pairwise(live))]
drift.plot(times[:-1], before[:-1], "s", color=COLOURS[1], label="from what was live before")
drift.set(ylabel="distance (0 to 1)", ylim=(-0.05, 1.05))
drift.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
length.plot(noon, daily["median"], color=COLOURS[2])
length.fill_between(noon, daily["q1"], daily["q3"], color=COLOURS[2], alpha=0.3)
length.set(ylabel="reply (words)")
whiskers = [daily["score"] - daily["low"], daily["high"] - daily["score"]]
score.errorbar(noon, daily["score"], yerr=whiskers, fmt="o", capsize=3)
score.set(ylabel="score (0 to 1)", ylim=(-0.05, 1.05))
count.bar(noon, daily["n"], color=GREY, alpha=0.5)
count.set(ylabel="n", xlabel="day (UTC)")
figure.autofmt_xdate()
plt.show()
