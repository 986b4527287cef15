"""`python -m parley_client URL` is `parley-chat URL`."""

import sys

from .terminal.app import main

sys.exit(main(command="python -m parley_client"))
