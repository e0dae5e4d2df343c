"""Resolution in the application's own process.

The application holds the manifest of its environment: verified, compiled, and replaced
as soon as the server has a newer one. Resolving is then a function call. What was
resolved is spooled to disk and shipped by a thread, so the application never waits for
the server, and goes on without it.
"""
