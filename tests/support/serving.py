"""The application behind a real HTTP server, in a thread of the test's process."""

import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from twinline.app import door


@contextmanager
def served(
    app: FastAPI, port: int = 0, *, front: Callable[[FastAPI], ASGIApp] = door
) -> Generator[str]:
    """Serve ``app`` on a free port of 127.0.0.1 until the block ends; the URL.

    A ``port`` is for a server that comes back where it was; ``front`` is what stands
    before the web framework.
    """
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
        config = uvicorn.Config(front(app), log_level="critical", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "the server did not start"
                time.sleep(0.005)
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
