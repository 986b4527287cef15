"""service/brokers/redis/url.py: what a REDIS_URL may be."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service import config
from service.brokers.redis.connection import Connector
from service.brokers.redis.url import RedisUrl, parse
from service.config import load
from service.errors import ConfigError

KEY = {"SECRET_KEY": "k" * 32}


def one(host: str, port: int = 6379, **parts: Any) -> RedisUrl:
    """A single Redis's."""
    return RedisUrl(host=host, port=port, hosts=((host, port),), **parts)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("redis://cache", one("cache")),
        ("REDIS://cache:1234/", one("cache", port=1234)),
        (" redis://cache/3\n", one("cache", database=3)),
        ("redis://cache/3/", one("cache", database=3)),
        ("redis://cache?db=3", one("cache", database=3)),
        ("redis://cache/03?db=3", one("cache", database=3)),
        ("redis://[::1]:7000/0", one("::1", port=7000)),
        ("redis://:word@h", one("h", password="word")),
        ("redis://ada@h", one("h", username="ada")),
        ("redis://ada:a:b@h", one("h", username="ada", password="a:b")),
        ("redis://a%40a:%23%2F%3f%25@h", one("h", username="a@a", password="#/?%")),
        ("redis://:a+b[c]&=\"'@h", one("h", password="a+b[c]&=\"'")),
        ("rediss://h", one("h", tls=True)),
        ("rediss://h?ssl_cert_reqs=CERT_NONE", one("h", tls=True, tls_options={"ssl_cert_reqs": "none"})),
        ("rediss://h?ssl_cert_reqs=Optional", one("h", tls=True, tls_options={"ssl_cert_reqs": "optional"})),
        ("rediss://h?ssl_check_hostname=no", one("h", tls=True, tls_options={"ssl_check_hostname": False})),
        ("unix:///run/r.sock", RedisUrl(path="/run/r.sock")),
        ("unix:///run/a%20b.sock?db=2", RedisUrl(path="/run/a b.sock", database=2)),
        ("unix://ada:word@/run/r.sock", RedisUrl(path="/run/r.sock", username="ada", password="word")),
    ],
)
def test_what_is_understood(text: str, meant: RedisUrl) -> None:
    """Schemes in any case, a database in the path or the query, users and passwords percent-encoded or plain."""
    assert parse(text) == meant


THREE = (("h1", 26379), ("h2", 7), ("::1", 26379))


