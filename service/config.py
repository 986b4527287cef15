"""The environment, read once into a frozen struct.

Every setting is one annotated field of `Settings`: its type and range, default, unit, and what follows from changing
it. Reading, error messages, `--check` and README's table (`python -m tests.readme`) are made of that. A bad value stops
the start with a `ConfigError` that names the variable and the way out.
"""

import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from service.brokers.redis import url as redis_url
from service.errors import ConfigError
from service.files import SECRET_SHORTEST, kept_secret
from service.findings import Finding, warning
from service.hooks import payloads, signing
from service.identity.headers import is_loopback

SECRET_SHORT = 32  # characters; less is warned of: RFC 7518 section 3.2 asks for 256 bits
SECRET_VARIED = 8  # different ones among them; a random one in hexadecimal has 16
CHARACTER_BYTES = 12  # of a character past U+FFFF where a client escapes it in JSON, as Python does: \ud83e\ude77
DRAIN_LONGEST = 25  # seconds from SIGTERM to the exit: Heroku kills after 30
DRAIN_CLOSES = 3  # of those, the last: 2 for closes to be answered, 1 to let go of the broker and the receiver
DRAIN_DELAY_LONGEST = 21  # seconds, so that there is one more for handshakes where others stay on the port
PING_LONGEST = 50  # seconds: routers cut what is silent for 55 (Heroku) or 60 (nginx), and a ping may be a little late
PING_LATE = 5  # seconds by which a ping may come later than PING_INTERVAL says
# Seconds of silence after which they cut a connection by themselves, of those that cut before PING_LONGEST.
IMPATIENT_ROUTERS = {"Google Cloud's load balancer": 30}
PROXIES_MOST = 4
PROXIES_USUAL = 2  # more are warned of: a router and what stands before it
HANDSHAKE_USUAL = 60  # seconds; more is warned of
ENVELOPE_BYTES = 2048  # of a frame beside its text: `id` and `ref` of 64 such characters, room, type, target


class Setting(msgspec.Struct, frozen=True):
    """What a field's type doesn't say of its variable. `note` is README's."""

    default: str  # as it would stand in the environment
    unit: str
    note: str
    parse: Callable[[str], Any] = str  # raises ValueError; flags and numbers are read by their type and range
    secret: bool = False  # whether messages and `--check` hide its value
    reason: str = ""  # of its range, for who is outside of it


def _number(kind: type[int] | type[float], allowed: Meta, reason: str) -> Callable[[str], Any]:
    low, high = allowed.ge, allowed.le
    assert low is not None and high is not None

    def parse(text: str) -> int | float:
        try:
            value = kind(text)
        except ValueError:
            raise ValueError(f"expected {'a whole number' if kind is int else 'a number'}") from None
        if not low <= value <= high:  # also refuses nan, which compares false
            raise ValueError(f"expected a value from {low:g} to {high:g}{reason and ', '}{reason}")
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


