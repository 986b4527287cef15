"""The embedded broker's file: who else has it, who may read it, the disk below it, what is inside."""

import fcntl
import os
import struct
import sys
from pathlib import Path

from service.brokers.sqlite.opening import examine_file
from service.doctor import machine
from service.doctor.context import Context
from service.errors import ConfigError
from service.findings import Finding, error, warning

SPACE_LOW = 256 * 2**20  # bytes
SPACE_OUT = 32 * 2**20  # bytes: the write-ahead log takes up to half of it before it reaches the file
# https://www.sqlite.org/lockingv3.html: where a process that works with a file has its locks on it.
_LOCKS = 0x40000000, 512
_FLOCK = "hhqqi4x"  # Linux's struct flock
# Their locks and their fsync are not those of a disk: https://www.sqlite.org/howtocorrupt.html, section 2.1.
NETWORKED = frozenset({"9p", "afs", "ceph", "cifs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"})
NETWORKED_FUSE = ("fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "fuse.nfs", "fuse.smb")


async def look(context: Context) -> list[Finding]:
    """What is wrong with the file, or with the folder where it will be. A path that can't be is a setting's finding."""
    path = context.settings.sqlite_path
    if context.settings.redis_url or path == ":memory:":
        return []
    found, holder = _on_disk(path)
    if holder and not await machine.running(context):
        found.append(_taken(path, holder))
    return found


def _on_disk(path: str) -> tuple[list[Finding], int]:
    """And the process that has it open, 0 if none does."""
    if not os.path.isdir(os.path.dirname(path) or "."):
        return [], 0
    found = [*_space(path), *_file_system(path), *_modes(path)]
    holder = locked_by(path)
    return (found if holder else [*found, *_inside(path)]), holder


def _taken(path: str, holder: int) -> Finding:
    return error(
        "database-taken",
        "SQLITE_PATH",
        f"SQLITE_PATH is {path!r}: process {holder} has it open, which is no service at this HOST and PORT",
        "the service doesn't start: one process serves a file",
        f"ps -fp {holder} says who it is, kill {holder} ends it; or another SQLITE_PATH, or a Redis for several",
    )


def locked_by(path: str) -> int:
    """The process that works with the file; 0: none does. Locks of this process itself are not seen."""
    if sys.platform != "linux":  # others have other structs; the start tells
        return 0
    try:
        with open(path, "rb+") as file:
            asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, *_LOCKS, 0)
            kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    except OSError:  # not there yet, or a file system without locks
        return 0
    return 0 if kind == fcntl.F_UNLCK else int(pid)


def _inside(path: str) -> list[Finding]:
    if not os.path.exists(path):
        return []
    try:
        examine_file(path)
    except ConfigError as fault:
        return [
            error(
                "database-unreadable",
                "SQLITE_PATH",
                str(fault),
                "the service doesn't start",
                f"sqlite3 {path} .recover | sqlite3 saved.db, if it is damaged and your shell can (docs/operations.md, "
                "A damaged file); else another SQLITE_PATH",
            )
        ]
    return []


def _space(path: str) -> list[Finding]:
    folder = os.path.dirname(os.path.abspath(path))
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free >= SPACE_LOW:
        return []
    return [
        (error if free < SPACE_OUT else warning)(
            "disk-full",
            "SQLITE_PATH",
            f"SQLITE_PATH is {path!r}: {free // 2**20} MiB are free on the disk of {folder}",
            "when it is full nothing is stored, and every send is `unavailable`",
            f"df -h {folder}; du -xh {folder} | sort -h | tail; or lower HISTORY_LIMIT and HISTORY_DAYS",
        )
    ]


def _file_system(path: str) -> list[Finding]:
    try:
        mounts = Path("/proc/self/mountinfo").read_text(errors="replace")
    except OSError:  # no Linux
        return []
    kind = file_system(os.path.realpath(path), mounts)
    if kind not in NETWORKED and not kind.startswith(NETWORKED_FUSE):
        return []
    return [
        warning(
            "disk-networked",
            "SQLITE_PATH",
            f"SQLITE_PATH is {path!r}: that is on a network ({kind})",
            "its locks and writes can't be relied on, and a damaged file costs all messages",
            "export SQLITE_PATH=, and a file on a disk of this machine's own; or use Redis",
        )
    ]


def file_system(path: str, mounts: str) -> str:
    """The kind of the file system that `path`, which is absolute, is on; `mounts` as proc(5) has mountinfo."""
    best, kind = "", ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = before.split(" ")[4].encode().decode("unicode_escape")  # \040 is a space
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):  # of two at one place the later one is on top
            best, kind = point, after.split(" ")[0]
    return kind


def _modes(path: str) -> list[Finding]:
    open_to_others = [
        name for name in (path, path + ".secret") if os.path.exists(name) and os.stat(name).st_mode & 0o77
    ]
    if not open_to_others:
        return []
    names = " ".join(open_to_others)
    return [
        warning(
            "database-open",
            "SQLITE_PATH",
            f"SQLITE_PATH is {path!r}: other users of this machine may read or write {names}",
            "they have what people said, or the secret of guests' tokens",
            f"chmod 600 {names}",
        )
    ]
