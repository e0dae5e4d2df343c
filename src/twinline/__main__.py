"""``python -m twinline`` is the command line."""

from twinline.cli import main

main()
