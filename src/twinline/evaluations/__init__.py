"""Evaluations: how a bundle, or one side of it, scored on a named suite.

Results are appended, never changed; for each suite and subject the newest one counts. A
result of a suite that is defined (``suites``) fits it: the kind of its subject, its
threshold. What a runner reports under its lease becomes such a result in the same
transaction.

A slot can require suites (``requirements``): nothing new goes live there that has not
passed them or was let off by name, be it by a deployment, by a ramp that gives it more
traffic than it ever had there, or by a rollback to what was never live there. Going back
to what was live is never held up by it, but says what is missing.
"""
