"""ML Metadata in a virtual environment of its own: it needs versions of protobuf and attrs
that what we are installed with has left behind."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.support.environments import python_with

VERSION = "1.17.1"


def ask(script: Path, question: Any) -> Any:
    """What a script with ML Metadata at hand answers: JSON in, JSON out.

    Raises:
        NotToBeHad: there is no ML Metadata for this Python or machine.
    """
    done = subprocess.run(
        [python_with(f"ml-metadata=={VERSION}"), "-W", "ignore", script],
        input=json.dumps(question),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)