def _prefix(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", text):
        raise ValueError("expected 1 to 64 letters, digits, _, . and -, of which the first is a letter or digit")
    return text


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


def _webhook_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        if text and not (parts.scheme in ("http", "https") and parts.hostname and parts.port != 0):
            raise ValueError
    except ValueError:
        raise ValueError("expected an https:// address") from None
    if parts.username or parts.password or "#" in text or not re.fullmatch("[!-~]*", text):
        raise ValueError("expected an address in ASCII without a user, a password or a #; requests are signed")
    return text


def _webhook_secret(text: str) -> str:
    signing.keys(text)
    return text


def _webhook_events(text: str) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    for kind in kinds:
        if kind not in payloads.KINDS:
            raise ValueError(f"{kind!r} is none of " + ", ".join(payloads.KINDS))
    return kinds


def _globs(text: str) -> tuple[str, ...]:
    globs = tuple(part.strip() for part in text.split(",") if part.strip())
    for glob in globs:
        if not re.fullmatch(r"[a-z0-9_*?\[\]!-]{1,128}", glob):  # no room's name could match
            raise ValueError(f"{glob!r} is no room's name, nor one with *, ? or […] in it")
    return globs


# Browsers read // and /\ as the beginning of another host's address.
_PATH = re.compile(r"/(?![/\\])[!-~]*")


def _sign_in_url(text: str) -> str:
    if text and not _PATH.fullmatch(text):
        try:
            parts = urlsplit(text)
            if parts.scheme != "https" or not parts.hostname or parts.port == 0 or not re.fullmatch("[!-~]+", text):
                raise ValueError
        except ValueError:
            raise ValueError("expected an https:// address, or a path that begins with one /") from None
        if parts.username or parts.password:
            raise ValueError("expected an address without a user or password")
    if "#" in text:
        raise ValueError("expected an address without a #: what comes back stands behind it")
    return text


def _secret(text: str) -> str:
    if text and len(text.strip()) < SECRET_SHORTEST:
        raise ValueError(f"expected at least {SECRET_SHORTEST} characters (make one with: openssl rand -hex 32)")
    return text


def _bearer(text: str) -> str:
    if text and not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", text):  # RFC 6750 section 2.1: no request could bring it
        raise ValueError("expected letters, digits and -._~+/ alone, as in bearer tokens (openssl rand -hex 32)")
    return _secret(text)


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
    if pem.count("-----BEGIN") > 1:
        raise ValueError("expected one key, as no other would count; several are what JWT_JWKS_URL is for")
    return pem


LimitOrOff = Annotated[int, Meta(ge=0, le=10**9)]
Rate = Annotated[float, Meta(ge=0, le=10**6)]
Seconds = Annotated[float, Meta(ge=0.05, le=86400)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for the life of this process. Field `port` is variable `PORT`, and so on."""

    port: Annotated[int, Meta(ge=0, le=65535), Setting("8000", "TCP port", "where it listens; 0 takes a free one")]
    host: Annotated[str, Setting("127.0.0.1", "address", "all interfaces (an empty value) on Heroku")]
    redis_url: Annotated[
        str,
        Setting(
            "",
            "URL",
            "Redis, shared by every process; none means the embedded SQLite broker. REDIS_TLS_URL comes first",
            parse=_redis_url,
            secret=True,
        ),
    ]
    redis_prefix: Annotated[
        str,
        Setting(
            "parley",
            "name",
            "what all keys and channels in Redis begin with; deployments that share one have their own",
            parse=_prefix,
        ),
    ]
    redis_copies: Annotated[
        int,
        Meta(ge=0, le=5),
        Setting("0", "replicas", "that must hold a message before it is `sent`: docs/reliability.md, Failover"),
    ]
    redis_copies_seconds: Annotated[
        float,
        Meta(ge=0.05, le=30),
        Setting("1", "s", "that a message waits for those before it is `unavailable`"),
    ]
    sqlite_path: Annotated[str, Setting("parley.db", "file", "the embedded broker's file; `:memory:` keeps nothing")]
    secret_key: Annotated[
        str,
        Setting(
            "",
            "text",
            "signs guest tokens; required with Redis, otherwise made and kept beside the database",
            parse=_secret,
            secret=True,
        ),
    ]
    jwt_secret: Annotated[
        str,
        Setting(
            "",
            "text",
            "checks your own users' tokens, HS256; none refuses them",
            parse=_secret,
            secret=True,
        ),
    ]
    jwt_public_key: Annotated[str, Setting("", "PEM", "the same for RS256, ES256 and EdDSA", parse=_key, secret=True)]
    jwt_jwks_url: Annotated[str, Setting("", "URL", "the same, with keys that rotate", parse=_web_url)]
    jwt_audience: Annotated[
        str, Setting("", "text", "users' tokens must name it in `aud`; none refuses those with an `aud`")
    ]
    jwt_issuer: Annotated[str, Setting("", "text", "users' tokens must have it as `iss`; none takes any")]
    guests: Annotated[bool, Setting("1", "1 or 0", "whether people may enter with a name alone")]
    sign_in_url: Annotated[
        str,
        Setting(
            "",
            "URL or path",
            "where the page sends who wants to sign in; comes back with `#token=`: docs/page.md. Needs a JWT key",
            parse=_sign_in_url,
        ),
    ]
    root_socket: Annotated[
        str,
        Setting(
            "chat",
            "name",
            "what a WebSocket on `/` speaks, for the example apps that open that address: see below",
            parse=_choice("chat", "clock"),
        ),
    ]
    admin: Annotated[
        bool,
        Setting("0", "1 or 0", "the page `/admin`, for tokens of role `moderator`: docs/operations.md, The admin page"),
    ]
    service_worker: Annotated[
        bool,
        Setting("1", "1 or 0", "whether browsers keep the page and open it without its server; 0 takes it from them"),
    ]
    allowed_origins: Annotated[
        tuple[str, ...],
        Setting(
            "",
            "origins",
            "exact, comma-separated, apps' too (capacitor://localhost); none means the page's own",
            parse=_origins,
        ),
    ]
    trusted_proxies: Annotated[
        int,
        Meta(ge=0, le=PROXIES_MOST),
        Setting(
            "0",
            "proxies",
            "how many last entries of X-Forwarded-* count; 1 on Heroku. Too many lets clients choose their address",
            reason="as clients choose their address by each that isn't there; count the proxies before this service",
        ),
    ]
    force_https: Annotated[bool, Setting("0", "1 or 0", "redirects http to https and sends HSTS; 1 on Heroku")]
    ticket_address: Annotated[
        bool, Setting("1", "1 or 0", "binds a ticket to its client's address; 0 for clients that roam")
    ]
    history_limit: Annotated[
        int, Meta(ge=1, le=10**6), Setting("1000", "messages a room", "what resume and scroll-back reach")
    ]
    history_days: Annotated[
        float, Meta(ge=0.01, le=3650), Setting("30", "days", "after so long in silence a room is forgotten")
    ]
    text_limit: Annotated[int, Meta(ge=1, le=100_000), Setting("4000", "characters", "the longest message")]
    frame_limit: Annotated[
        int,
        Meta(ge=1024, le=2**24),
        Setting("65536", "bytes", "a longer message closes the socket, 1009; at least 12 × TEXT_LIMIT + 2048"),
    ]
    fragments_limit: Annotated[
        int, Meta(ge=1, le=10**6), Setting("1024", "frames a message", "a message in more closes the socket, 1009")
    ]
    rooms_limit: Annotated[
        int, Meta(ge=1, le=10_000), Setting("50", "rooms a socket", "more are answered `too_many_rooms`")
    ]
    frame_rate: Annotated[
        Rate,
        Setting(
            "200",
            "frames/s a socket",
            "of any kind, pings too, and each 8 KiB one more; burst 10 s of it, past it closed 1008; 0 is off",
        ),
    ]
    frame_rate_address: Annotated[
        Rate,
        Setting(
            "2000", "frames/s an address", "the same for its sockets that send over 5/s; burst 10 s of it; 0 is off"
        ),
    ]
    send_rate: Annotated[Rate, Setting("10", "messages/s a user", "past it `rate_limited`; 0 switches it off")]
    send_burst: Annotated[int, Meta(ge=1, le=10**6), Setting("100", "messages", "how many may come at once")]
    send_rate_address: Annotated[
        Rate, Setting("100", "messages/s an address", "the same for all users behind one address")
    ]
    join_rate: Annotated[
        Rate, Setting("10", "pages/s a user", "joins and pages, by their size; burst 10 s of it; 0 is off")
    ]
    join_rate_address: Annotated[
        Rate, Setting("200", "pages/s an address", "the same for all users behind one address")
    ]
    service_rate: Annotated[
        Rate,
        Setting(
            "200",
            "requests/s a user",
            "over HTTP by tokens of role `service`, instead of the above: each message, page and other request; "
            "burst 10 s of it; 0 is off",
        ),
    ]
    service_rate_address: Annotated[
        Rate, Setting("1000", "requests/s an address", "the same for all such users behind one address")
    ]
    room_rate: Annotated[Rate, Setting("120", "rooms/h an address", "rooms begun by joining them; burst 60; 0 is off")]
    rooms_total: Annotated[LimitOrOff, Setting("10000", "rooms", "no more are begun by joining them; 0 is off")]
    ticket_rate: Annotated[Rate, Setting("50", "tickets/s an address", "past it 429; burst 10 s of it; 0 is off")]
    connections_per_user: Annotated[LimitOrOff, Setting("20", "sockets", "one more is closed 4429; 0 is off")]
    connections_per_address: Annotated[
        LimitOrOff,
        Setting(
            "1000",
            "sockets",
            "one more is closed 4429; as many HTTP connections may be open beside them, one more gets 429; 0 is off",
        ),
    ]
    connections_limit: Annotated[
        LimitOrOff,
        Setting(
            "0",
            "sockets",
            "one more is closed 1013; 0 takes what RLIMIT_NOFILE leaves, and a larger number is cut to that",
        ),
    ]
    handshake_timeout: Annotated[Seconds, Setting("10", "s", "a request that takes longer to arrive is cut")]
    ping_interval: Annotated[
        float,
        Meta(ge=0.05, le=PING_LONGEST),
        Setting(
            "25",
            "s",
            f"keeps idle sockets open: at most {PING_LONGEST}, as routers cut what is silent for 55 s",
            reason="as routers cut sockets that are silent for 55 s; leave it out, or lower it",
        ),
    ]
    ping_timeout: Annotated[Seconds, Setting("10", "s", "a peer silent for so long after a ping is closed 4408")]
    presence_grace: Annotated[float, Meta(ge=0, le=600), Setting("5", "s", "back within it, and nobody saw you leave")]
    unsent_limit: Annotated[
        int, Meta(ge=4096, le=2**30), Setting("262144", "bytes", "past it a reader is behind, fed from history")
    ]
    unsent_deadline: Annotated[
        Seconds,
        Setting(
            "60", "s", "a reader without progress for so long is closed 4413; an HTTP answer not taken in it is cut"
        ),
    ]
    unsent_total: Annotated[
        int,
        Meta(ge=2**20, le=2**40),
        Setting("67108864", "bytes", "of all readers; past it those without progress for the longest are closed 4413"),
    ]
    drain_delay: Annotated[
        float,
        Meta(ge=0, le=DRAIN_DELAY_LONGEST),
        Setting("5", "s", "from SIGTERM, in which new sockets are still taken: until balancers see `/readyz` fall"),
    ]
    drain_seconds: Annotated[
        float,
        Meta(ge=0, le=DRAIN_LONGEST),
        Setting(
            "20",
            "s",
            "over which leaving sockets are then spread, and closed; with DRAIN_DELAY at most 25",
        ),
    ]
    webhook_url: Annotated[
        str,
        Setting("", "URL", "where events are posted: docs/webhooks.md; none posts none", _webhook_url, secret=True),
    ]
    webhook_secret: Annotated[
        str,
        Setting(
            "",
            "text",
            "signs what is posted: `whsec_` and base64; while it changes the new one, a comma, the one before",
            parse=_webhook_secret,
            secret=True,
        ),
    ]
    webhook_events: Annotated[
        tuple[str, ...],
        Setting(
            "message",
            "events",
            "which, comma-separated: " + ", ".join(f"`{kind}`" for kind in payloads.KINDS),
            parse=_webhook_events,
        ),
    ]
    webhook_rooms: Annotated[
        tuple[str, ...],
        Setting("*", "rooms", "of which, comma-separated, with `*`, `?` and `[…]` as in tokens", parse=_globs),
    ]
    webhook_seconds: Annotated[
        float,
        Meta(ge=0.05, le=60),
        Setting("10", "s", "that a receiver has to answer an event, before it is sent again"),
    ]
    webhook_ask_url: Annotated[
        str,
        Setting("", "URL", "what is asked before a message is stored; none is not asked", _webhook_url, secret=True),
    ]
    webhook_ask_seconds: Annotated[
        float,
        Meta(ge=0.05, le=5),
        Setting(
            "1",
            "s",
            "that it has for its verdict, before WEBHOOK_ASK_DEFAULT holds",
            reason="as clients wait 10 s for an answer",
        ),
    ]
    webhook_ask_default: Annotated[
        str,
        Setting(
            "accept",
            "name",
            "what holds without a verdict: `accept`, or `refuse`, which is `unavailable` to the author",
            parse=_choice("accept", "refuse"),
        ),
    ]
    webhook_http: Annotated[
        bool, Setting("0", "1 or 0", "whether these addresses may be http, for whoever is on the way to read")
    ]
    web_concurrency: Annotated[
        int, Meta(ge=1, le=64), Setting("1", "processes", "processes on the port (more need Redis)")
    ]
    log_level: Annotated[
        str, Setting("info", "level", "how much is logged", parse=_choice("debug", "info", "warning", "error"))
    ]
    log_format: Annotated[str, Setting("logfmt", "form", "one line an event", parse=_choice("logfmt", "json"))]
    metrics_token: Annotated[
        str,
        Setting("", "text", "guards /metrics as a bearer token; none leaves it open", parse=_bearer, secret=True),
    ]
    metrics_log_seconds: Annotated[
        float,
        Meta(ge=0, le=3600),
        Setting("0", "s", "between two lines of the log with the metrics' figures; 0 is off: docs/operations.md"),
    ]
    heroku: bool = False

    @property
    def broker_name(self) -> str:
        """What the start line and `--check` call the broker, without its password."""
        if not self.redis_url:
            return f"sqlite {self.sqlite_path}"
        parts = redis_url.parse(self.redis_url)
        return f"redis {parts.place}" if parts.kind == "one" else f"redis {parts.kind} {parts.place}"

    @property
    def shown_host(self) -> str:
        """The host as it stands in an address that one can open."""
        if self.host in ("", "127.0.0.1"):
            return "localhost"
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def user_keys(self) -> bool:
        """Whether there is any key to check users' tokens with."""
        return bool(self.jwt_secret or self.jwt_public_key or self.jwt_jwks_url)

    def __repr__(self) -> str:
        return f"Settings(broker={self.broker_name!r})"  # the fields hold secrets, and tracebacks show a repr


def _variables() -> dict[str, Setting]:
    found = {}
    for field, hint in get_type_hints(Settings, include_extras=True).items():
        *ranges, setting = getattr(hint, "__metadata__", (None,))
        if setting is None:
            continue
        if hint.__origin__ is bool:
            setting = msgspec.structs.replace(setting, parse=_flag)
        elif hint.__origin__ in (int, float):
            setting = msgspec.structs.replace(setting, parse=_number(hint.__origin__, ranges[0], setting.reason))
        found[field.upper()] = setting
    return found


SETTINGS = _variables()
"""By their variables, in the order of the struct."""


def load(environ: Mapping[str, str] = os.environ, keep_secret: bool = True) -> Settings:
    """Read `environ` into settings.

    Raises `ConfigError` for a value that can't hold, a missing SECRET_KEY with Redis, and WEB_CONCURRENCY without it.
    Without `keep_secret` a SECRET_KEY that has to be made is not kept: nothing is written.
    An empty variable counts as unset, except HOST, where it means all interfaces.
    """
    settings, errors = examine(environ, keep_secret)
    if errors:
        raise errors[0] from None
    return settings


def examine(environ: Mapping[str, str], keep_secret: bool = False) -> tuple[Settings, list[ConfigError]]:
    """The same, with all that can't hold instead of the first of it. A default stands where a value can't be read."""
    heroku = "DYNO" in environ
    values, errors = _read(environ, heroku)
    errors = errors or list(_together(values, heroku))
    if heroku and not values["redis_url"]:
        values["web_concurrency"] = 1  # the buildpack sets it to 2 unasked
    if not values["secret_key"]:
        try:
            path = ":memory:" if errors else values["sqlite_path"]
            values["secret_key"] = kept_secret(path, make=keep_secret)
        except ConfigError as error:
            errors.append(error)
    return Settings(**values, heroku=heroku), errors


def redis_variable(environ: Mapping[str, str]) -> str:
    """Which variable `redis_url` is read from."""
    return "REDIS_TLS_URL" if environ.get("REDIS_TLS_URL") else "REDIS_URL"


def _read(environ: Mapping[str, str], heroku: bool) -> tuple[dict[str, Any], list[ConfigError]]:
    """The value of each field, and what is wrong with those that can't be read."""
    defaults = {name: setting.default for name, setting in SETTINGS.items()}
    if heroku:
        defaults |= {"HOST": "", "TRUSTED_PROXIES": "1", "FORCE_HTTPS": "1"}
    values: dict[str, Any] = {}
    errors = []
    for name, setting in SETTINGS.items():
        variable = redis_variable(environ) if name == "REDIS_URL" else name
        text = environ.get(variable, "")
        if not text and not (name == "HOST" and "HOST" in environ):
            text = defaults[name]
        try:
            values[name.lower()] = setting.parse(text)
        except ValueError as error:
            shown = "" if setting.secret else f" is {text!r}"
            errors.append(ConfigError(f"{variable}{shown}: {error}"))
            values[name.lower()] = setting.parse(defaults[name])
    return values, errors


def _together(values: Mapping[str, Any], heroku: bool) -> Iterator[ConfigError]:
    """What is wrong with settings that don't go together."""
    if values["redis_url"]:
        if not values["secret_key"]:
            yield ConfigError(
                "SECRET_KEY: required with REDIS_URL, the same in every process (make one with: openssl rand -hex 32)"
            )
    elif values["web_concurrency"] > 1 and not heroku:
        yield ConfigError("WEB_CONCURRENCY: more than one process needs REDIS_URL; the embedded broker serves one")
    if values["sign_in_url"] and not (values["jwt_secret"] or values["jwt_public_key"] or values["jwt_jwks_url"]):
        yield ConfigError(
            "SIGN_IN_URL: what comes back from it are tokens, which need JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL"
        )
    for name in ("webhook_url", "webhook_ask_url"):
        if values[name] and not values["webhook_secret"].strip(", "):
            yield ConfigError(
                f"WEBHOOK_SECRET: required with {name.upper()}, so that the receiver knows whom it is from "
                f"(make one with: echo {signing.PREFIX}$(openssl rand -base64 32))"
            )
        if urlsplit(values[name]).scheme == "http" and not values["webhook_http"]:
            yield ConfigError(
                f"{name.upper()}: expected an https:// address, as texts go there; "
                "WEBHOOK_HTTP=1 allows http, for a receiver on this machine or a network of yours"
            )
    for name in ("webhook_events", "webhook_rooms"):
        if not values[name]:
            yield ConfigError(f"{name.upper()} names none; unset it, or WEBHOOK_URL")
    if values["ping_timeout"] > values["ping_interval"]:
        yield ConfigError("PING_TIMEOUT: expected at most PING_INTERVAL")
    if values["drain_delay"] + values["drain_seconds"] > DRAIN_LONGEST:
        yield ConfigError(
            f"DRAIN_DELAY is {values['drain_delay']:g} and DRAIN_SECONDS {values['drain_seconds']:g}: "
            f"expected at most {DRAIN_LONGEST} together, as platforms kill after 30; lower one of them"
        )
    # Else the longest texts would close their sockets (1009) instead of being taken or answered `too_large`.
    text_limit, frame_limit = values["text_limit"], values["frame_limit"]
    needed = CHARACTER_BYTES * text_limit + ENVELOPE_BYTES
    if frame_limit < needed:
        yield ConfigError(
            f"FRAME_LIMIT is {frame_limit}: expected at least {needed} with TEXT_LIMIT {text_limit}, "
            f"as a character may take {CHARACTER_BYTES} bytes; raise FRAME_LIMIT or lower TEXT_LIMIT"
        )


def warnings(settings: Settings) -> list[Finding]:
    """What holds but shouldn't, for the log at the start, for `--check` and the doctor."""
    return [finding for part in (_weak, _plain, _open, _idle) for finding in part(settings)]


def new_secret(variable: str) -> str:
    """What to type for one."""
    if variable == "WEBHOOK_SECRET":
        return f"export {variable}={signing.PREFIX}$(openssl rand -base64 32)"
    return f"export {variable}=$(openssl rand -hex 32)"


def _weak(settings: Settings) -> Iterator[Finding]:
    """Secrets that can be guessed, or that give away another."""
    secrets = {"SECRET_KEY": settings.secret_key, "JWT_SECRET": settings.jwt_secret}
    speaks = {"SECRET_KEY": "who finds it enters as any guest", "JWT_SECRET": "who finds it enters as any user"}
    for name, value in secrets.items():
        unit = value[: (value * 2).find(value, 1)]  # what it repeats; all of it, if it doesn't
        if 0 < len(value) < SECRET_SHORT:
            cause = f"{name} is shorter than {SECRET_SHORT} characters and could be guessed"
            yield warning("secret-weak", name, cause, speaks[name], new_secret(name))
        elif value and (len(unit) < SECRET_SHORT or len(set(unit)) < SECRET_VARIED):
            cause = f"{name} repeats a few characters and could be guessed"
            yield warning("secret-weak", name, cause, speaks[name], new_secret(name))
    for name, other in (("JWT_SECRET", "SECRET_KEY"), ("METRICS_TOKEN", "SECRET_KEY"), ("METRICS_TOKEN", "JWT_SECRET")):
        if secrets[other] and getattr(settings, name.lower()) == secrets[other]:
            cause = f"{name} is the same as {other}"
            yield warning("secret-shared", name, cause, "who may know one knows both", new_secret(name))
    keys = urlsplit(settings.jwt_jwks_url)
    if keys.scheme == "http" and not is_loopback(keys.hostname or ""):
        yield warning(
            "keys-plain",
            "JWT_JWKS_URL",
            "JWT_JWKS_URL is http",
            "whoever is on the way there can put in keys of their own",
            f"export JWT_JWKS_URL={settings.jwt_jwks_url.replace('http:', 'https:', 1)}",
        )


def _plain(settings: Settings) -> Iterator[Finding]:
    """What goes unencrypted to another machine."""
    for name in ("WEBHOOK_URL", "WEBHOOK_ASK_URL"):
        parts = urlsplit(getattr(settings, name.lower()))
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            yield warning(
                "webhook-plain",
                name,
                f"{name} is http",
                "whoever is on the way there reads what people say, and answers in the receiver's place",
                f"export {name}=, and the receiver's https:// address; unset WEBHOOK_HTTP",
            )


def _open(settings: Settings) -> Iterator[Finding]:
    """What lets in whom it shouldn't, or keeps out everybody."""
    everywhere = settings.host in ("", "0.0.0.0", "::")  # noqa: S104  # compared, not bound
    if settings.trusted_proxies > PROXIES_USUAL:
        yield warning(
            "proxies-many",
            "TRUSTED_PROXIES",
            f"TRUSTED_PROXIES is {settings.trusted_proxies}, and few have so many before a service",
            "by each that isn't there clients choose their address, and with it their limits",
            "export TRUSTED_PROXIES=1, or as many as there are; given its URL, the doctor tries it",
        )
    if settings.heroku and settings.trusted_proxies == 0 and everywhere:
        yield warning(
            "proxies-few",
            "TRUSTED_PROXIES",
            "TRUSTED_PROXIES is 0 on Heroku",
            "all users have its router's address, and share its limits",
            "heroku config:set TRUSTED_PROXIES=1",
        )
    if settings.force_https and settings.trusted_proxies == 0:
        yield warning(
            "https-endless",
            "FORCE_HTTPS",
            "FORCE_HTTPS is 1 and TRUSTED_PROXIES 0",
            "no request counts as https, so each is redirected for ever",
            "export TRUSTED_PROXIES=1, or the number of proxies before this service",
        )
    if everywhere and not settings.metrics_token:
        yield warning(
            "metrics-open",
            "METRICS_TOKEN",
            "METRICS_TOKEN is not set and HOST is all interfaces",
            "anybody can read /metrics",
            new_secret("METRICS_TOKEN"),
        )
    if not settings.guests and not settings.user_keys:
        yield warning(
            "nobody-enters",
            "GUESTS",
            "GUESTS is 0 and no key is set for tokens",
            "nobody can enter",
            new_secret("JWT_SECRET"),
        )
    if settings.handshake_timeout > HANDSHAKE_USUAL:
        yield warning(
            "handshake-long",
            "HANDSHAKE_TIMEOUT",
            f"HANDSHAKE_TIMEOUT is {settings.handshake_timeout:g}",
            "who sends a request a byte at a time keeps a place for so long",
            "unset HANDSHAKE_TIMEOUT",
        )


def _idle(settings: Settings) -> Iterator[Finding]:
    """What is lost, or has no effect."""
    if settings.heroku and not settings.redis_url and settings.sqlite_path != ":memory:":
        yield warning(
            "disk-passing",
            "REDIS_URL",
            "REDIS_URL is not set on Heroku, and a dyno's disk doesn't last",
            "all is lost at each restart",
            "heroku addons:create heroku-redis",
        )
    if settings.webhook_secret and not (settings.webhook_url or settings.webhook_ask_url):
        yield _without_effect("WEBHOOK_SECRET", "WEBHOOK_URL or WEBHOOK_ASK_URL")
    if settings.redis_copies and not settings.redis_url:
        yield _without_effect("REDIS_COPIES", "REDIS_URL")
    for name in ("JWT_AUDIENCE", "JWT_ISSUER", "ADMIN"):
        if getattr(settings, name.lower()) and not settings.user_keys:
            yield _without_effect(name, "JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL")
    if settings.unsent_limit > settings.unsent_total:
        yield warning(
            "unsent-unshared",
            "UNSENT_LIMIT",
            f"UNSENT_LIMIT is {settings.unsent_limit} and UNSENT_TOTAL {settings.unsent_total}",
            "one slow reader may use up what all share",
            "unset UNSENT_LIMIT UNSENT_TOTAL",
        )
    for router, seconds in IMPATIENT_ROUTERS.items():
        if settings.ping_interval + PING_LATE > seconds and settings.trusted_proxies and not settings.heroku:
            yield warning(
                "ping-late",
                "PING_INTERVAL",
                f"PING_INTERVAL is {settings.ping_interval:g} behind a proxy",
                f"one that cuts what is silent for {seconds} s, as {router} does, cuts idle sockets",
                f"export PING_INTERVAL={seconds - PING_LATE}, unless all of yours wait for longer",
            )


def _without_effect(name: str, missing: str) -> Finding:
    cause = f"{name} has no effect without {missing}"
    return warning("no-effect", name, cause, "what it asks for is not done", f"unset {name}, or set what is missing")


def describe(settings: Settings) -> str:
    """One `NAME=value` line a setting, secrets hidden: what `--check` prints."""
    lines = []
    for name, setting in SETTINGS.items():
        value = getattr(settings, name.lower())
        if setting.secret:
            value = "(set)" if value else ""
        elif isinstance(value, bool):
            value = int(value)
        elif isinstance(value, tuple):
            value = ",".join(value)
        lines.append(f"{name}={value}")
    return "\n".join([*lines, f"# broker: {settings.broker_name}", f"# host name: {socket.gethostname()}"])
