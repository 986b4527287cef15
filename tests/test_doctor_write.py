"""What `--check` asks of Redis and of the keys' server, and the doctor too: real servers with real faults."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from service.config import load
from service.doctor import keys as users_keys
from service.doctor import redis_broker
from service.doctor.context import Context

from .harness import SECRET_KEY, UNIT, RedisServer, free_port
from .jwks_server import jwk, jwks_server
from .refusals import REFUSALS

loses_redis = pytest.mark.expects_log(r"WARNING redis (commands|channels|sentinels|cluster): ")
is_refused = pytest.mark.expects_log("WARNING redis refused a command: ")


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A Redis of the test's own, to do harm to."""
    with RedisServer() as server:
        yield server


async def found(patience: float = 5 * UNIT, **environ: str) -> list[str]:
    settings = load({"SQLITE_PATH": ":memory:", "SECRET_KEY": SECRET_KEY} | environ)
    context = Context(settings=settings, timeout=patience)
    return [finding.sentence for look in (redis_broker.write, users_keys.look) for finding in await look(context)]


@pytest.mark.parametrize("form", ["redis", "unix", "sentinel", "cluster"])
async def test_a_redis_that_takes_a_write_is_well(form: str, request: pytest.FixtureRequest) -> None:
    """In each form; and without one there is nothing to find."""
    assert await found(REDIS_URL=request.getfixturevalue(f"{form}_url")) == []
    assert await found() == []


async def test_nothing_is_left_in_redis_but_the_probe(redis_url: str, redis_server: RedisServer) -> None:
    """For ten seconds; nor is anything swept, however few days HISTORY_DAYS says."""
    redis_server.cli("SET", "parley:{lobby}:position", "what others keep")
    assert await found(REDIS_URL=redis_url, HISTORY_DAYS="0.01") == []
    assert sorted(redis_server.cli("KEYS", "*").split()) == ["parley:probe", "parley:{lobby}:position"]
    assert 0 < int(redis_server.cli("PTTL", "parley:probe")) <= 10_000


@is_refused
@loses_redis
@pytest.mark.parametrize("how", REFUSALS)
async def test_a_redis_that_refuses_is_named_with_why(server: RedisServer, how: str) -> None:
    """At once where it stays so; in readiness's own words, and what helps."""
    await asyncio.to_thread(REFUSALS[how].begin, server)
    began = time.monotonic()
    (said,) = await found(60.0, REDIS_URL=server.url)
    assert said.startswith(f"REDIS_URL: redis 127.0.0.1:{server.port} takes no write: {REFUSALS[how].fault}; ")
    assert time.monotonic() - began < 30 * UNIT


@loses_redis
async def test_a_redis_that_refuses_our_password_is_named(server: RedisServer) -> None:
    """And the password isn't."""
    server.cli("CONFIG", "SET", "requirepass", "theirs")
    (said,) = await found(REDIS_URL=server.url.replace("://", "://:hidden@"))
    assert "takes no write: refused our credentials; " in said and "; correct the user and the password" in said
    assert "hidden" not in said


@loses_redis
@pytest.mark.parametrize("how", ["nobody listens", "frozen"])
async def test_a_redis_that_is_not_there_is_given_its_time(server: RedisServer, how: str) -> None:
    """And no more of it."""
    url = f"redis://127.0.0.1:{free_port()}" if how == "nobody listens" else server.url
    if how == "frozen":
        server.sigstop()
    async with asyncio.timeout(10 * UNIT):
        (said,) = await found(0.3, REDIS_URL=url)
    server.sigcont()
    assert " takes no write: " in said and "; a start would serve without it until it comes" in said


@loses_redis
async def test_a_redis_that_comes_meanwhile_is_well(server: RedisServer) -> None:
    """As when both are started together."""
    server.stop()
    looking = asyncio.ensure_future(found(20 * UNIT, REDIS_URL=server.url))
    await asyncio.sleep(0.3)
    await asyncio.to_thread(server.start)
    assert await looking == []


@pytest.mark.expects_log(r"service\.identity\.jwks WARNING ")
@pytest.mark.parametrize(
    ("keys", "status", "said"),
    [
        ([jwk("ES256", 1)], 200, None),
        ([jwk("ES256", 1), {"kty": "oct"}], 200, None),
        ([{"kty": "oct", "k": "AAAA"}], 200, "none of its keys is RSA of 2048 bits or more, P-256 or Ed25519; "),
        ([], 200, "none of its keys is RSA of 2048 bits or more, P-256 or Ed25519; "),
        ([jwk("ES256", 1)], 404, "no key set comes from there; "),
    ],
)
async def test_a_key_set_is_fetched(keys: list[Any], status: int, said: str | None) -> None:
    """It has a key that can be used, or is named."""
    async with jwks_server(*keys) as server:
        server.status = status
        answer = await found(JWT_JWKS_URL=server.url)
    assert answer == ([] if said is None else answer)
    if said is not None:
        assert len(answer) == 1 and answer[0].startswith(f"JWT_JWKS_URL is '{server.url}': {said}")


@loses_redis
@pytest.mark.expects_log(r"service\.identity\.jwks WARNING no key set ")
async def test_all_that_is_wrong_is_found_at_once() -> None:
    """Nobody mends one to hear of the next."""
    nobody = f"127.0.0.1:{free_port()}"
    said = await found(0.1, REDIS_URL=f"redis://{nobody}", JWT_JWKS_URL=f"http://{nobody}/jwks.json")
    assert [finding.partition(" ")[0].rstrip(":") for finding in said] == ["REDIS_URL", "JWT_JWKS_URL"]
