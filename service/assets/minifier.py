"""A program that makes scripts and style sheets smaller: by path, as JSON, from standard input to standard output.

It is run by its path and imports nothing of the service, whose processes never load the library: it is written in Go,
whose runtime brings threads, and handlers of signals.
"""

import json
import sys

import minify  # type: ignore[import-untyped]

_TYPES = {"css": "text/css", "js": "text/javascript"}


def main() -> None:
    """Exits with the place of what is no script or style sheet."""
    found = {}
    for path, text in json.load(sys.stdin).items():
        try:
            found[path] = minify.string(_TYPES[path.rpartition(".")[2]], text)
        except minify.MinifyError as error:
            sys.exit(f"{path}: {error}")
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
