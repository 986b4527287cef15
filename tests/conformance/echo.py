"""An echo service on the chat's own handshake and connections, for Autobahn's fuzzing client.

Frames, handshake, closing and backpressure are those of `sockets.upgrade` and `sockets.connection`; only the limits are
opened, because group 9 sends messages of 16 MiB and in 65,536 fragments.
"""

import argparse
import asyncio
import signal

from tornado.web import Application, RequestHandler

from service import logs
from service.sockets import acceptor, framing
from service.sockets.connection import Connection, Owner
from service.sockets.upgrade import UpgradeHandler

from ..sockets import socket_limits

FRAME_LIMIT = 20 * 2**20  # bytes


class Echo(Owner):
    """Sends back what comes."""

    def __init__(self, connection: Connection) -> None:
        self._write = connection.write

    def on_message(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self._write(framing.frame(message.encode()))
        else:
            self._write(framing.frame(message, framing.BINARY))


class EchoHandler(UpgradeHandler):
    """Lets everybody in."""

    def open(self, connection: Connection) -> None:
        connection.owner = Echo(connection)


class Ready(RequestHandler):
    """`GET /readyz`, as the service itself has it."""

    def get(self) -> None:
        self.finish("ready\n")


async def serve(port: int) -> None:
    """Serve on 127.0.0.1 until SIGTERM."""
    leave = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave.set)
    limits = socket_limits(frame_bytes=FRAME_LIMIT, fragments=2**20, unsent_bytes=2 * FRAME_LIMIT)
    application = Application(
        [(r"/", EchoHandler, {"limits": limits}), (r"/readyz", Ready)], log_function=lambda handler: None
    )
    server = acceptor.Server(application)
    accepting = acceptor.Acceptor(server, acceptor.bind("127.0.0.1", port))
    await leave.wait()
    accepting.close()
    await Connection.all_closed(1.0)
    await server.close_all_connections()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    logs.set_up("info", "logfmt", timestamps=True, pids=False)
    asyncio.run(serve(parser.parse_args().port))
