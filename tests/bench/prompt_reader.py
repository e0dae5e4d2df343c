"""Reads a prompt by its label through one client, one read after the other: a process of its own
for `prompts.py`, because the Langfuse SDK lives in another environment than we do.

    python prompt_reader.py (twinline | langfuse | mlflow) URL NAME

The key is in ``LANGFUSE_SECRET_KEY``. For each line on standard input, a number of seconds, it
reads for so long and prints how many nanoseconds each read took, as a JSON list.
"""

import json
import os
import sys
import time
from collections.abc import Callable

LABEL = "production"


def of_twinline(url: str, name: str) -> Callable[[], object]:
    from twinline.client import Client

    client = Client(url, os.environ["LANGFUSE_SECRET_KEY"])
    return lambda: client.prompts.get(name, label=LABEL)


def of_langfuse(_url: str, name: str) -> Callable[[], object]:
    from langfuse import Langfuse

    client = Langfuse()  # its environment says where
    return lambda: client.get_prompt(name, label=LABEL, cache_ttl_seconds=0)


def of_mlflow(url: str, name: str) -> Callable[[], object]:
    import mlflow

    mlflow.set_tracking_uri(url)
    uri = f"prompts:/{name}@{LABEL}"
    return lambda: mlflow.genai.load_prompt(uri, cache_ttl_seconds=0)


KINDS = {"twinline": of_twinline, "langfuse": of_langfuse, "mlflow": of_mlflow}


def main(kind: str, url: str, name: str) -> None:
    read = KINDS[kind](url, name)
    for line in sys.stdin:
        taken: list[int] = []
        end = time.perf_counter() + float(line)
        while time.perf_counter() < end:
            begun = time.perf_counter_ns()
            read()
            taken.append(time.perf_counter_ns() - begun)
        print(json.dumps(taken), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
