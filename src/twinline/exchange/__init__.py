"""Exchange: prompt versions as files, and in the words of others; both ways.

What it is not: an import. What is read here is sent by `Client.prompts.import_`, and what is
written was given by `Client.prompts.export`; the server decides what is there already. So
everything here runs where the files are, and none of it in a server.

Invariants: what was written is read again as the same items, byte for byte; what cannot be
read is refused by its place and its reason, and never stops the rest; nothing is read
through a symbolic link, and nothing is written outside the folder that was given.
"""
