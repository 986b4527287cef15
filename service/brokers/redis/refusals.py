"""What Redis says when it won't, or when a connection ends: for the log with its own first word, and as a `Fault`."""

from redis.exceptions import AuthenticationError, RedisError, ResponseError

from service.brokers.base import Fault

_FAULTS = {
    "CLUSTERDOWN": Fault.CLUSTER,
    "LOADING": Fault.LOADING,
    "MASTERDOWN": Fault.PRIMARY,
    "MISCONF": Fault.DISK,  # a snapshot or the append-only file could not be written
    "NOAUTH": Fault.CREDENTIALS,
    "NOPERM": Fault.PERMISSION,
    "NOREPLICAS": Fault.COPIES,
    "OOM": Fault.FULL,
    "READONLY": Fault.READ_ONLY,
    "WRONGPASS": Fault.CREDENTIALS,
}


def describe_error(error: BaseException) -> str:
    """As Redis said it: redis-py takes the first word off what it has a class for."""
    text = str(error) or type(error).__name__
    word = isinstance(error, RedisError) and error.status_code
    return f"{word} {text}" if word else text


def fault_of(error: BaseException) -> Fault:
    """`AWAY` for what is no answer of Redis's."""
    if isinstance(error.__cause__, RedisError):  # as a sentinel said it
        return fault_of(error.__cause__)
    if isinstance(error, AuthenticationError):  # of a server without passwords it is an ERR
        return Fault.CREDENTIALS
    word = describe_error(error).partition(" ")[0]
    return _FAULTS.get(word, Fault.REFUSED if isinstance(error, ResponseError) else Fault.AWAY)