@pytest.mark.parametrize(
    ("text", "meant", "place"),
    [
        ("redis+sentinel://h1,h2:7,[::1]/main", {"hosts": THREE, "master": "main"}, "h1:26379,h2:7,[::1]:26379/main"),
        ("Redis+Sentinel://H1/a.B_c-1/", {"hosts": THREE[:1], "master": "a.B_c-1"}, "h1:26379/a.B_c-1"),
        ("redis+sentinel://h1/main/3", {"hosts": THREE[:1], "master": "main", "database": 3}, "h1:26379/main"),
        ("redis+sentinel://h1/0/3/?db=3", {"hosts": THREE[:1], "master": "0", "database": 3}, "h1:26379/0"),
        ("redis+sentinel://h1/main?db=3", {"hosts": THREE[:1], "master": "main", "database": 3}, "h1:26379/main"),
        (
            "rediss+sentinel://ada:a,%2Fb@h1/main?sentinel_username=b%C3%B6b&sentinel_password=a+%26=%40",
            {
                "hosts": THREE[:1],
                "master": "main",
                "username": "ada",
                "password": "a,/b",
                "sentinel_username": "böb",
                "sentinel_password": "a+&=@",
                "tls": True,
            },
            "h1:26379/main",
        ),
        (
            "rediss+sentinel://h1/main?ssl_check_hostname=no&sentinel_password=",
            {"hosts": THREE[:1], "master": "main", "tls": True, "tls_options": {"ssl_check_hostname": False}},
            "h1:26379/main",
        ),
        ("redis+cluster://h1,h2:7", {"hosts": (("h1", 6379), ("h2", 7))}, "h1:6379,h2:7"),
        ("redis+cluster://:word@[::1]:7/0?db=0", {"hosts": (("::1", 7),), "password": "word"}, "[::1]:7"),
        (
            "rediss+cluster://h1/?ssl_cert_reqs=none",
            {"hosts": (("h1", 6379),), "tls": True, "tls_options": {"ssl_cert_reqs": "none"}},
            "h1:6379",
        ),
    ],
)
def test_sentinels_and_clusters(text: str, meant: dict[str, Any], place: str) -> None:
    """Hosts with ports or without, the master's name, credentials of the Redis and of the Sentinels."""
    kind = "cluster" if "cluster" in text else "sentinel"
    assert parse(text) == RedisUrl(kind=kind, **meant)  # type: ignore[arg-type]
    assert parse(text).place == place
    assert load(KEY | {"REDIS_URL": text}).broker_name == f"redis {kind} {place}"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("redis://h/0?foo=bar", "'foo' is not known"),
        ("redis://h/0?socket_timeout=5", "'socket_timeout' is not known"),
        ("redis://h/0?DB=5", "'DB' is not known"),
        ("redis://h/0?db", "a parameter is not known"),
        ("redis://h/0?db=1&db=2", "'db' once"),
        ("redis://h/1?db=2", "one database"),
        ("redis://h/0/1", "a database that is a number"),
        ("redis://h/x", "a database that is a number"),
        ("redis://h?db=-1", "a database that is a number"),
        ("redis://h/0?ssl_cert_reqs=none", "rediss:// with parameter 'ssl_cert_reqs'"),
        ("unix:///r.sock?ssl_cert_reqs=none", "rediss:// with parameter 'ssl_cert_reqs'"),
        ("rediss://h?ssl_cert_reqs=maybe", "ssl_cert_reqs to be one of none, optional, required"),
        ("rediss://h?ssl_check_hostname=maybe", "ssl_check_hostname to be true or false"),
        ("rediss://h?ssl_ca_certs=/nonexistent.pem", "ssl_ca_certs to be a file"),
        (f"rediss://h?ssl_ca_certs={__file__}", "ssl_ca_certs to be a file"),
        ("rediss://h?ssl_certfile=/nonexistent.pem", "ssl_certfile and ssl_keyfile"),
        ("rediss://h?ssl_keyfile=/nonexistent.pem", "ssl_certfile with ssl_keyfile"),
        ("redis://h?db=%zz", "with a % in a path or parameter"),
        ("redis://:%ff@h", "a percent-encoded password that is UTF-8"),
        ("redis+tls://h", "the scheme 'redis+tls' is not known"),
        ("valkey://h", "the scheme 'valkey' is not known"),
        ("unix+sentinel:///r.sock/main", "the scheme 'unix+sentinel' is not known"),
        ("redis://h1,h2", "expected one host; several are for redis+sentinel://"),
        ("rediss://h1,h2/0", "expected one host; several are for redis+sentinel://"),
        ("redis+sentinel://h1, h2/main", "without spaces"),
        ("redis+sentinel://h1,h2", "the master's name, as Sentinel has it, after the hosts: redis+sentinel://host"),
        ("redis+sentinel://h1,h2/", "the master's name, as Sentinel has it, after the hosts"),
        ("redis+sentinel://h1,h2//0", "the master's name, as Sentinel has it, after the hosts"),
        ("redis+sentinel://h1/my%20master", "a master's name of letters, digits"),
        ("redis+sentinel://h1/m;m/0", "a master's name of letters, digits"),
        ("redis+sentinel:///main", "redis+sentinel://host:port,host:port/master/db; host 1 is empty"),
        ("redis+sentinel://h1,,h2/main", "host 2 is empty"),
        ("redis+sentinel://h1,:26379/main", "host 2 is empty"),
        ("redis+sentinel://h1,h2,/main", "host 3 is empty"),
        ("redis+sentinel://h1,h2,H1:26379/main", "each host once; host 3 is host 1 again"),
        ("redis+sentinel://h1,h2:0/main", "a port from 1 to 65535 at host 2"),
        ("redis+sentinel://h1,h2:65536/main", "a port from 1 to 65535 at host 2"),
        ("redis+sentinel://h1,h2:port/main", "host 2 is none"),
        ("redis+sentinel://h1,::1/main", "host 2 is empty"),
        ("redis+sentinel://h1,1::1/main", "[IPv6 address]:port; host 2 is none"),
        ("redis+sentinel://h1,[::1/main", "host 2 is none"),
        ("redis+sentinel://h1/main/0?db=1", "one database"),
        ("redis+sentinel://h1/main/x", "a database that is a number"),
        ("redis+sentinel://h1/main/0/1", "a database that is a number"),
        ("redis+sentinel://h1/main?foo=bar", "'foo' is not known"),
        ("redis+sentinel://h1/main?sentinel_password=%zz", "percent-encoded password"),
        ("redis+sentinel://h1/main?sentinel_password=%ff", "a percent-encoded password that is UTF-8"),
        ("redis+sentinel://h1/main?sentinel_password=a&sentinel_password=b", "'sentinel_password' once"),
        ("redis+sentinel://h1/main?ssl_cert_reqs=none", "rediss+sentinel:// with parameter 'ssl_cert_reqs'"),
        ("redis+cluster://h1?ssl_cert_reqs=none", "rediss+cluster:// with parameter 'ssl_cert_reqs'"),
        ("redis://h?sentinel_username=ada", "redis+sentinel:// with parameter 'sentinel_username'"),
        ("unix:///r.sock?sentinel_username=ada", "redis+sentinel:// with parameter 'sentinel_username'"),
        ("rediss+cluster://h1?sentinel_password=word", "rediss+sentinel:// with parameter 'sentinel_password'"),
        ("redis+cluster://", "redis+cluster://host:port,host:port; host 1 is empty"),
        ("redis+cluster://h1,h1", "each host once; host 2 is host 1 again"),
        ("redis+cluster://h1:70000", "a port from 1 to 65535 at host 1"),
        ("redis+cluster://h1/3", "database 0, the only one of a cluster, not 3"),
        ("redis+cluster://h1?db=3", "database 0, the only one of a cluster, not 3"),
        ("redis+cluster://h1/main", "a database that is a number"),
        *(
            (text, "expected redis://")
            for text in ("http://h", "h:6379", "redis:h", "unix:/r.sock", "unix://", "unix:///")
        ),
        *((text, "expected redis://") for text in ("redis://", "redis://:6379", "redis://h:0", "redis://h:70000")),
        *((text, "expected redis://") for text in ("redis://h:port", "redis://[::1", "redis://a b", "redis+tls://h")),
    ],
)
def test_what_is_not_understood_is_named(text: str, named: str) -> None:
    """At the start, by variable and parameter, instead of a connection that never comes."""
    with pytest.raises(ConfigError) as caught:
        load(KEY | {"REDIS_URL": text})
    assert str(caught.value).startswith("REDIS_URL: expected ") and named in str(caught.value)
    with pytest.raises(ConfigError, match=r"^REDIS_TLS_URL: expected "):
        load(KEY | {"REDIS_TLS_URL": text, "REDIS_URL": "redis://h"})


