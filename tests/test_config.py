"""service/config.py: the environment, read once."""

import json
import stat
from pathlib import Path

import pytest

from service import protocol
from service.config import SETTINGS, Settings, describe, load, warnings
from service.errors import ConfigError

MEMORY = {"SQLITE_PATH": ":memory:"}
REDIS = {"REDIS_URL": "redis://:hidden-password@127.0.0.1:6379/0", "SECRET_KEY": "k-secret-for-tests-0123456789abcdef"}
SECRETS = {
    "REDIS_URL": "redis://:hidden-password@127.0.0.1:6379/0",
    "SECRET_KEY": "hidden-secret-key-0123456789abcdef",
    "JWT_SECRET": "hidden-jwt-secret-0123456789abcdef",
    "JWT_PUBLIC_KEY": "-----BEGIN PUBLIC KEY-----\nhidden-key\n-----END PUBLIC KEY-----",
    "METRICS_TOKEN": "hidden-metrics-token",
}


def of(**environ: str) -> Settings:
    return load(MEMORY | environ)


def test_defaults() -> None:
    """Without a single variable the service listens on loopback, trusts nobody and lets guests in."""
    settings = of()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert (settings.trusted_proxies, settings.force_https, settings.heroku) == (0, False, False)
    assert (settings.guests, settings.ticket_address, settings.allowed_origins) == (True, True, ())
    assert (settings.text_limit, settings.frame_limit, settings.rooms_limit) == (4000, 65536, 50)
    assert (settings.ping_interval, settings.ping_timeout) == (25, 10)
    assert settings.broker_name == "sqlite :memory:"


def test_every_field_is_a_setting() -> None:
    """All but `heroku`, which is no variable of ours, and every default passes its own check."""
    assert [name.lower() for name in SETTINGS] + ["heroku"] == [*Settings.__struct_fields__]
    for setting in SETTINGS.values():
        setting.parse(setting.default)
        assert setting.unit and setting.note


def test_heroku() -> None:
    """On a dyno it listens on all interfaces, believes one proxy and insists on https, unless told otherwise."""
    dyno = {"DYNO": "web.1"}
    settings = of(**dyno, PORT="31337")
    assert (settings.host, settings.port, settings.trusted_proxies, settings.force_https) == ("", 31337, 1, True)
    assert settings.heroku
    told = of(**dyno, HOST="127.0.0.1", TRUSTED_PROXIES="2", FORCE_HTTPS="0")
    assert (told.host, told.trusted_proxies, told.force_https) == ("127.0.0.1", 2, False)
    # The buildpack sets WEB_CONCURRENCY to 2 unasked, which the embedded broker can't serve.
    assert of(**dyno, WEB_CONCURRENCY="2").web_concurrency == 1
    assert load(REDIS | dyno | {"WEB_CONCURRENCY": "2"}).web_concurrency == 2


@pytest.mark.parametrize(
    ("host", "shown"),
    [("", "localhost"), ("127.0.0.1", "localhost"), ("0.0.0.0", "0.0.0.0"), ("::1", "[::1]"), ("chat", "chat")],
)
def test_the_host_as_it_is_shown(host: str, shown: str) -> None:
    """In an address that a browser takes."""
    assert of(HOST=host).shown_host == shown


