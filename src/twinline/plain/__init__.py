"""The plain face: prompts in the REST shape that clients of a few lines expect.

Such a client asks ``/api/prompts/NAME`` for a text by version or environment, reads
``system_prompt`` or ``content``, puts its values where ``{{name}}`` stands, makes versions
and promotes them. It knows one text for a prompt, and is given it with what the version
includes: a chat of more than a system message is refused where one text is asked for, and so
is a text that only jinja2 can fill in. A text that it sends back unchanged is the version that
it was fetched from, with all that such a client does not see of it.

An environment is the label of that name. What is live in an environment is a pair for a
route, and such a client names no route; and what it promotes must be what it then fetches.
A semantic version is a label too, which nobody moves from where it was first put.
"""
