"""A real redis-server of our own, which can be killed, frozen and started again on the same port."""

import atexit
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import ClassVar, Self

from .common import UNIT, free_port, require_tool, wait_until

PROGRAM = os.environ.get("TEST_REDIS_SERVER", "")
"""The path of another server that speaks Redis's protocol, as Valkey, for all that the tests start."""


class RedisServer:
    """`RedisServer(appendonly="yes", maxmemory="20mb").start()`, or `with RedisServer() as redis:`.

    Keyword arguments are lines of redis.conf, with `_` for `-`. What an append-only server wrote lives on
    through `kill9()` and `restart()`, in a folder that `stop()` leaves and `close()` removes, and so does the
    configuration, which the server itself may have rewritten. The port stays the same.
    """

    arguments: ClassVar[tuple[str, ...]] = ()
    """Of redis-server, beside its configuration."""
    defaults: ClassVar[dict[str, str]] = {
        "bind": "127.0.0.1",
        "save": '""',
        "appendonly": "no",
        "enable-debug-command": "local",
        "unixsocket": "redis.sock",  # in its folder
        "repl-diskless-sync-delay": "0",  # by default 5 s, in which more replicas may come
    }

    def __init__(self, **flags: str | int) -> None:
        self.environ = dict(os.environ)  # may be added to before the start
        self._program = PROGRAM or require_tool("redis-server", "redis-server")
        self._cli_program = require_tool("redis-cli", "redis-tools")
        self._flags = self.defaults | {name.replace("_", "-"): str(value) for name, value in flags.items()}
        self.folder = Path(tempfile.mkdtemp(prefix="parley-redis-"))
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen = False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def unix_url(self) -> str:
        """Its URL by a socket in the file system."""
        return f"unix://{self.folder / 'redis.sock'}?db=0"

    @property
    def pid(self) -> int:
        assert self._process is not None, "redis-server is not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it is there and not frozen."""
        return self._process is not None and self._process.poll() is None and not self._frozen

    @property
    def log(self) -> str:
        return (self.folder / "redis.log").read_text(errors="replace")

    def start(self) -> Self:
        """Start and wait until it answers. Raises RuntimeError with the end of its log when it does not."""
        atexit.register(self.close)
        if self.port:
            wait_until(lambda: self._launch(self.port), f"redis-server back on port {self.port}", 10 * UNIT)
            return self
        for _ in range(5):
            port = free_port()
            if self._launch(port):
                self.port = port
                return self
        raise RuntimeError(f"redis-server did not start:\n{self.log[-2000:]}")

    def lines(self, port: int) -> list[str]:
        """Its configuration, for a start on that port."""
        lines = [f"{name} {value}" for name, value in self._flags.items()]
        return [*lines, f"port {port}", f"dir {self.folder}", f"logfile {self.folder / 'redis.log'}"]

    def _launch(self, port: int) -> bool:
        """True once it answers, False when the port is another's.

        An early exit for any other reason raises.
        """
        assert self._process is None, "redis-server is running already"
        conf = self.folder / "redis.conf"
        if not self.port:
            conf.write_text("\n".join(self.lines(port)) + "\n")
        process = subprocess.Popen(
            [self._program, str(conf), *self.arguments],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None
        try:
            wait_until(lambda: process.poll() is not None or _answers(port), "redis-server answers", 20 * UNIT)
        except TimeoutError:
            process.kill()
            process.wait()
            process.stdout.close()
            raise
        if process.poll() is None:
            self._process = process
            return True
        said = process.stdout.read().decode(errors="replace")
        process.stdout.close()
        log = self.log if (self.folder / "redis.log").exists() else ""
        if "Address already in use" in log + said:
            return False
        raise RuntimeError(f"redis-server stopped at its start:\n{said}{log[-2000:]}")

    def stop(self) -> None:
        """SIGTERM and wait; nothing if it is not running."""
        self._end(signal.SIGTERM)

    def kill9(self) -> None:
        """SIGKILL: what was not yet written is lost, as in a crash."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        if self._frozen:
            process.send_signal(signal.SIGCONT)
            self._frozen = False
        try:
            process.wait(10 * UNIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def sigstop(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)
        self._frozen = True

    def sigcont(self) -> None:
        """End the freeze."""
        os.kill(self.pid, signal.SIGCONT)
        self._frozen = False

    def restart(self, *, kill: bool = False) -> Self:
        """Stop (or kill) and start on the same port, with what the append-only file kept."""
        self._end(signal.SIGKILL if kill else signal.SIGTERM)
        return self.start()

    def cli(self, *args: str | int) -> str:
        """What redis-cli prints for one command, stripped.

        Raises RuntimeError when the server answers an error.
        """
        password = self._flags.get("requirepass")
        done = subprocess.run(
            [self._cli_program, "-e", "-p", str(self.port), *map(str, args)],
            env=os.environ | ({"REDISCLI_AUTH": password} if password else {}),
            capture_output=True,
            text=True,
            timeout=10 * UNIT,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"redis-cli {args[0]}: {(done.stdout + done.stderr).strip()}")
        return done.stdout.strip()

    def in_step(self) -> bool:
        """Whether it has replicas, and all have said that they have all of it."""
        info = self.cli("INFO", "replication")
        (head,) = re.findall(r"master_repl_offset:(\d+)", info)
        offsets = re.findall(r"state=online,offset=(\d+)", info)
        return bool(offsets) and min(map(int, offsets)) >= int(head)

    def close(self) -> None:
        """Stop it and remove its folder."""
        self.kill9()
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.close)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 0.5 * UNIT) as connection:
            connection.settimeout(0.5 * UNIT)
            # A server that loads its append-only file answers -LOADING, another program something else.
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False
