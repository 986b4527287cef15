"""Limits for sockets that are tested without the service: wide ones, but for what a test is about."""

from typing import Any

from service.limits import Buckets
from service.sockets.limits import SocketLimits
from service.sockets.unsent import Budget


def socket_limits(**changes: Any) -> SocketLimits:
    """Those of one process; `changes` are fields of `SocketLimits`."""
    wide: dict[str, Any] = {
        "frame_bytes": 65536,
        "fragments": 1024,
        "frame_rate": 0.0,
        "address_frames": Buckets(0.0, 0.0),
        "unsent_bytes": 1 << 20,
        "unsent_total": Budget(64 << 20),
        "answer_deadline": 60.0,
    }
    return SocketLimits(**wide | changes)