def test_empty_counts_as_unset_but_for_host() -> None:
    """An empty variable means its default; an empty HOST means all interfaces."""
    assert of(PORT="", SEND_RATE="", ALLOWED_ORIGINS="").port == 8000
    assert of(HOST="").host == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("PORT", "-1"),
        ("PORT", "80.5"),
        ("SEND_RATE", "nan"),
        ("SEND_RATE", "inf"),
        ("SEND_RATE", "-1"),
        ("PING_INTERVAL", "0"),
        ("GUESTS", "maybe"),
        ("LOG_LEVEL", "chatty"),
        ("LOG_FORMAT", "xml"),
        ("HISTORY_LIMIT", "0"),
        ("DRAIN_DELAY", "22"),
        ("DRAIN_SECONDS", "26"),
        ("WEB_CONCURRENCY", "0"),
        ("JWT_JWKS_URL", "file:///etc/passwd"),
        ("JWT_JWKS_URL", "https://"),
        ("JWT_JWKS_URL", "https://keys.example.com:port/"),
        ("SIGN_IN_URL", "accounts.example.com/in"),
        ("SIGN_IN_URL", "http://accounts.example.com/in"),
        ("SIGN_IN_URL", "https://"),
        ("SIGN_IN_URL", "https://accounts.example.com:port/in"),
        ("SIGN_IN_URL", "https://user:word@accounts.example.com/in"),
        ("SIGN_IN_URL", "https://accounts.example.com/in#here"),
        ("SIGN_IN_URL", "https://accounts.example.com/sign in"),
        ("SIGN_IN_URL", "//accounts.example.com/in"),
        ("SIGN_IN_URL", "/\\accounts.example.com/in"),
        ("SIGN_IN_URL", "/sign-in#here"),
        ("SIGN_IN_URL", "javascript:alert(1)"),
        ("ALLOWED_ORIGINS", "chat.example.com"),
        ("ALLOWED_ORIGINS", "https://chat.example.com/page"),
        ("ALLOWED_ORIGINS", "https://*.example.com"),
        ("ALLOWED_ORIGINS", "https://user@chat.example.com"),
        ("ALLOWED_ORIGINS", "https://good.example.com,null"),
        ("ALLOWED_ORIGINS", "https://chat.example.com:port"),
        ("ALLOWED_ORIGINS", "https://bücher.example"),
        ("ALLOWED_ORIGINS", "https://"),
        ("ALLOWED_ORIGINS", "wss://chat.example.com"),
        ("ALLOWED_ORIGINS", "file://localhost"),
        ("ALLOWED_ORIGINS", "capacitor://"),
        ("ALLOWED_ORIGINS", "://localhost"),
        ("ALLOWED_ORIGINS", "capacitor:localhost"),
        ("ALLOWED_ORIGINS", "chrome-extension://*"),
    ],
)
def test_bad_value_is_named(name: str, value: str) -> None:
    """A value that can't hold stops the start; the message names the variable and shows the value."""
    with pytest.raises(ConfigError, match=f"^{name} is .*: expected|^{name} is .*is no origin") as caught:
        of(**{name: value})
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "http://:hidden@redis.example.com"),
        ("REDIS_URL", "redis://:hidden"),
        ("REDIS_URL", "redis://user:hidden/word@redis.example.com:6379"),
        ("REDIS_URL", "rediss://"),
        ("REDIS_URL", "redis://[hidden"),
        ("SECRET_KEY", "hidden"),
        ("JWT_SECRET", "hidden"),
        ("JWT_PUBLIC_KEY", "hidden, and no PEM"),
        ("METRICS_TOKEN", "hidden"),
        ("METRICS_TOKEN", "hidden behind blanks"),
        ("METRICS_TOKEN", "hidden-behind-ä"),
    ],
)
def test_bad_secret_is_not_shown(name: str, value: str) -> None:
    """The message about a bad secret names the variable and the way out, never the value."""
    with pytest.raises(ConfigError, match=f"^{name}: expected") as caught:
        of(**{name: value})
    assert "hidden" not in str(caught.value)
    assert caught.value.__suppress_context__  # or a traceback would show what the parser complained of


def test_password_in_the_address_of_a_key_set() -> None:
    """A key set's address with a password in it is refused, because addresses are printed."""
    with pytest.raises(ConfigError, match="without a user or password"):
        of(JWT_JWKS_URL="https://user:word@keys.example.com/jwks.json")


def test_settings_that_need_each_other() -> None:
    """Redis needs a key that all processes share, more processes need Redis, pings must not overtake each other."""
    with pytest.raises(ConfigError, match=r"^SECRET_KEY: required with REDIS_URL.*openssl"):
        load({"REDIS_URL": REDIS["REDIS_URL"]})
    with pytest.raises(ConfigError, match=r"^WEB_CONCURRENCY: .*needs REDIS_URL"):
        of(WEB_CONCURRENCY="2")
    assert load(REDIS | {"WEB_CONCURRENCY": "2"}).web_concurrency == 2
    with pytest.raises(ConfigError, match=r"^SIGN_IN_URL: .*JWT_SECRET"):
        of(SIGN_IN_URL="/in")
    for place in ("/in", "https://accounts.example.com:8443/in?app=chat"):
        assert of(SIGN_IN_URL=place, JWT_SECRET="j" * 32).sign_in_url == place
    with pytest.raises(ConfigError, match=r"^PING_TIMEOUT: "):
        of(PING_INTERVAL="5", PING_TIMEOUT="6")


