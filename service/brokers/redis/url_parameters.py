"""What stands behind the `?` of a REDIS_URL: which parameters there are, with which schemes, and what each may be.

Files of certificates are opened here once, for one that can't be read would only be seen at the first connection, and
not as what it is. A refusal shows nothing of the text but the name of a parameter.
"""

import re
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import msgspec

PASSWORD = "expected a percent-encoded password in it (# as %23, / as %2F, ? as %3F, @ as %40, % as %25)"  # noqa: S105  # words about one
_REQUIREMENTS = ("none", "optional", "required")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NAME = re.compile(r"[a-z][a-z_]{0,39}", re.IGNORECASE)


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """Those that were given. `tls_options`: names and values as redis-py has them."""

    database: int | None = None
    sentinel_username: str | None = None
    sentinel_password: str | None = None
    tls_options: dict[str, Any] = {}


def credential(text: str) -> str | None:
    """A user or a password, decoded; None for an empty one. Raises ValueError."""
    if _BAD_ESCAPE.search(text):
        raise ValueError(PASSWORD)
    try:
        return unquote(text, errors="strict") or None
    except UnicodeDecodeError:
        raise ValueError("expected a percent-encoded password that is UTF-8") from None


def unquoted(text: str) -> str:
    """A path or a value, decoded; bytes that are no UTF-8 as Python has them in names of files. Raises ValueError."""
    if _BAD_ESCAPE.search(text):
        raise ValueError("expected percent-encoding, with a % in a path or parameter as %25")
    return unquote(text, errors="surrogateescape")


def database(text: str) -> int:
    """Raises ValueError."""
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("expected a database that is a number")
    return int(text)


# -- a check each, which answers the value or raises ValueError


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


KNOWN: dict[str, Callable[[str], Any]] = {
    "db": lambda text: database(unquoted(text)),
    "ssl_cert_reqs": lambda text: _requirement(unquoted(text)),
    "ssl_check_hostname": lambda text: _check_hostname(unquoted(text)),
    "ssl_ca_certs": unquoted,
    "ssl_certfile": unquoted,
    "ssl_keyfile": unquoted,
    "sentinel_username": credential,
    "sentinel_password": credential,
}
"""By name."""


def read(query: str, scheme: str) -> Parameters:
    """Raises ValueError."""
    pairs = [part.partition("=") for part in query.split("&") if part]
    names = [name for name, _, _ in pairs]
    if {"username", "password"} & {name.lower() for name in names}:
        # Not named one by one: what stands after an unencoded & would be a part of the password.
        raise ValueError(
            "expected the user and password before the host (redis://user:password@host), not as parameters"
        )
    values: dict[str, Any] = {}
    for name, equals, text in pairs:
        nameable = equals and _NAME.fullmatch(name) and (name in KNOWN or "sentinel_password" not in names)
        shown = f"parameter {name!r}" if nameable else "a parameter"
        if name not in KNOWN or not equals:
            hint = " (an & in sentinel_password is %26)" if "sentinel_password" in names else ""
            raise ValueError(f"expected only the parameters {', '.join(KNOWN)}; {shown} is not known{hint}")
        if fitting := _fitting(name, scheme):
            raise ValueError(f"expected {fitting}:// with {shown}")
        if names.count(name) > 1:
            raise ValueError(f"expected {shown} once")
        values[name] = KNOWN[name](text)
    tls_options = {name: value for name, value in values.items() if name.startswith("ssl_")}
    _check_files(tls_options)
    return Parameters(
        database=values.get("db"),
        sentinel_username=values.get("sentinel_username"),
        sentinel_password=values.get("sentinel_password"),
        tls_options=tls_options,
    )


def _fitting(name: str, scheme: str) -> str:
    """The scheme that the parameter needs, if it isn't this one."""
    if name.startswith("ssl_") and not scheme.startswith("rediss"):
        return "rediss" if scheme == "unix" else scheme.replace("redis", "rediss", 1)
    if name.startswith("sentinel_") and not scheme.endswith("+sentinel"):
        return "rediss+sentinel" if scheme.startswith("rediss") else "redis+sentinel"
    return ""


def _check_files(options: dict[str, Any]) -> None:
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
