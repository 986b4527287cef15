"""A crowd of sockets that misbehave, in a process of its own, lest it slows the healthy client of the test instead.

`python -m tests.attacks.crowding` reads JSON: `port`, `tokens` (one a socket), `data` (base64, sent again and again
until all are closed, `most` seconds at most) or `requests` (base64, sent once), `seconds` that it takes at least. It
prints `ready` once all are open, waits for a line, and begins; then it prints how the sockets ended:
`{"closed": {"1008": 100}, "open": 0}`. It comes from `addresses` in turn, of ONE or SEVERAL.
"""

import base64
import itertools
import json
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..harness import UNIT, ServiceProcess, make_jwt
from .raw_socket import CLOSE, handshake

ROOT = Path(__file__).resolve().parents[2]
ONE, SEVERAL = ["127.0.0.2"], [f"127.0.0.{number}" for number in range(2, 6)]
_CLOSE_HEAD = 0x80 | CLOSE


class Crowd:
    """The process, from the test's side."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def begin(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def ended(self) -> Any:
        """How its sockets ended, when its seconds are over."""
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


@contextmanager
def crowding(service: ServiceProcess, size: int, **options: Any) -> Iterator[Crowd]:
    """So many sockets of as many users, open and still."""
    tokens = [make_jwt(f"m-{number}", f"Mallory {number}") for number in range(size)]
    for name in ("data", "requests"):
        options[name] = base64.b64encode(options.get(name, b"")).decode()
    defaults = {"addresses": ONE, "seconds": 0.5 * UNIT, "most": 20.0 * UNIT}
    order = json.dumps({"port": service.port, "tokens": tokens} | defaults | options)
    command = [sys.executable, "-m", "tests.attacks.crowding"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(order + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == "ready\n"
            yield Crowd(process)
        finally:
            process.kill()


class _Socket:
    """One that sends as much as it can, and reads only what tells of its end."""

    def __init__(self, port: int, address: str, token: str, upgrade: bool) -> None:
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.bind((address, 0))
        self.sock.connect(("127.0.0.1", port))
        self.received = b""
        self.end: str | None = None
        if upgrade:
            extra = [("Authorization", f"Bearer {token}")]
            self.sock.sendall(handshake(port, origin=None, protocols=None, extra=extra))
            while b'"welcome"' not in self.received:
                data = self.sock.recv(65536)
                assert data, self.received
                self.received += data
        self.sock.setblocking(False)

    def read(self) -> None:
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.received = (self.received + data)[-4096:]
        at = self.received.rfind(bytes((_CLOSE_HEAD,)))
        if at >= 0 and len(self.received) > at + 4 and self.received[at + 1] == len(self.received) - at - 2:
            self.end = str(int.from_bytes(self.received[at + 2 : at + 4], "big"))
        elif not data:
            self.end = "cut"


def main() -> None:
    order = json.loads(sys.stdin.readline())
    data = base64.b64decode(order["data"])
    requests = base64.b64decode(order["requests"])
    upgrade = not requests.startswith(b"GET")
    places = zip(itertools.cycle(order["addresses"]), order["tokens"])  # the addresses have no end
    crowd = [_Socket(order["port"], address, token, upgrade) for address, token in places]
    print("ready", flush=True)
    sys.stdin.readline()
    deadline = time.monotonic() + order["seconds"]
    if requests:
        for one, token in zip(crowd, order["tokens"], strict=True):
            one.sock.send(requests.replace(b"TOKEN", token.encode()))
        time.sleep(order["seconds"])
    else:
        _flood(crowd, data, time.monotonic() + order["most"])
        time.sleep(max(0.0, deadline - time.monotonic()))
    ends = Counter(one.end for one in crowd if one.end is not None)
    print(json.dumps({"closed": ends, "open": sum(one.end is None for one in crowd)}), flush=True)
    sys.stdin.readline()


def _flood(crowd: list[_Socket], data: bytes, deadline: float) -> None:
    selector = selectors.DefaultSelector()
    for one in crowd:
        selector.register(one.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, one)
    while selector.get_map() and (left := deadline - time.monotonic()) > 0:
        for key, events in selector.select(left):
            one = key.data
            if events & selectors.EVENT_READ:
                one.read()
            if one.end is None and events & selectors.EVENT_WRITE:
                try:
                    one.sock.send(data)
                except BlockingIOError:
                    pass
                except OSError:
                    one.read()
            if one.end is not None:
                selector.unregister(one.sock)


if __name__ == "__main__":
    main()