def test_the_longest_text_fits_into_a_frame() -> None:
    """However a client writes it; else it would close its socket instead of being taken."""
    with pytest.raises(ConfigError, match=r"^FRAME_LIMIT is 65536: expected at least 1202048 with TEXT_LIMIT 100000"):
        of(TEXT_LIMIT="100000")
    with pytest.raises(ConfigError, match=r"^FRAME_LIMIT is 1024: .*TEXT_LIMIT 4000"):
        of(FRAME_LIMIT="1024")
    settings = of(TEXT_LIMIT="100000", FRAME_LIMIT="1202048")
    longest = "\U0001fa77" * settings.text_limit  # Python escapes it, to twelve bytes
    odd = "\U0001fa77" * protocol.ID_LIMIT
    frame = {"type": "edit", "room": "r" * 64, "id": odd, "ref": odd, "target": 2**53, "text": longest}
    assert len(json.dumps(frame)) <= settings.frame_limit


def test_redis_address() -> None:
    """REDIS_TLS_URL comes first; the broker's name holds no password."""
    settings = load(REDIS | {"REDIS_TLS_URL": "rediss://:hidden@tls.example.com:6380"})
    assert settings.redis_url == "rediss://:hidden@tls.example.com:6380"
    assert settings.broker_name == "redis tls.example.com:6380"
    assert load(REDIS).broker_name == "redis 127.0.0.1:6379"
    assert load(REDIS | {"REDIS_URL": "redis://cache"}).broker_name == "redis cache:6379"
    assert load(REDIS | {"REDIS_URL": "unix:///run/redis.sock"}).broker_name == "redis /run/redis.sock"


def test_origins_are_normalised() -> None:
    """Origins are lower-cased, and a slash at the end is forgiven."""
    settings = of(ALLOWED_ORIGINS=" https://Chat.Example.com/ ,http://localhost:8000,, http://[::1]:80")
    assert settings.allowed_origins == ("https://chat.example.com", "http://localhost:8000", "http://[::1]:80")


def test_key_on_one_line() -> None:
    r"""A PEM key whose line ends were written as \n is read as if it had them."""
    key = of(JWT_PUBLIC_KEY=r"-----BEGIN PUBLIC KEY-----\nMII\n-----END PUBLIC KEY-----").jwt_public_key
    assert key == "-----BEGIN PUBLIC KEY-----\nMII\n-----END PUBLIC KEY-----"


@pytest.mark.parametrize("text", ["1", "true", "YES", " on "])
def test_flags(text: str) -> None:
    """A flag is on or off in a few usual words, whatever their case."""
    assert of(FORCE_HTTPS=text).force_https is True
    off = {"1": "0", "true": "false", "YES": "NO", " on ": " off "}[text]
    assert of(GUESTS=off).guests is False


def test_kept_secret(tmp_path: Path) -> None:
    """Without SECRET_KEY one is made beside the database, for its owner's eyes only, and found again."""
    environ = {"SQLITE_PATH": str(tmp_path / "parley.db")}
    first = load(environ).secret_key
    kept = tmp_path / "parley.db.secret"
    assert len(first) == 64 and kept.read_text().strip() == first
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert load(environ).secret_key == first
    assert load(environ | {"SECRET_KEY": "s" * 16}).secret_key == "s" * 16


def test_secret_of_a_passing_broker() -> None:
    """A database in memory gets a secret that is new each time and stored nowhere."""
    assert of().secret_key != of().secret_key
    assert not Path(":memory:.secret").exists()


def test_spoilt_secret_file(tmp_path: Path) -> None:
    """A secret file that holds none stops the start and is named, be it empty, binary or a folder."""
    environ = {"SQLITE_PATH": str(tmp_path / "parley.db")}
    kept = tmp_path / "parley.db.secret"
    for content in (b"", b"short\n", b"\xff" * 64):
        kept.write_bytes(content)
        for keep_secret in (True, False):
            with pytest.raises(ConfigError, match="holds no secret; remove that file"):
                load(environ, keep_secret)
    kept.unlink()
    kept.mkdir()
    with pytest.raises(ConfigError, match=r"parley\.db\.secret"):
        load(environ)


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    """A folder in which no secret can be kept stops the start and names SQLITE_PATH."""
    for keep_secret in (True, False):
        with pytest.raises(ConfigError, match=r"^SQLITE_PATH is .*its folder is not there; choose .*writable folder"):
            load({"SQLITE_PATH": str(tmp_path / "nowhere" / "parley.db")}, keep_secret)


def test_a_secret_that_can_not_be_kept(tmp_path: Path) -> None:
    """A name too long for the file system beside one that just fits."""
    with pytest.raises(ConfigError, match=r"^SQLITE_PATH: can't write .*choose a writable folder"):
        load({"SQLITE_PATH": str(tmp_path / ("n" * 250))})


