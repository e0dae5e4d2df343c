"""Pages, for people who would rather look than read, and the API's documentation.

A page is a frozen value (`page`), made by a function in `pages` from the actions that the
API uses, and printed by the template of its name. `gate` lets a browser in by its session,
`forms` reads what it sends, `problems` tells what was refused, `addresses` says where
everything has its page. Everything works without the script.
"""
