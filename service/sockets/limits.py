"""What a process allows its sockets and HTTP answers."""

from msgspec import Struct

from service.limits import Buckets
from service.sockets.unsent import Budget


class SocketLimits(Struct, frozen=True, kw_only=True):
    """One object for all sockets and answers of a process: each of them holds a reference and no copy."""

    frame_bytes: int  # of a message; a longer one closes its socket 1009
    fragments: int  # frames of a message; an empty one costs its sender six bytes
    frame_rate: float  # tokens a second of a socket; 0 is off
    address_frames: Buckets  # tokens that the sockets of an address share
    unsent_bytes: int  # of a socket; past them its reader is behind
    unsent_total: Budget  # of all sockets and answers together
    answer_deadline: float  # seconds for an HTTP answer to be taken
