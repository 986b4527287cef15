"""What tests and benchmarks use to run the real thing: Redis, the service, clients, faults between them.

Every wait has a deadline, given in multiples of `UNIT`, and fails naming what did not come.
"""

from . import secrecy
from .certificates import Authority, Certificate
from .chat_client import ChatClient, ChatError
from .common import UNIT, free_port, require_tool, wait_until
from .proxy import BlockingProxy, TcpProxy
from .redis_cluster import ClusterNode, RedisCluster
from .redis_sentinel import RedisSentinels, Sentinel
from .redis_server import RedisServer
from .replication import ReplicationLinks
from .service_process import (
    JWT_SECRET,
    NO_LIMITS,
    SECRET_KEY,
    ServiceProcess,
    make_jwt,
    service_env,
)
from .stepped_clock import SteppedClock

__all__ = [
    "JWT_SECRET",
    "NO_LIMITS",
    "SECRET_KEY",
    "UNIT",
    "Authority",
    "BlockingProxy",
    "Certificate",
    "ChatClient",
    "ChatError",
    "ClusterNode",
    "RedisCluster",
    "RedisSentinels",
    "RedisServer",
    "ReplicationLinks",
    "Sentinel",
    "ServiceProcess",
    "SteppedClock",
    "TcpProxy",
    "free_port",
    "make_jwt",
    "require_tool",
    "secrecy",
    "service_env",
    "wait_until",
]
