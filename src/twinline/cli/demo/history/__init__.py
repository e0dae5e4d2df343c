"""Four weeks of a catalog, played in seconds: what notebooks analyse.

The script says who did what and when; the outcomes are found, not written. Classifiers
are fitted, every reply is given and measured, and every step goes through the actions
that the API calls, at the time that it happens in the story: the catalog's database
keeps history by its own clock, which stands where the player puts it.

What it is not: a set of made-up rows. A wrong side is rolled back because the script's
people guess wrong; that it helped nothing is measured. Dice are seeded, so that every
history has the same tickets, classifiers, replies and errors; only times and latencies
differ. There is no MLflow here: versions of the model are registered with what a run
would say of itself.
"""
