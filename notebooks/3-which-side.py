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
# # Which side broke it?
#
# A release changed the model and the prompt at once, and errors went up. Which side was it?
# Before and after cannot tell; pairs that *share a side* can: the same prompt with the old and
# the new model, the same model with the old and the new prompt.
#
# Without `TWINLINE_URL` the first cell plays four weeks of a demo catalog on this machine.

# %%
from datetime import UTC, datetime, timedelta

import pandas as pd
from matplotlib import pyplot as plt

from twinline.client.frames import to_pandas
from twinline.experiments.rules import mean, mean_difference, proportion, proportion_difference
from twinline.language.records import RequestFilter
from twinline.notebooks import COLOURS, GREY, connect, use_style

client = connect()
use_style()
SLOT = "support-reply@production"  # yours
NUMBER = None  # of the deployment; None takes the newest that moved both sides and did worse

# %% [markdown]
# ## The release, and what was known of each deployment around it

# %%
entries = {entry.deployment.number: entry for entry in client.slots.timeline(SLOT)}
rates = {number: entry.service.error_rate for number, entry in entries.items()}
both = [
    number
    for number, entry in entries.items()
    if number > 1
    and entry.changed.model
    and entry.changed.prompt
    and None not in (rates[number], rates[number - 1])
    and rates[number] > rates[number - 1]
]
if not (NUMBER or both):
    raise LookupError(f"nothing moved both sides of {SLOT} and did worse: name one in NUMBER")
NUMBER = NUMBER or max(both)
release, before = entries[NUMBER], entries[NUMBER - 1]
columns = ["deployment.kind", "deployment.prompt", "deployment.model", "service.requests"]
around = [entries[number] for number in sorted(entries) if abs(number - NUMBER) <= 3]
history = to_pandas(around).set_index("deployment.number")
history[[*columns, "service.errors", "service.score", "deployment.reason"]]

# %% [markdown]
# ## Before and after
# Requests are counted by the deployment that they name, not by the clock: applications hear of a
# change at different times. A customer who writes again is counted once, by the first request.
# Shares have Wilson's interval, their difference Newcombe's (method 10); 95 %.

# %%
asked = to_pandas(client.inferences.table(RequestFilter(slot=SLOT))).astype({"deployment": str})
here = asked[asked["measured.status"].notna()]
for entry in (before, release):
    named = asked[asked["deployment"] == str(entry.deployment.ref)]
    if entry.until:  # what is live gets more
        assert len(named) == entry.service.requests
        assert (named["measured.status"].astype(str) == "error").sum() == entry.service.errors
here = here.sort_values("at")
firsts = here[~here["decision"].fillna(here["id"]).duplicated()]
firsts = firsts.assign(error=firsts["measured.status"].astype(str) == "error")


def errors(requests):
    """The share of errors, with its interval."""
    return proportion(int(requests["error"].sum()), len(requests))


sides = [firsts[firsts["deployment"] == str(one.deployment.ref)] for one in (before, release)]
worse = proportion_difference(errors(sides[1]), errors(sides[0]))
for name, side in zip(("before", "after"), sides, strict=True):
    print(f"{name:7} {errors(side).value:6.1%} of n = {len(side)}")
print(f"change  {worse.value:+6.1%} ({worse.low:+.1%} to {worse.high:+.1%})")

# %% [markdown]
# ## Pairs that share a side
# Each cell holds all requests of that pair in this slot, under whatever deployment: a pair is the
# same bundle whenever it is live. Here a rollback of the wrong side, and later the new prompt
# with the old model, filled all four.

# %%
models = [entry.deployment.model for entry in (before, release)]
prompts = [entry.deployment.prompt for entry in (before, release)]
cells = {
    (str(model), str(prompt)): firsts[
        (firsts["model"].astype(str) == str(model)) & (firsts["prompt"].astype(str) == str(prompt))
    ]
    for model in models
    for prompt in prompts
}
pd.DataFrame(
    {
        str(prompt): {
            str(model): f"{errors(found).value:.1%} of n = {len(found)}" if len(found) else "never"
            for model in models
            for found in [cells[str(model), str(prompt)]]
        }
        for prompt in prompts
    }
)

# %%
old_model, new_model, old_prompt, new_prompt = (str(one) for one in (*models, *prompts))
contrasts = {
    ("model", f"with {old_prompt}"): ((new_model, old_prompt), (old_model, old_prompt)),
    ("model", f"with {new_prompt}"): ((new_model, new_prompt), (old_model, new_prompt)),
    ("prompt", f"with {old_model}"): ((old_model, new_prompt), (old_model, old_prompt)),
    ("prompt", f"with {new_model}"): ((new_model, new_prompt), (new_model, old_prompt)),
}


def score(requests):
    """The mean score, with its interval."""
    known = requests["measured.score"].dropna().astype(float)
    return mean(len(known), known.sum(), (known**2).sum())


rows = [
    {
        "side": side,
        "held": held,
        "n new": len(cells[new]),
        "n old": len(cells[old]),
        **proportion_difference(errors(cells[new]), errors(cells[old])).model_dump(),
        "score": mean_difference(score(cells[new]), score(cells[old])).value,
    }
    for (side, held), (new, old) in contrasts.items()
    if len(cells[new]) and len(cells[old])
]
effects = pd.DataFrame(rows)
effects.round(3)

# %%
figure, axes = plt.subplots(figsize=(8, 3.4))
colours = {"model": COLOURS[1], "prompt": COLOURS[0]}
for place, one in effects.iterrows():
    whiskers = [[(one["value"] - one["low"]) * 100], [(one["high"] - one["value"]) * 100]]
    marker = {"model": "o", "prompt": "s"}[one["side"]]
    axes.errorbar(
        one["value"] * 100, place, xerr=whiskers, fmt=marker, color=colours[one["side"]], capsize=4
    )
labels = [
    f"new {one['side']}, {one['held']}\nn = {one['n new']} and {one['n old']}"
    for _, one in effects.iterrows()
]
axes.set_yticks(range(len(effects)), labels)
axes.axvline(0, color=GREY, linewidth=1)
axes.set(xlabel="change of the error share (percentage points, 95 %)")
axes.margins(y=0.2)
axes.invert_yaxis()
plt.show()

# %% [markdown]
# ## The verdict
# A side is to blame when it made things worse whatever the other side was. With four intervals of
# 95 %, one that just misses zero is no proof; in the demo the model's are far from it. What people
# did in the end says whether they came to the same.

# %%
blamed = [
    side for side, found in effects.groupby("side") if len(found) == 2 and (found["low"] > 0).all()
]
print("worse whatever the other side was:", ", ".join(blamed) or "neither, for sure")
undone = [
    entry
    for entry in entries.values()
    if entry.deployment.kind == "rollback" and entry.deployment.undoes == NUMBER
]
for entry in sorted(undone, key=lambda one: one.deployment.number):
    went = [side for side in ("model", "prompt") if getattr(entry.changed, side)]
    print(f"{entry.deployment.ref} put back the {' and '.join(went)}: {entry.deployment.reason}")
    assert went, "a way back that changes nothing"
if undone:
    print("in the end they", "came to the same" if went == blamed else "came to something else")
blame = client.slots.blame(SLOT, at=(release.until or datetime.now(UTC)) - timedelta(seconds=1))
assert {one.change.at for one in blame.suspects if one.change.reaches} >= {release.deployment.at}
