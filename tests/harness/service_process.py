"""The service as a process of its own, as a user or Heroku starts it."""

import atexit
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar, Self

import jwt

from . import secrecy
from .common import UNIT, free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]

SECRET_KEY = "a-secret-for-tests-alone-0123456789abcdef"
JWT_SECRET = "another-secret-for-tests-0123456789abcdef"

NO_LIMITS = {
    "FRAME_RATE": "0",
    "FRAME_RATE_ADDRESS": "0",
    "SEND_RATE": "0",
    "SEND_RATE_ADDRESS": "0",
    "JOIN_RATE": "0",
    "JOIN_RATE_ADDRESS": "0",
    "SERVICE_RATE": "0",
    "SERVICE_RATE_ADDRESS": "0",
    "ROOM_RATE": "0",
    "TICKET_RATE": "0",
    "CONNECTIONS_PER_USER": "0",
    "CONNECTIONS_PER_ADDRESS": "0",
}
"""Settings that switch every limit of rate and number off, for tests and loads of something else."""

# Puts a descriptor where a passed socket is looked for, as systemd does, and becomes what it is given.
_PASS = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1'); "
    "os.execv(sys.argv[2], sys.argv[2:])"
)
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
_TROUBLE = re.compile(
    r"""\blevel=(warning|error|critical)\b | "level":\s*"(warning|error|critical)"
    | ^Traceback\b | \b[A-Z]\w*(Warning|Error|Exception):\ """,
    re.VERBOSE,
)


