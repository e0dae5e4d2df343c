"""Experiments: what the arms of a split did, side by side.

A split is one experiment for as long as it keeps its salt, however its shares are
ramped meanwhile. Requests, errors, costs and scores come from the exact counts; units
are counted once, however often they came. Nothing here decides anything.
"""
