"""Withdrawals: versions that should not go live again, and why.

A *retired* version is one that nobody should build on any more; a *recalled* node is bad,
and so is everything that came from it. Both refuse new deployments, new bundles, labels and
includes; neither changes what is live, which only a deployment does, nor where a label is,
and what is withdrawn can be read, and says so. Lifting one keeps its history. To retire a whole
prompt retires each of its versions; to let that go on lets those go on that were retired so.
"""
