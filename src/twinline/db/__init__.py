"""PostgreSQL: every table on one page, transactions, migrations, the embedded server.

``session.py`` holds the only begin and the only commit of the whole program.
"""
