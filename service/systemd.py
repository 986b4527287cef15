"""What systemd passes to who it starts, and wants to be told: listening sockets, and when it serves.

Any other program can do the same by the same variables: descriptors from 3 on, sd_listen_fds(3) and sd_notify(3).
"""

import os
import socket
from contextlib import suppress

from service.errors import ConfigError
from service.sockets import acceptor

FIRST = 3  # descriptor


def listening_sockets(first: int = FIRST) -> list[socket.socket] | None:
    """Those that were passed to this process, from descriptor `first` on, or None.

    Take them once: what it starts must not take them for its own.
    Raises `ConfigError` for what can't be served on.
    """
    variables = {name: os.environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")}
    if variables["LISTEN_PID"] != str(os.getpid()):  # they are for who started this process
        return None
    count = variables["LISTEN_FDS"]
    if not (count.isascii() and count.isdigit() and int(count) > 0):
        raise ConfigError(f"LISTEN_FDS is {count!r}: expected the number of sockets that are passed")
    sockets: list[socket.socket] = []
    for descriptor in range(first, first + int(count)):
        try:
            sockets.append(acceptor.adopt(descriptor))
        except OSError as error:
            why = error.strerror or str(error)
            raise ConfigError(
                f"LISTEN_FDS is {count!r}: descriptor {descriptor}: {why}; expected listening TCP sockets, "
                "as those of `ListenStream=8000`"
            ) from None
    return sockets


def notify(state: str) -> None:
    """Say `READY=1`, for example, to who asked for it by NOTIFY_SOCKET. If nobody listens, nobody misses it."""
    name = os.environ.get("NOTIFY_SOCKET", "")
    if not name:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(state.encode(), "\0" + name[1:] if name.startswith("@") else name)
