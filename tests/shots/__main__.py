"""Make pictures of the chat page in all its states.

    python -m tests.shots FOLDER [--language ar] [SCENE …]
    python -m tests.shots docs/pictures --readme

Each state wide and narrow, light and dark, in FOLDER, and an index.html that shows them side by side. Beside each it is
said which texts are too close in colour to what lies behind them, what axe finds by all of its rules, and whether
anything sticks out; with that, or with a scene that can't be played, the exit status is 1. One browser, a service for
each scene in this process; minutes. With --readme the four pictures that README shows, and no more.
"""

import argparse
import asyncio
import logging
import sys
from contextlib import closing
from pathlib import Path

from ..browser import SharedBrowser
from .camera import make
from .chosen import make_chosen
from .stage import LOCALES, SCENES


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.shots", description="Pictures of the page in all its states."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("scene", nargs="*", help=f"of {', '.join(SCENES)}; all without")
    parser.add_argument(
        "--language", choices=LOCALES, default="en", help="that the page speaks; the admin page has one"
    )
    parser.add_argument("--readme", action="store_true", help="the four that README shows, in 256 colours")
    arguments = parser.parse_intermixed_args()
    if unknown := sorted(set(arguments.scene) - SCENES.keys()):
        parser.error(f"there is no scene {', '.join(unknown)}")
    logging.disable(logging.CRITICAL)  # of the service's: much goes wrong on purpose
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    with closing(SharedBrowser(loop)) as shared:
        work = (
            make_chosen(shared, arguments.folder)
            if arguments.readme
            else make(shared, arguments.folder, arguments.scene or list(SCENES), arguments.language)
        )
        found = loop.run_until_complete(work)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
