"""Evaluations: how a bundle, or one side of it, scored on a named suite.

Results are appended, never changed; for each suite and subject the newest one counts. A
result of a suite that is defined (``suites``) fits it: the kind of its subject, its
threshold. What a runner reports under its lease becomes such a result in the same
transaction.

A slot can require suites (``requirements``): nothing is deployed there that has not
passed them or was let off by name. Going back is never held up by it, but says what is
missing.
"""
