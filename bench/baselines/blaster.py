"""No server at all: `socket.send` of the same bytes to each socket, round and round.

Its rate is what the load generator can take, and its CPU per delivery the floor of one `send` a socket in Python.
A text frame `{"frames":16,"seconds":2}` from the first client starts it: each send carries so many messages. After it
that client gets `{"type":"done","rounds":N}`.
"""

import base64
import hashlib
import json
import os
import socket
import time

from bench.dialects import broadcast_payload
from bench.frames import server_frame

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3


def accept(listener: socket.socket) -> socket.socket | None:
    """The next client, its handshake answered; None for one that only knocked. Raises `TimeoutError`."""
    client, _ = listener.accept()
    client.settimeout(None)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = b""
    while b"\r\n\r\n" not in head:
        data = client.recv(65536)
        if not data:
            return None
        head += data
    key = head.split(b"Sec-WebSocket-Key: ", 1)[1].split(b"\r\n", 1)[0]
    token = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + token + b"\r\n\r\n"
    )
    return client


def blast(sends: list[socket.socket], data: bytes, seconds: float) -> int:
    """Send `data` to each socket in turn, for so long; how many rounds. A full socket blocks: nobody is skipped."""
    methods = [client.send for client in sends]
    size, rounds, deadline = len(data), 0, time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        for send in methods:
            if send(data) != size:
                raise OSError("a blocking send was cut short")
        rounds += 1
    return rounds


def order_from(client: socket.socket) -> dict[str, float] | None:
    """What the client asks for, if it does now."""
    try:
        data = client.recv(65536, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    if not data:
        raise SystemExit
    order: dict[str, float] = json.loads(data[6:])  # behind the header of a short frame and a mask of zeros
    return order


def main() -> None:
    listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=1024)
    listener.settimeout(0.05)
    clients: list[socket.socket] = []
    while True:
        try:
            client = accept(listener)
            if client is not None:
                clients.append(client)
        except TimeoutError:
            order = order_from(clients[0]) if clients else None
            if order is not None:
                message = server_frame(broadcast_payload("bench", 0, 1))
                rounds = blast(clients[1:], message * int(order["frames"]), order["seconds"])
                clients[0].sendall(server_frame(json.dumps({"type": "done", "rounds": rounds}).encode()))


if __name__ == "__main__":
    main()
