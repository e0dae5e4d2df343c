"""Aliases: one in MLflow goes with a slot, in one direction or in both.

A *link* says that the alias ``production``, on whichever registered model is live in
``support-answer@production``, names the version that is live there. With ``writes`` MLflow
follows the slot: after every deployment, rollback or recall the alias is set and looked at
again. ``foreign`` says what happens when somebody else moves it: it is shown, put back,
proposed here, or deployed here, with the same prompt and parameters.

What a policy with several bundles makes of the alias is the model version of its default:
what is served when no rule says otherwise. A version that is followed takes that one's place
wherever the policy has it, as a rollback of the model side does.

What it is not: the mirror, which only reads. And no lock on MLflow, which has no
compare-and-set, no history and no actor for aliases: who looks at it there can still see an
older version for as long as a write is under way.

Invariants: what is written is what is live when it is written, never what was live when a
write became due, so an older deployment cannot come after a newer one. Each write is noted
before it is sent; one that got no answer stays in doubt for ten minutes, and when it lands
late it is known as ours and written over. A model and alias belong to one slot. A turn with
a link is taken for half a minute in its row, so that one process at a time has it and a dead
one does not keep it. No network is waited for in a transaction, and a deployment waits for
nothing of this.

No loops: a version that is followed is not written, because the alias is there already; a
write follows only from a deployment that nobody followed, from a person's word, or from a
revert; and of those there are at most ``REVERTS_MAX`` an hour for a link, then the alias is
left where it is until the next deployment.
"""
