"""The OpenFeature face: OFREP 0.3.0, so that any OpenFeature SDK resolves bundles.

A flag is a route, its value the bundle that answers, its variant the arm, the rule, or
``default``. Evaluating one flag records an inference, whose id is in the metadata;
evaluating all of them, as web clients do in advance, records nothing.
"""
