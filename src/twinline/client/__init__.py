"""The client: every verb of the HTTP API as a method, answering with the same records.

It needs httpx and pydantic only, never the server's libraries. Errors of the server
come back as the classes of `twinline.language.errors` that the server raised.
"""

from twinline.client.aio import AsyncClient
from twinline.client.client import Client
from twinline.client.rendering import render

__all__ = ["AsyncClient", "Client", "render"]
