"""Differences between texts and between prompt versions, to the word. Pure.

Method: an exact longest common subsequence of the lines (Indel distance, rapidfuzz); in
each run of changed lines those that are alike are paired, in order; and the words of a
pair are compared in the same way. A variable, an include or a tag of a template is one
word. Python's difflib takes another way, which is wrong on texts that repeat themselves,
as few-shot prompts do, and takes half a minute for 50 kB of them.

What always holds: the parts that are not inserted are the old text, and those that are
not deleted the new one. Whatever is compared, time and memory are bounded: beyond the
limits below, a run is shown as deleted and inserted, with a note that says so.
"""