@pytest.mark.parametrize("user", ["", "ada"])
@pytest.mark.parametrize("mark", ["#", "/", "?", "@", "%", "?a=", "/?&", "#@"])
def test_a_password_that_is_not_encoded(user: str, mark: str) -> None:
    """It is refused with the way out, and no part of it passes for a host, a path or a parameter."""
    for text in (f"{user}:hunter2{mark}secret@h:6379/0", f"hunter2{mark}secret@h:6379/0", f"{user}:{mark}hunter2@h"):
        for scheme in ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster"):
            with pytest.raises(ConfigError, match="percent-encoded password") as caught:
                load(KEY | {"REDIS_URL": f"{scheme}://{text}"})
            assert "hunter2" not in str(caught.value) and "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "query", ["password=hunter2", "PASSWORD=hunter2&hunter=2", "db=1&username=u&password=a&hunter2=b"]
)
def test_a_password_among_the_parameters(query: str) -> None:
    """It is shown where it belongs; what an unencoded & makes of it is not named."""
    with pytest.raises(ConfigError, match="before the host") as caught:
        load(KEY | {"REDIS_URL": f"unix:///r.sock?{query}"})
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize("mark", ["#", "@", "%", "&", "&secret", "&secret=", "&secret=#", "?@"])
def test_a_password_of_sentinels_that_is_not_encoded(mark: str) -> None:
    """It is refused, too, and what an unencoded & makes of it is not named."""
    for first in ("", "sentinel_username=bob&", "foo=1&"):
        text = f"redis+sentinel://ada:word@h1/main?{first}sentinel_password=hunter{mark}secret=hunter"
        if mark == "&":
            text += "&hunter=1"
        with pytest.raises(ConfigError, match="password") as caught:
            load(KEY | {"REDIS_URL": text})
        assert "hunter" not in str(caught.value) and "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "ada:hunter2,h1/main",
        "hunter2,h1,hunter2/main",
        "hunter2:70000,h1/main",
        "h1/hunter2;/0",
        "h1/main/hunter2",
        "h1,hunter2[/main",
    ],
)
def test_a_password_in_the_place_of_another_part(address: str) -> None:
    """As where the @ was forgotten: hosts are told apart by their number, and nothing else is shown."""
    for scheme in ("redis+sentinel", "redis+cluster"):
        with pytest.raises(ConfigError) as caught:
            load(KEY | {"REDIS_URL": f"{scheme}://{address}"})
        assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["redis://ada:hunter2@h:1/0", "redis+sentinel://ada:hunter2@h/main?sentinel_password=hunter2"]
)
def test_nothing_of_a_password_is_shown(url: str) -> None:
    """Neither by a repr nor as the broker's name."""
    settings = load(KEY | {"REDIS_URL": url})
    assert "hunter2" not in repr(parse(url)) + str(parse(url)) + settings.broker_name + config.describe(settings)
    assert load(KEY | {"REDIS_URL": "redis://[::1]:7/0"}).broker_name == "redis [::1]:7"


