"""Exports: what the catalog knows, in the formats of others.

CycloneDX (what a bundle is made of), in-toto (a signed statement of where it came
from), PROV (how it came to be), OpenLineage (what served, minute by minute) and GraphML
(the lineage graph). Each format is a pure function from our records to a document;
others' own libraries check them in the tests, none is needed to write them.

A format's document says what the catalog knows and no more: what it does not know is
left out or called unknown. A bundle never changes, so its CycloneDX document, its
in-toto statement and their serial numbers are the same bytes until somebody tells the
catalog more about its model.
"""
