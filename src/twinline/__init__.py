"""Twinline: a lineage catalog for the pair behind every AI answer."""

__version__ = "0.1.0"