_MARKS = "/ ? & = @ # % %2F %00 %ff , : + h h1,h2 [::1] :7 main 3 hunter2"
_NAMES = "db= sentinel_password= sentinel_username= ssl_cert_reqs= ssl_ca_certs= ssl_certfile= ssl_keyfile="
_SCHEMES = "redis:// rediss:// unix:// redis+sentinel:// rediss+sentinel:// redis+cluster://"
_PIECES = st.sampled_from([" ", *_MARKS.split(), *_NAMES.split(), *_SCHEMES.split()])


@given(st.lists(_PIECES, max_size=12).map("".join) | st.text(max_size=40))
@example("redis://h:" + "9" * 5000)
@example("redis+cluster://h1:" + "9" * 5000)
def test_whatever_stands_there_is_understood_or_refused(text: str) -> None:
    """With our own words, which show no part of it that might be a password's; nothing else is raised."""
    try:
        assert parse(text).place
    except ValueError as error:
        assert str(error).startswith("expected ") and "hunter" not in str(error)


def test_redis_py_is_given_only_what_it_knows() -> None:
    """A connection can be made of every address (each constructor takes other arguments)."""
    for text in ("redis://h", "rediss://h?ssl_cert_reqs=none&ssl_check_hostname=false", "unix:///r.sock?db=1"):
        connection: Any = Connector(parse(text), "name").make()
        assert connection.db == parse(text).database
