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
    close_timeout: float = 5.0  # seconds for the peer to answer a close before the socket is cut
    closing: int = 1000  # sockets that wait for that answer; past it the oldest goes without
    burst_seconds: float = 10.0  # of frames that may come at once
    read_bytes: int = 65536  # the most that one read takes, so that one busy peer can't hold up the loop
