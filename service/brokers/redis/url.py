"""REDIS_URL taken apart by rules of our own, once for everything that needs a part of it.

redis-py's and Python's readings of the same text differ: what follows a `#` is dropped, a database may stand in two
places, unknown parameters fail at the first connection, and half of an unencoded password passes for the host. Here a
text is understood whole or refused, and a refusal shows nothing of it but the name of a parameter.
"""

import re
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import msgspec

PORT = 6379
_FORMS = "expected redis://host:port/db, rediss://host:port/db or unix:///path"
_PASSWORD = "expected a percent-encoded password in it (# as %23, / as %2F, ? as %3F, @ as %40, % as %25)"  # noqa: S105  # words about one
_REQUIREMENTS = ("none", "optional", "required")

_SCHEME = re.compile(r"(redis|rediss|unix)://(.*)", re.IGNORECASE | re.DOTALL)
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[^\[\]:%\s]+)(?::(?P<port>[0-9]{1,5}))?")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PARAMETER = re.compile(r"[a-z][a-z_]{0,39}", re.IGNORECASE)


class RedisUrl(msgspec.Struct, frozen=True, kw_only=True):
    """Where a Redis is and how it is spoken to. `path` is a unix socket's; with one, `host` is empty."""

    host: str = ""
    port: int = PORT
    path: str = ""
    username: str | None = None
    password: str | None = None
    database: int = 0
    tls: bool = False
    tls_options: dict[str, Any] = {}  # names and values as redis-py has them

    @property
    def place(self) -> str:
        """What may be shown of it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.path or f"{host}:{self.port}"

    def __repr__(self) -> str:
        return f"RedisUrl({self.place!r})"


def parse(text: str) -> RedisUrl:
    """Raises ValueError for what is not understood; the message begins with "expected"."""
    found = _SCHEME.fullmatch(text.strip())
    if found is None or re.search(r"[\x00-\x20\x7f]", found[2]):
        raise ValueError(_FORMS)
    scheme, rest = found[1].lower(), found[2]
    before, at, after = rest.rpartition("@")
    # An `@` ends the password, so it is the only one and stands before the path; a `#` means nothing here.
    if "#" in rest or re.search(r"[@/?]", before):
        raise ValueError(_PASSWORD)
    username, password = _credentials(before) if at else (None, None)
    address, _, query = after.partition("?")
    options = _parameters(query, scheme == "rediss")
    database = options.pop("db", None)
    if scheme == "unix":
        if not address.startswith("/") or address == "/":
            raise ValueError(_FORMS)
        place: dict[str, Any] = {"path": _unquoted(address)}
    else:
        address, _, path = address.partition("/")
        place = _place(address)
        database = _one_database(path, database)
    return RedisUrl(
        **place,
        username=username,
        password=password,
        database=database or 0,
        tls=scheme == "rediss",
        tls_options=options,
    )


def _credentials(text: str) -> tuple[str | None, str | None]:
    username, _, password = text.partition(":")
    if _BAD_ESCAPE.search(text):
        raise ValueError(_PASSWORD)
    return unquote(username) or None, unquote(password) or None


def _unquoted(text: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise ValueError(f"{_FORMS}, with a % in a path or parameter as %25")
    return unquote(text, errors="surrogateescape")


def _place(address: str) -> dict[str, Any]:
    found = _HOST.fullmatch(address)
    port = int(found["port"] or PORT) if found else 0
    if found is None or not 0 < port < 65536:
        raise ValueError(_FORMS)
    return {"host": found["host"].strip("[]"), "port": port}


def _one_database(path: str, asked: int | None) -> int | None:
    """The database may stand in the path or in the query."""
    if not path.strip("/"):
        return asked
    named = _database(path.removesuffix("/"))
    if asked not in (None, named):
        raise ValueError("expected one database, not one in the path and another in its parameter db")
    return named


# -- parameters: a check each, which answers the value as redis-py takes it or raises ValueError


def _database(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("expected a database that is a number")
    return int(text)


def _requirement(text: str) -> str:
    word = text.lower().removeprefix("cert_")
    if word not in _REQUIREMENTS:
        raise ValueError("expected ssl_cert_reqs to be one of " + ", ".join(_REQUIREMENTS))
    return word


def _check_hostname(text: str) -> bool:
    value = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}.get(text.lower())
    if value is None:
        raise ValueError("expected ssl_check_hostname to be true or false")
    return value


_PARAMETERS: dict[str, Callable[[str], Any]] = {
    "db": _database,
    "ssl_cert_reqs": _requirement,
    "ssl_check_hostname": _check_hostname,
    "ssl_ca_certs": str,
    "ssl_certfile": str,
    "ssl_keyfile": str,
}


def _parameters(query: str, tls: bool) -> dict[str, Any]:
    pairs = [part.partition("=") for part in query.split("&") if part]
    names = [name for name, _, _ in pairs]
    if {"username", "password"} & {name.lower() for name in names}:
        # Not named one by one: what stands after an unencoded & would be a part of the password.
        raise ValueError(
            "expected the user and password before the host (redis://user:password@host), not as parameters"
        )
    options = {}
    for name, equals, text in pairs:
        shown = f"parameter {name!r}" if equals and _PARAMETER.fullmatch(name) else "a parameter"
        if name not in _PARAMETERS or not equals:
            raise ValueError(f"expected only the parameters {', '.join(_PARAMETERS)}; {shown} is not known")
        if name.startswith("ssl_") and not tls:
            raise ValueError(f"expected rediss:// with {shown}")
        if names.count(name) > 1:
            raise ValueError(f"expected {shown} once")
        options[name] = _PARAMETERS[name](_unquoted(text))
    _check_files(options)
    return options


def _check_files(options: dict[str, Any]) -> None:
    """A certificate that can't be read would only be seen at the first connection, and not as what it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if path := options.get("ssl_ca_certs"):
        try:
            context.load_verify_locations(path)
        except (OSError, ValueError):  # ssl.SSLError is an OSError
            raise ValueError("expected ssl_ca_certs to be a file of certificates in PEM form") from None
    if "ssl_keyfile" in options and "ssl_certfile" not in options:
        raise ValueError("expected ssl_certfile with ssl_keyfile")
    if path := options.get("ssl_certfile"):
        try:
            context.load_cert_chain(path, options.get("ssl_keyfile"), password=lambda: b"")  # else it asks a terminal
        except (OSError, ValueError):
            raise ValueError(
                "expected ssl_certfile and ssl_keyfile to be a certificate and its key in PEM form, without a password"
            ) from None
