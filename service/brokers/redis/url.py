"""REDIS_URL taken apart by rules of our own, once for everything that needs a part of it.

redis-py's and Python's readings of the same text differ: what follows a `#` is dropped, a database may stand in two
places, unknown parameters fail at the first connection, and half of an unencoded password passes for the host. Here a
text is understood whole or refused. A refusal shows nothing of it but the name of a scheme or a parameter: of hosts it
says the number, for half of a password may stand in a host's place.
"""

import re
from typing import Any, Literal

import msgspec

from service.brokers.redis import url_parameters

PORT = 6379
SENTINEL_PORT = 26379
_ONE = "redis://host:port/db, rediss://host:port/db or unix:///path"
_SENTINEL = "redis+sentinel://host:port,host:port/master/db"
_CLUSTER = "redis+cluster://host:port,host:port"

RedisKind = Literal["one", "sentinel", "cluster"]
Hosts = tuple[tuple[str, int], ...]

_SCHEME = re.compile(r"([^:/]*)://(.*)", re.DOTALL)
_LIKE_A_SCHEME = re.compile(r"(?=.{1,20}\Z)[a-z]+([+.-][a-z]+)*")
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[^\[\]:%,\s]+)(?::(?P<port>[0-9]{1,9}))?")
_MASTER = re.compile(r"[A-Za-z0-9._-]+")


class RedisUrl(msgspec.Struct, frozen=True, kw_only=True):
    """Where a Redis is and how it is spoken to.

    `hosts`: of "one" the host itself, of "sentinel" the Sentinels, who know where `master` is, of "cluster" the nodes
    to begin with. `host` and `port` are those of "one" alone. `path` is a unix socket's; with one, there are no hosts.
    """

    kind: RedisKind = "one"
    hosts: Hosts = ()
    host: str = ""
    port: int = PORT
    path: str = ""
    master: str = ""
    username: str | None = None
    password: str | None = None
    sentinel_username: str | None = None
    sentinel_password: str | None = None
    database: int = 0
    tls: bool = False  # to Sentinels, too
    tls_options: dict[str, Any] = {}  # names and values as redis-py has them

    @property
    def place(self) -> str:
        """What may be shown of it."""
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        return self.path or (f"{hosts}/{self.master}" if self.master else hosts)

    def __repr__(self) -> str:
        return f"RedisUrl({self.place!r})"


def parse(text: str) -> RedisUrl:
    """Raises ValueError for what is not understood; the message begins with "expected"."""
    scheme, rest = _split_scheme(text.strip())
    before, _, after = rest.rpartition("@")
    # An `@` ends the password, so it is the only one and stands before the path; a `#` means nothing here.
    if "#" in rest or re.search(r"[@/?]", before):
        raise ValueError(url_parameters.PASSWORD)
    username, password = map(url_parameters.credential, before.partition(":")[::2])
    address, _, query = after.partition("?")
    given = url_parameters.read(query, scheme)
    return msgspec.structs.replace(
        _PLACES[scheme](address, given.database),
        username=username,
        password=password,
        sentinel_username=given.sentinel_username,
        sentinel_password=given.sentinel_password,
        tls=scheme.startswith("rediss"),
        tls_options=given.tls_options,
    )


def _split_scheme(text: str) -> tuple[str, str]:
    found = _SCHEME.fullmatch(text)
    scheme = found[1].lower() if found else ""
    if found is None or scheme not in _PLACES:
        shown = f"; the scheme {scheme!r} is not known" if _LIKE_A_SCHEME.fullmatch(scheme) else ""
        raise ValueError(f"expected {_ONE}, or {_SENTINEL} or {_CLUSTER}{shown}")
    if re.search(r"[\x00-\x20\x7f]", found[2]):
        raise ValueError(f"expected {_ONE}, or {_SENTINEL} or {_CLUSTER}, without spaces")
    return scheme, found[2]


# -- where it is: what stands before the `?`; `asked` is the database among the parameters


def _unix(address: str, asked: int | None) -> RedisUrl:
    if not address.startswith("/") or address == "/":
        raise ValueError(f"expected {_ONE}")
    return RedisUrl(path=url_parameters.unquoted(address), database=asked or 0)


def _one(address: str, asked: int | None) -> RedisUrl:
    address, _, path = address.partition("/")
    if "," in address:
        raise ValueError(f"expected one host; several are for {_SENTINEL} and {_CLUSTER}")
    found = _HOST.fullmatch(address)
    port = int(found["port"] or PORT) if found else 0
    if found is None or not 0 < port < 65536:
        raise ValueError(f"expected {_ONE}")
    host = found["host"].strip("[]")
    return RedisUrl(host=host, port=port, hosts=((host, port),), database=_one_database(path, asked))


def _sentinel(address: str, asked: int | None) -> RedisUrl:
    address, _, path = address.partition("/")
    hosts = _hosts(address, SENTINEL_PORT, _SENTINEL)
    master, _, path = path.partition("/")
    if not master:
        raise ValueError(f"expected the master's name, as Sentinel has it, after the hosts: {_SENTINEL}")
    if not _MASTER.fullmatch(master):
        raise ValueError("expected a master's name of letters, digits, '.', '_' and '-', as Sentinel has it")
    return RedisUrl(kind="sentinel", hosts=hosts, master=master, database=_one_database(path, asked))


def _cluster(address: str, asked: int | None) -> RedisUrl:
    address, _, path = address.partition("/")
    hosts = _hosts(address, PORT, _CLUSTER)
    database = _one_database(path, asked)
    if database:
        raise ValueError(f"expected database 0, the only one of a cluster, not {database}; leave it out")
    return RedisUrl(kind="cluster", hosts=hosts)


def _hosts(address: str, default_port: int, form: str) -> Hosts:
    hosts: dict[tuple[str, int], int] = {}
    for number, text in enumerate(address.split(","), 1):
        if not text or text.startswith(":"):
            raise ValueError(f"expected hosts between commas: {form}; host {number} is empty")
        found = _HOST.fullmatch(text)
        if found is None:
            raise ValueError(f"expected hosts as name:port, address:port or [IPv6 address]:port; host {number} is none")
        host, port = found["host"].strip("[]").lower(), int(found["port"] or default_port)
        if not 0 < port < 65536:
            raise ValueError(f"expected a port from 1 to 65535 at host {number}")
        if (first := hosts.setdefault((host, port), number)) != number:
            raise ValueError(f"expected each host once; host {number} is host {first} again")
    return tuple(hosts)


def _one_database(path: str, asked: int | None) -> int:
    """The database may stand in the path or in the query."""
    if not path.strip("/"):
        return asked or 0
    named = url_parameters.database(path.removesuffix("/"))
    if asked not in (None, named):
        raise ValueError("expected one database, not one in the path and another in its parameter db")
    return named


_PLACES = {
    "redis": _one,
    "rediss": _one,
    "unix": _unix,
    "redis+sentinel": _sentinel,
    "rediss+sentinel": _sentinel,
    "redis+cluster": _cluster,
    "rediss+cluster": _cluster,
}
"""By scheme."""
