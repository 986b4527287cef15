"""The service with the closing handshake left out, to show what the clients then see: FIN right behind our close."""

import sys

from service import __main__ as command
from service.sockets.closing import ClosingHandshake, Step

if __name__ == "__main__":
    ClosingHandshake.sent = lambda self: Step.END_STREAM  # type: ignore[method-assign]
    sys.exit(command.main())
