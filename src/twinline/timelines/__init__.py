"""Timelines: what was live when, what changed in between, and what did not do as declared.

``timeline`` is a slot's history with what each deployment changed and served;
``changes`` is everything that moved between two moments, in the order in which it is
worth looking at; ``blame`` names what changed last before a moment; ``divergences``
compares what was declared with what was observed.

It only reads. It stands above ``inferences`` because it shows what was served.
"""
