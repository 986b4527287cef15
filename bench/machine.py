"""What the kernel says of processes and of this machine. Linux only."""

import importlib.metadata
import os
import platform
import re
import resource
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

SERVER_CORE, LOAD_CORE = 0, 1


class MachineError(Exception):
    """This machine can't run the benchmarks; the message says what is missing."""


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process so far, to the nanosecond: its clock of clock_getcpuclockid(3).

    /proc/<pid>/stat has the same in ticks of 10 ms.
    """
    return time.clock_gettime(~pid << 3 | 2)


def memory_bytes(pid: int) -> tuple[int, int]:
    """Resident and proportional set size of a process, in bytes."""
    return parse_smaps(Path(f"/proc/{pid}/smaps_rollup").read_text())


def parse_smaps(text: str) -> tuple[int, int]:
    """Rss and Pss, in bytes, from the text of /proc/<pid>/smaps_rollup."""
    sizes = {name: int(size) * 1024 for name, size in re.findall(r"^(Rss|Pss): +(\d+) kB$", text, re.MULTILINE)}
    return sizes["Rss"], sizes["Pss"]


class Gauge:
    """CPU time of the processes of a run, several of one name together, and of this one, the load generator."""

    def __init__(self, processes: Mapping[str, Sequence[int]]) -> None:
        self._processes = dict(processes)

    def read(self) -> dict[str, float]:
        """Seconds since the processes started, by name; this one is `load`."""
        spent = {name: sum(map(cpu_seconds, pids)) for name, pids in self._processes.items()}
        return spent | {"load": time.process_time()}


def prepare(need_descriptors: int) -> None:
    """Take all descriptors the hard limit allows, and the load's core. Raises `MachineError` if that is too little."""
    if not os.path.exists("/proc/self/smaps_rollup"):
        raise MachineError("the benchmarks read /proc: they run on Linux")
    if len(os.sched_getaffinity(0)) < 2:
        raise MachineError("two cores are needed: one for the server, one for Redis and the load")
    limit = raise_descriptor_limit()
    if limit < need_descriptors:
        raise MachineError(
            f"{need_descriptors} descriptors are needed and {limit} allowed: raise the hard limit (ulimit -Hn), or use "
            "--quick"
        )
    os.sched_setaffinity(0, {LOAD_CORE})


def raise_descriptor_limit() -> int:
    """The soft limit becomes the hard one, which is returned."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def describe() -> dict[str, str]:
    """Machine and versions, as the report lists them."""
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal: +(\d+) kB", Path("/proc/meminfo").read_text())
    packages = ("tornado", "redis", "hiredis", "msgspec", "websockets")
    return {
        "processor": f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores",
        "load average before": f"{os.getloadavg()[0]:.2f}, over a minute; other work spoils the numbers",
        "priority": _priority(),
        "memory": f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "unknown",
        "kernel": f"{platform.system()} {platform.release()}, TCP congestion control {_congestion_control()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Redis": redis_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }


def _priority() -> str:
    """At which the runs compete with other work."""
    idle = ", SCHED_IDLE" if os.sched_getscheduler(0) == os.SCHED_IDLE else ""
    return f"nice {os.nice(0)}{idle}"


def _congestion_control() -> str:
    return Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()


def redis_version() -> str:
    """Of the redis-server that is run. Raises `MachineError` if there is none."""
    if not shutil.which("redis-server"):
        raise MachineError("redis-server is missing: apt-get install redis-server")
    text = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"v=(\S+)", text)
    return found[1] if found else text.strip()
