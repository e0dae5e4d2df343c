"""Rollbacks: put one side of a slot back, or both, with evidence about the result.

A rollback substitutes over the live policy: every bundle that carries the version
which goes becomes the same pair with the version that comes back. Because bundles are
content-addressed, a pair that ran before is the same bundle as then, so what it did
here is known; ``preview`` shows it, and what has no evidence needs a deliberate yes.

It stands above ``inferences`` because its evidence is what was served; the deployment
that it appends is an ordinary one, of kind ``rollback``.
"""