def test_description_hides_secrets() -> None:
    """What `--check` prints has a line for every setting and no secret, and neither has a repr."""
    settings = load(SECRETS | {"ALLOWED_ORIGINS": "https://a.example,https://b.example"})
    text = describe(settings)
    for name in SETTINGS:
        assert f"\n{name}=" in "\n" + text
    for name in SECRETS:
        assert f"{name}=(set)" in text
    assert "hidden" not in text + repr(settings) + str(settings)
    assert "ALLOWED_ORIGINS=https://a.example,https://b.example" in text
    assert "GUESTS=1" in text
    assert "# broker: redis 127.0.0.1:6379" in text


KEY = REDIS["SECRET_KEY"]
OTHER = "another-secret-0123456789-abcdefgh"
WELL = {"SECRET_KEY": KEY}


@pytest.mark.parametrize(
    ("name", "environ", "well"),
    [
        ("SECRET_KEY", {"SECRET_KEY": "k" * 31}, {}),
        ("JWT_SECRET", {"JWT_SECRET": "k" * 31}, {"JWT_SECRET": OTHER}),
        ("SECRET_KEY", {"SECRET_KEY": "changeme" * 5}, {}),
        ("JWT_SECRET", {"JWT_SECRET": "ab" * 32}, {"JWT_SECRET": OTHER}),
        ("JWT_SECRET", {"JWT_SECRET": KEY}, {"JWT_SECRET": OTHER}),
        ("METRICS_TOKEN", {"METRICS_TOKEN": KEY}, {"METRICS_TOKEN": "m" * 32}),
        ("METRICS_TOKEN", {"JWT_SECRET": OTHER, "METRICS_TOKEN": OTHER}, {}),
        ("METRICS_TOKEN", {"HOST": ""}, {"HOST": "", "METRICS_TOKEN": "m" * 32}),
        ("JWT_JWKS_URL", {"JWT_JWKS_URL": "http://keys.example/"}, {"JWT_JWKS_URL": "https://keys.example/"}),
        ("TRUSTED_PROXIES", {"TRUSTED_PROXIES": "3"}, {"TRUSTED_PROXIES": "2"}),
        ("FORCE_HTTPS", {"FORCE_HTTPS": "1"}, {"FORCE_HTTPS": "1", "TRUSTED_PROXIES": "1"}),
        ("GUESTS", {"GUESTS": "0"}, {"GUESTS": "0", "JWT_SECRET": OTHER}),
        ("HANDSHAKE_TIMEOUT", {"HANDSHAKE_TIMEOUT": "61"}, {"HANDSHAKE_TIMEOUT": "60"}),
        ("REDIS_COPIES", {"REDIS_COPIES": "1"}, {"REDIS_COPIES": "1"} | REDIS),
        ("JWT_AUDIENCE", {"JWT_AUDIENCE": "chat"}, {"JWT_AUDIENCE": "chat", "JWT_SECRET": OTHER}),
        ("JWT_ISSUER", {"JWT_ISSUER": "we"}, {"JWT_ISSUER": "we", "JWT_JWKS_URL": "http://127.0.0.1:1/"}),
        ("PING_INTERVAL", {"PING_INTERVAL": "26", "TRUSTED_PROXIES": "1"}, {"PING_INTERVAL": "26"}),
        ("UNSENT_LIMIT", {"UNSENT_LIMIT": "2000000", "UNSENT_TOTAL": "1048576"}, {"UNSENT_LIMIT": "2000000"}),
    ],
)
def test_what_is_allowed_and_risky_is_warned_of(name: str, environ: dict[str, str], well: dict[str, str]) -> None:
    """By the variable's name, in a sentence without any secret; and the neighbour that is well is not."""
    (said,) = warnings(of(**WELL | environ))
    assert said.about == name and said.severity == "warning" and said.cause.startswith(f"{name} ")
    text = said.sentence
    assert not [value for value in environ.values() if len(value) >= 31 and value in text and "://" not in value]
    assert warnings(of(**WELL | well)) == []


def test_warnings_on_heroku() -> None:
    """Of what only there is wrong; what a button's deploy has is well."""
    dyno = WELL | {"DYNO": "web.1", "METRICS_TOKEN": "m" * 32}
    assert warnings(load(dyno | REDIS)) == []
    for name, environ in (
        ("REDIS_URL", {"SQLITE_PATH": "parley.db"}),
        ("TRUSTED_PROXIES", REDIS | {"TRUSTED_PROXIES": "0", "FORCE_HTTPS": "0"}),
        ("METRICS_TOKEN", REDIS | {"METRICS_TOKEN": ""}),
    ):
        (said,) = warnings(load(dyno | environ))
        assert said.cause.startswith(f"{name} is ")
