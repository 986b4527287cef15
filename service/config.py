"""The environment, read once into a frozen struct.

Every setting stands in `SETTINGS` with its unit, its default and what follows from changing it; README's table is held
equal to it by a test. A bad value stops the start with a `ConfigError` that names the variable and the way out.
"""

import os
import re
import secrets
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from service.brokers.redis import url as redis_url
from service.errors import ConfigError

SECRET_SHORTEST = 8  # characters, else the start stops
SECRET_SHORT = 32  # characters; less is warned of: RFC 7518 section 3.2 asks for 256 bits
CHARACTER_BYTES = 12  # of a character past U+FFFF where a client escapes it in JSON, as Python does: \ud83e\ude77
ENVELOPE_BYTES = 2048  # of a frame beside its text: `id` and `ref` of 64 such characters, room, type, target


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for the life of this process. Field `port` is variable `PORT`, and so on; units as in `SETTINGS`."""

    port: int
    host: str
    redis_url: str
    sqlite_path: str
    secret_key: str
    jwt_secret: str
    jwt_public_key: str
    jwt_jwks_url: str
    jwt_audience: str
    jwt_issuer: str
    guests: bool
    root_socket: str
    allowed_origins: tuple[str, ...]
    trusted_proxies: int
    force_https: bool
    ticket_address: bool
    history_limit: int
    history_days: float
    text_limit: int
    frame_limit: int
    fragments_limit: int
    rooms_limit: int
    frame_rate: float
    frame_rate_address: float
    send_rate: float
    send_burst: int
    send_rate_address: float
    join_rate: float
    join_rate_address: float
    room_rate: float
    rooms_total: int
    ticket_rate: float
    connections_per_user: int
    connections_per_address: int
    connections_limit: int
    handshake_timeout: float
    ping_interval: float
    ping_timeout: float
    presence_grace: float
    unsent_limit: int
    unsent_deadline: float
    unsent_total: int
    drain_seconds: float
    web_concurrency: int
    log_level: str
    log_format: str
    metrics_token: str
    heroku: bool = False

    @property
    def broker_name(self) -> str:
        """What the start line and `--check` call the broker, without its password."""
        if not self.redis_url:
            return f"sqlite {self.sqlite_path}"
        return f"redis {redis_url.parse(self.redis_url).place}"

    @property
    def shown_host(self) -> str:
        """The host as it stands in an address that one can open."""
        if self.host in ("", "127.0.0.1"):
            return "localhost"
        return f"[{self.host}]" if ":" in self.host else self.host

    def __repr__(self) -> str:
        return f"Settings(broker={self.broker_name!r})"  # the fields hold secrets, and tracebacks show a repr


class Setting(msgspec.Struct, frozen=True):
    """One variable: how it is read, its default as text (`None`: see `note`), and what README says of it."""

    name: str
    parse: Callable[[str], Any]
    default: str
    unit: str
    note: str
    secret: bool = False

    @property
    def field(self) -> str:
        return self.name.lower()


def _number(kind: type[int] | type[float], low: float, high: float) -> Callable[[str], Any]:
    def parse(text: str) -> int | float:
        try:
            value = kind(text)
        except ValueError:
            raise ValueError(f"expected {'a whole number' if kind is int else 'a number'}") from None
        if not low <= value <= high:  # also refuses nan, which compares false
            raise ValueError(f"expected a value from {low:g} to {high:g}")
        return value

    return parse


def _flag(text: str) -> bool:
    value = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }.get(text.strip().lower())
    if value is None:
        raise ValueError("expected 1 or 0")
    return value


def _choice(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError("expected one of " + ", ".join(choices))
        return text.lower()

    return parse


def _redis_url(text: str) -> str:
    if text:
        redis_url.parse(text)
    return text.strip()


def _web_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        if text and not (parts.scheme in ("http", "https") and parts.hostname and parts.port != 0):
            raise ValueError
    except ValueError:
        raise ValueError("expected an http:// or https:// address") from None
    if parts.username or parts.password:
        raise ValueError("expected an address without a user or password; public keys need none")
    return text


def _secret(shortest: int) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text and len(text) < shortest:
            raise ValueError(f"expected at least {shortest} characters (make one with: openssl rand -hex 32)")
        return text

    return parse


# Apps have schemes of their own (capacitor://localhost); these no page has as its origin.
_ORIGIN = re.compile(
    r"(?!(wss?|ftp|file|data|blob|about|javascript):)[a-z][a-z0-9+.-]*"
    r"://([a-z0-9][a-z0-9._-]*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?"
)


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(part.strip().rstrip("/").lower() for part in text.split(",") if part.strip())
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):  # one that no browser sends (a wildcard, a path, ü) would never match
            raise ValueError(f"{origin!r} is no origin; expected for example https://chat.example.com")
    return origins


def _key(text: str) -> str:
    # Platforms that keep variables on one line write a PEM key's line ends as \n.
    pem = text.replace("\\n", "\n")
    if pem and "-----BEGIN" not in pem:
        raise ValueError("expected a public key in PEM form (-----BEGIN PUBLIC KEY-----)")
    return pem


_COUNT, _RATE, _SECONDS = (_number(int, 0, 10**9), _number(float, 0, 10**6), _number(float, 0.05, 86400))

SETTINGS: tuple[Setting, ...] = (
    Setting("PORT", _number(int, 0, 65535), "8000", "TCP port", "where it listens; 0 takes a free one"),
    Setting("HOST", str, "127.0.0.1", "address", "all interfaces (an empty value) on Heroku"),
    Setting(
        "REDIS_URL",
        _redis_url,
        "",
        "URL",
        "Redis, shared by every process; none means the embedded SQLite broker. REDIS_TLS_URL comes first",
        secret=True,
    ),
    Setting("SQLITE_PATH", str, "parley.db", "file", "the embedded broker's file; `:memory:` keeps nothing"),
    Setting(
        "SECRET_KEY",
        _secret(SECRET_SHORTEST),
        "",
        "text",
        "signs guest tokens; required with Redis, otherwise made and kept beside the database",
        secret=True,
    ),
    Setting(
        "JWT_SECRET",
        _secret(SECRET_SHORTEST),
        "",
        "text",
        "checks your own users' tokens, HS256; none refuses them",
        secret=True,
    ),
    Setting("JWT_PUBLIC_KEY", _key, "", "PEM", "the same for RS256, ES256 and EdDSA", secret=True),
    Setting("JWT_JWKS_URL", _web_url, "", "URL", "the same, with keys that rotate"),
    Setting("JWT_AUDIENCE", str, "", "text", "users' tokens must name it in `aud`; none refuses those with an `aud`"),
    Setting("JWT_ISSUER", str, "", "text", "users' tokens must have it as `iss`; none takes any"),
    Setting("GUESTS", _flag, "1", "1 or 0", "whether people may enter with a name alone"),
    Setting(
        "ROOT_SOCKET",
        _choice("chat", "clock"),
        "chat",
        "name",
        "what a WebSocket on `/` speaks, for the example apps that open that address: see below",
    ),
    Setting(
        "ALLOWED_ORIGINS",
        _origins,
        "",
        "origins",
        "exact, comma-separated, apps' too (capacitor://localhost); none means the page's own",
    ),
    Setting(
        "TRUSTED_PROXIES",
        _number(int, 0, 16),
        "0",
        "proxies",
        "how many last entries of X-Forwarded-* count; 1 on Heroku. Too many lets clients choose their address",
    ),
    Setting("FORCE_HTTPS", _flag, "0", "1 or 0", "redirects http to https and sends HSTS; 1 on Heroku"),
    Setting(
        "TICKET_ADDRESS",
        _flag,
        "1",
        "1 or 0",
        "binds a ticket to its client's address; 0 for clients that roam",
    ),
    Setting("HISTORY_LIMIT", _number(int, 1, 10**6), "1000", "messages a room", "what resume and scroll-back reach"),
    Setting(
        "HISTORY_DAYS",
        _number(float, 0.01, 3650),
        "30",
        "days",
        "after so long in silence a room is forgotten",
    ),
    Setting("TEXT_LIMIT", _number(int, 1, 100_000), "4000", "characters", "the longest message"),
    Setting(
        "FRAME_LIMIT",
        _number(int, 1024, 2**24),
        "65536",
        "bytes",
        "a longer message closes the socket, 1009; at least 12 × TEXT_LIMIT + 2048",
    ),
    Setting(
        "FRAGMENTS_LIMIT",
        _number(int, 1, 10**6),
        "1024",
        "frames a message",
        "a message in more closes the socket, 1009",
    ),
    Setting("ROOMS_LIMIT", _number(int, 1, 10_000), "50", "rooms a socket", "more are answered `too_many_rooms`"),
    Setting(
        "FRAME_RATE",
        _RATE,
        "200",
        "frames/s a socket",
        "of any kind, pings too, and each 8 KiB one more; burst 10 s of it, past it closed 1008; 0 is off",
    ),
    Setting(
        "FRAME_RATE_ADDRESS",
        _RATE,
        "2000",
        "frames/s an address",
        "the same for its sockets that send over 5/s; burst 10 s of it; 0 is off",
    ),
    Setting("SEND_RATE", _RATE, "10", "messages/s a user", "past it `rate_limited`; 0 switches it off"),
    Setting("SEND_BURST", _number(int, 1, 10**6), "100", "messages", "how many may come at once"),
    Setting(
        "SEND_RATE_ADDRESS",
        _RATE,
        "100",
        "messages/s an address",
        "the same for all users behind one address",
    ),
    Setting("JOIN_RATE", _RATE, "10", "pages/s a user", "joins and pages, by their size; burst 10 s of it; 0 is off"),
    Setting("JOIN_RATE_ADDRESS", _RATE, "200", "pages/s an address", "the same for all users behind one address"),
    Setting("ROOM_RATE", _RATE, "120", "rooms/h an address", "rooms begun by joining them; burst 60; 0 is off"),
    Setting("ROOMS_TOTAL", _COUNT, "10000", "rooms", "no more are begun by joining them; 0 is off"),
    Setting("TICKET_RATE", _RATE, "50", "tickets/s an address", "past it 429; burst 10 s of it; 0 is off"),
    Setting("CONNECTIONS_PER_USER", _COUNT, "20", "sockets", "one more is closed 4429; 0 is off"),
    Setting(
        "CONNECTIONS_PER_ADDRESS",
        _COUNT,
        "1000",
        "sockets",
        "one more is closed 4429; as many HTTP connections may be open beside them, one more gets 429; 0 is off",
    ),
    Setting(
        "CONNECTIONS_LIMIT",
        _COUNT,
        "0",
        "sockets",
        "one more is closed 1013; 0 takes what RLIMIT_NOFILE leaves, and a larger number is cut to that",
    ),
    Setting("HANDSHAKE_TIMEOUT", _SECONDS, "10", "s", "a request that takes longer to arrive is cut"),
    Setting("PING_INTERVAL", _SECONDS, "25", "s", "keeps idle sockets open; stay under the router's 55 s"),
    Setting("PING_TIMEOUT", _SECONDS, "10", "s", "a peer silent for so long after a ping is closed 4408"),
    Setting("PRESENCE_GRACE", _number(float, 0, 600), "5", "s", "back within it, and nobody saw you leave"),
    Setting(
        "UNSENT_LIMIT",
        _number(int, 4096, 2**30),
        "262144",
        "bytes",
        "past it a reader is behind, fed from history",
    ),
    Setting(
        "UNSENT_DEADLINE",
        _SECONDS,
        "60",
        "s",
        "a reader without progress for so long is closed 4413; an HTTP answer not taken in it is cut",
    ),
    Setting(
        "UNSENT_TOTAL",
        _number(int, 2**20, 2**40),
        "67108864",
        "bytes",
        "of all readers; past it those without progress for the longest are closed 4413",
    ),
    Setting("DRAIN_SECONDS", _number(float, 0, 25), "20", "s", "over which leaving sockets are spread"),
    Setting("WEB_CONCURRENCY", _number(int, 1, 64), "1", "processes", "processes on the port (more need Redis)"),
    Setting("LOG_LEVEL", _choice("debug", "info", "warning", "error"), "info", "level", "how much is logged"),
    Setting("LOG_FORMAT", _choice("logfmt", "json"), "logfmt", "form", "one line an event"),
    Setting(
        "METRICS_TOKEN",
        _secret(8),
        "",
        "text",
        "guards /metrics as a bearer token; none leaves it open",
        secret=True,
    ),
)


def load(environ: Mapping[str, str] = os.environ, keep_secret: bool = True) -> Settings:
    """Read `environ` into settings.

    Raises `ConfigError` for a value that can't hold, a missing SECRET_KEY with Redis, and WEB_CONCURRENCY without it.
    Without `keep_secret` a SECRET_KEY that has to be made is not kept: nothing is written.
    An empty variable counts as unset, except HOST, where it means all interfaces.
    """
    heroku = "DYNO" in environ
    defaults = {setting.name: setting.default for setting in SETTINGS}
    if heroku:
        defaults |= {"HOST": "", "TRUSTED_PROXIES": "1", "FORCE_HTTPS": "1"}
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        name = setting.name
        if name == "REDIS_URL" and environ.get("REDIS_TLS_URL"):
            name = "REDIS_TLS_URL"
        text = environ.get(name, "")
        if not text and not (setting.name == "HOST" and "HOST" in environ):
            text = defaults[setting.name]
        try:
            values[setting.field] = setting.parse(text)
        except ValueError as error:
            shown = "" if setting.secret else f" is {text!r}"
            raise ConfigError(f"{name}{shown}: {error}") from None
    if values["redis_url"]:
        if not values["secret_key"]:
            raise ConfigError(
                "SECRET_KEY: required with REDIS_URL, the same in every process (make one with: openssl rand -hex 32)"
            )
    elif values["web_concurrency"] > 1 and not heroku:
        raise ConfigError("WEB_CONCURRENCY: more than one process needs REDIS_URL; the embedded broker serves one")
    elif heroku:
        values["web_concurrency"] = 1  # the buildpack sets it to 2 unasked
    if values["ping_timeout"] > values["ping_interval"]:
        raise ConfigError("PING_TIMEOUT: expected at most PING_INTERVAL")
    _check_frame_limit(values["text_limit"], values["frame_limit"])
    if not values["secret_key"]:
        values["secret_key"] = _kept_secret(values["sqlite_path"], make=keep_secret)
    return Settings(**values, heroku=heroku)


def _check_frame_limit(text_limit: int, frame_limit: int) -> None:
    """Else the longest texts would close their sockets (1009) instead of being taken or answered `too_large`."""
    needed = CHARACTER_BYTES * text_limit + ENVELOPE_BYTES
    if frame_limit < needed:
        raise ConfigError(
            f"FRAME_LIMIT is {frame_limit}: expected at least {needed} with TEXT_LIMIT {text_limit}, "
            f"as a character may take {CHARACTER_BYTES} bytes; raise FRAME_LIMIT or lower TEXT_LIMIT"
        )


def check_sqlite_path(path: str) -> None:
    """Raise `ConfigError` for a path at which no database can be had; nothing is written."""
    if path == ":memory:":
        return
    file = Path(path)
    reason = ""
    try:
        if not file.exists():
            if not file.parent.is_dir():
                reason = "its folder is not there"
            elif not os.access(file.parent, os.W_OK | os.X_OK):
                reason = "its folder can't be written"
        elif not file.is_file():
            reason = "it is no file"
        elif not os.access(file, os.R_OK | os.W_OK):
            reason = "it can't be read and written"
        else:
            with file.open("rb") as opened:
                known = opened.read(16) in (b"", b"SQLite format 3\0")
                reason = "" if known else "it is no SQLite database, or a damaged one"
    except OSError as error:
        reason = error.strerror or "it can't be read"
    if reason:
        advice = "choose a file in a writable folder, or put a backup back"
        raise ConfigError(f"SQLITE_PATH is {path!r}: {reason}; {advice}")


def _kept_secret(sqlite_path: str, make: bool) -> str:
    """The secret beside the database; a passing one for `:memory:`.

    The first start makes it, with mode 0600. Without `make` nothing is written, and one that is missing is made up.
    """
    if sqlite_path == ":memory:":
        return secrets.token_hex(32)
    check_sqlite_path(sqlite_path)
    path = Path(sqlite_path + ".secret")
    if make:
        secret = secrets.token_hex(32)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _read_secret(path)
        except OSError as error:
            raise ConfigError(f"SQLITE_PATH: can't write {path} ({error.strerror}); choose a writable folder") from None
        with os.fdopen(descriptor, "w") as file:
            file.write(secret + "\n")
        return secret
    return _read_secret(path) if os.path.lexists(path) else secrets.token_hex(32)


def _read_secret(path: Path) -> str:
    try:
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        secret = ""
    if len(secret) < SECRET_SHORTEST:
        raise ConfigError(f"SECRET_KEY: {path} holds no secret; remove that file or set the variable")
    return secret


def warnings(settings: Settings) -> list[str]:
    """What holds but shouldn't, a sentence each, for the log at the start."""
    return [
        f"{setting.name} is shorter than {SECRET_SHORT} characters and could be guessed (openssl rand -hex 32)"
        for setting in SETTINGS
        if setting.name in ("SECRET_KEY", "JWT_SECRET") and 0 < len(getattr(settings, setting.field)) < SECRET_SHORT
    ]


def describe(settings: Settings) -> str:
    """One `NAME=value` line a setting, secrets hidden: what `--check` prints."""
    lines = []
    for setting in SETTINGS:
        value = getattr(settings, setting.field)
        if setting.secret:
            value = "(set)" if value else ""
        elif isinstance(value, bool):
            value = int(value)
        elif isinstance(value, tuple):
            value = ",".join(value)
        lines.append(f"{setting.name}={value}")
    return "\n".join([*lines, f"# broker: {settings.broker_name}", f"# host name: {socket.gethostname()}"])