def service_env(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """A whole environment for the service: nothing of the caller's settings, secrets fixed, `env` on top.

    DRAIN_DELAY and DRAIN_SECONDS are 0, so that a test which does not test the drain does not wait for it, and
    without a broker in `env` nothing is kept on disk.
    """
    clean = {name: value for name, value in os.environ.items() if name in _PASSED_ON}
    # Coverage finds its way into processes by a variable.
    clean |= {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    clean |= {"PYTHONWARNINGS": "default", "PYTHONUNBUFFERED": "1"}
    clean |= {
        "SQLITE_PATH": ":memory:",
        "SECRET_KEY": SECRET_KEY,
        "JWT_SECRET": JWT_SECRET,
        "DRAIN_DELAY": "0",
        "DRAIN_SECONDS": "0",
    }
    return clean | dict(env or {})


def make_jwt(sub: str, name: str, secret: str = JWT_SECRET, **claims: Any) -> str:
    """A token of one's own users, HS256, good for an hour. `claims` add to it or, as `exp=…`, replace."""
    payload = {"sub": sub, "name": name, "exp": int(time.time()) + 3600} | claims
    token = jwt.encode({key: value for key, value in payload.items() if value is not None}, secret, "HS256")
    secrecy.note(token)
    return token


class ServiceProcess:
    """`with ServiceProcess({"REDIS_URL": redis.url}) as service:` runs until the block ends.

    `stdout` and `stderr` hold the lines so far. `exit_code` is that of the last stop. Every process leaves
    its lines in `ServiceProcess.ended` for the check that nothing unexpected was logged.
    """

    ended: ClassVar["list[ServiceProcess]"] = []
    running: ClassVar["weakref.WeakSet[ServiceProcess]"] = weakref.WeakSet()

    def __init__(
        self,
        env: Mapping[str, str] | None = None,
        *,
        args: Sequence[str] = (),
        port: int = 0,
        wait: bool = True,
        command: Sequence[str] = ("service",),
        program: Sequence[str | Path] | None = None,
        cwd: Path = ROOT,
        own_group: bool = False,
        listening: socket.socket | None = None,
    ) -> None:
        """`port` 0 takes a free one at the first start and keeps it.

        `wait=False` starts without asking /readyz. `command` is what `python -m` runs, in place of the service itself;
        `program` what is run in place of `python -m`, in the folder `cwd`.
        `own_group` puts it into a process group, for `signal_group`. `listening`: what it is to serve on, which others
        may have, too; the start is then over once it says so, for /readyz may be another's.
        """
        self.own_group = own_group
        self.listening = listening
        self.program = tuple(program or (sys.executable, "-m", *command))
        self.cwd = cwd
        self.env = service_env(env)
        self.args = tuple(args)
        self.port = port if listening is None else listening.getsockname()[1]
        self.wait = wait
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self.exit_code: int | None = None
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/socket"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the service is not running"
        return self._process.pid

    @property
    def children(self) -> list[int]:
        """The processes that serve, eldest first, where there are several."""
        return sorted(map(int, Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()))

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start and wait for 200 from /readyz, blocking: an async test whose loop must run meanwhile uses a thread.

        Raises RuntimeError with its output when it stops or stays unready.
        """
        if self.port:
            self._launch(self.port)
            return self
        for attempt in range(5):
            port = free_port()
            try:
                self._launch(port)
            except RuntimeError:
                # Between free_port() and the service's bind another process may have taken the port.
                if attempt == 4 or not re.search("in use", "\n".join(self.stderr[-20:]), re.IGNORECASE):
                    raise
                ServiceProcess.ended.remove(self)
                self.stderr.clear()
                self.stdout.clear()
            else:
                self.port = port
                return self
        raise AssertionError("unreachable")

    def _launch(self, port: int) -> None:
        assert self._process is None, "the service is running already"
        shared = [] if self.listening is None else [self.listening.fileno()]
        passing = [sys.executable, "-c", _PASS, str(shared[0])] if shared else []
        process = subprocess.Popen(
            [*passing, *self.program, "--port", str(port), *self.args],
            cwd=self.cwd,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            process_group=0 if self.own_group else None,
            pass_fds=shared,
        )
        self._process = process
        ServiceProcess.running.add(self)
        atexit.register(self._kill_at_exit)
        assert process.stdout is not None and process.stderr is not None
        self._readers = [
            threading.Thread(target=_collect, args=(pipe, lines), daemon=True)
            for pipe, lines in ((process.stdout, self.stdout), (process.stderr, self.stderr))
        ]
        for reader in self._readers:
            reader.start()
        if not self.wait:
            return
        try:
            serves = (lambda: _is_ready(port)) if self.listening is None else (lambda: bool(self.stdout))
            wait_until(lambda: process.poll() is not None or serves(), "it serves", 20 * UNIT)
        except TimeoutError as error:
            self._end(signal.SIGKILL)
            raise RuntimeError(f"{error}\n{self.output}") from None
        if process.poll() is not None:
            code = self._end(signal.SIGKILL)
            raise RuntimeError(f"the service stopped at its start with exit code {code}\n{self.output}")

    @property
    def output(self) -> str:
        return "\n".join([*self.stdout, *self.stderr])

    def stop(self) -> int:
        """SIGTERM, wait, the exit code. Raises RuntimeError when it has not gone within 30 units.

        Twice is harmless.
        """
        return self._end(signal.SIGTERM)

    def interrupt(self) -> int:
        """Ctrl-C, wait, the exit code."""
        return self._end(signal.SIGINT)

    def kill9(self) -> int:
        """SIGKILL, wait, the exit code (-9)."""
        return self._end(signal.SIGKILL)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal and don't wait."""
        os.kill(self.pid, number)

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to it and to all that it has started, and don't wait."""
        assert self.own_group, "it is in the caller's group"
        os.killpg(self.pid, number)

    def sigstop(self) -> None:
        """Freeze it: its sockets stay open and nobody answers."""
        self.send_signal(signal.SIGSTOP)

    def sigcont(self) -> None:
        """End the freeze."""
        self.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return self.exit_code if self.exit_code is not None else 0
        if process.poll() is None:
            process.send_signal(how)
            process.send_signal(signal.SIGCONT)  # a frozen process takes no other signal
        overdue = False
        try:
            process.wait(30 * UNIT)
        except subprocess.TimeoutExpired:
            overdue = True
            process.kill()
            process.wait()
        for reader in self._readers:
            reader.join(5 * UNIT)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        self.exit_code = process.returncode
        ServiceProcess.running.discard(self)
        ServiceProcess.ended.append(self)
        atexit.unregister(self._kill_at_exit)
        if overdue:
            raise RuntimeError(f"the service did not leave within {30 * UNIT:g} s of {how.name}\n{self.output}")
        return self.exit_code

    def _kill_at_exit(self) -> None:
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)

    def troubles(self) -> list[str]:
        """Lines of stderr that tell of a warning, an error or a traceback."""
        return [line for line in self.stderr if _TROUBLE.search(line)]

    def request(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One HTTP request, blocking: status, headers (names as sent), body.

        `body` is sent as JSON unless bytes.
        """
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10 * UNIT)
        try:
            connection.request(method, path, data, dict(headers or {}))
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def ready(self) -> bool:
        """Whether /readyz answers 200 now."""
        return _is_ready(self.port)


def _collect(pipe: IO[str], lines: list[str]) -> None:
    for line in pipe:
        lines.append(line.rstrip("\n"))


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2 * UNIT)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
