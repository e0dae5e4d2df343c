"""Resolutions: which bundle answers a request, recorded before the answer leaves.

The policy comes from the manifest in memory, the record goes into the open batch of a
group-commit writer and is committed before the answer is given. One resolver serves
every door; the door for most traffic, in front of the web framework, only spells its
answers faster.
"""
