"""Kill switches: stop a slot, a bundle, or everything, by one call.

Throwing one needs no approval and no look at what is live; who and why is kept. A
subject has at most one switch in force; throwing it again changes nothing. What a
kill means for a request is the routing's to say.
"""
