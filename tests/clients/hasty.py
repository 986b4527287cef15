"""The service with the closing handshake left out, to show what the clients then see: FIN right behind our close."""

import sys

from service import __main__ as command
from service.sockets.connection import Connection

if __name__ == "__main__":
    Connection._close_sent = Connection._end_stream  # type: ignore[method-assign]
    sys.exit(command.main())
