"""service/identity/jwks.py: a key set from a real local server, which rotates, dies, hangs and talks nonsense."""

import asyncio
import json
import logging
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from service.identity.jwks import FETCH_INTERVAL, KEPT, KEYS_FRESH, KeySet, parse

from .harness import UNIT
from .jwks_server import RAW, JwksServer, jwk, jwks_server, private_key

SHORT_RSA = rsa.generate_private_key(65537, 1024).public_key()
ONE, TWO = jwk("ES256", 1), jwk("ES256", 2)
NO_KEY_SET = r"service\.identity\.jwks WARNING no key set from 127\.0\.0\.1: "
# Tornado's client speaks of a reset in its own log before the request's time-out ends it.
RESET = r"(?s)tornado\.application ERROR Uncaught exception.*ConnectionResetError"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def key_set(server: JwksServer) -> tuple[KeySet, Clock]:
    clock = Clock()
    return KeySet(server.url, timeout=0.5 * UNIT, clock=clock), clock


# -- documents


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_key_types(algorithm: str) -> None:
    """Each type of key has its algorithm, named or not, and checks what its private half signed."""
    token = jwt.encode({"sub": "u"}, private_key(algorithm, 1), algorithm)
    for named in (algorithm, None):
        keys = parse(json.dumps({"keys": [jwk(algorithm, 1, alg=named)]}).encode())
        assert list(keys) == [("1", algorithm)]
        assert jwt.decode(token, keys["1", algorithm].key, [algorithm]) == {"sub": "u"}


@pytest.mark.parametrize(
    "member",
    [
        {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U", "kid": "1"},
        {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U", "kid": "1", "alg": "RS256"},
        jwk("RS256", 1, alg="HS256"),
        jwk("RS256", 1, alg="none"),
        jwk("RS256", 1, alg="RS512"),
        jwk("RS256", 1, alg="ES256"),
        jwk("RS256", 1, use="enc"),
        jwk("RS256", 1, n="AQAB"),  # 17 bits
        jwk("RS256", 1, n=jwt.utils.to_base64url_uint(SHORT_RSA.public_numbers().n).decode()),
        jwk("RS256", 1, n=None),
        jwk("RS256", 1, n=5),
        jwk("RS256", 1, kty=None),
        jwk("RS256", 1, kid=["1"]),
        jwk("RS256", 1, alg=["RS256"]),
        jwk("ES256", 1, x="AAAA"),
        jwk("ES256", 1, x="!"),
        jwk("ES256", 1, y=jwk("ES256", 2)["y"]),  # no point of the curve
        jwk("ES256", 1, crv="P-384"),
        jwk("EdDSA", 1, x="AAAA"),
        jwk("EdDSA", 1, crv="X25519"),
        {"kty": "unheard of", "kid": "1"},
        {},
        [],
        "key",
        None,
    ],
    ids=lambda member: type(member).__name__,
)
def test_unusable_keys(member: Any) -> None:
    """Symmetric, private-use, weak and broken keys are left out, and the good one beside them is not."""
    assert list(parse(json.dumps({"keys": [member, TWO]}).encode())) == [("2", "ES256")]


def test_private_members_are_not_read() -> None:
    """A set that carries a private half by mistake serves as a public one."""
    made = jwt.get_algorithm_by_name("ES256").to_jwk(private_key("ES256", 1), as_dict=True)
    assert "d" in made
    key = parse(json.dumps({"keys": [made]}).encode())["", "ES256"].key
    assert not hasattr(key, "sign")


@pytest.mark.parametrize(
    "document",
    [
        *(b"", b"nonsense", b"{}", b"[]", b"null", b'{"keys":{}}', b'{"keys":5}', b"\xff\xfe"),
        b'{"keys":[' * 50_000,
        json.dumps({"keys": [ONE] * 101}).encode(),
    ],
    ids=lambda document: repr(document[:20]),
)
def test_no_key_set(document: bytes) -> None:
    """What is no key set, or too large a one, is a ValueError, however deep it goes."""
    with pytest.raises(ValueError, match=r"^(not a JSON Web Key Set|over 100 keys)$"):
        parse(document)


# -- the server


async def test_one_fetch_serves_all() -> None:
    """Any number of tokens at once make one fetch; while the set is fresh there is no other."""
    async with jwks_server(ONE, TWO) as server:
        keys, clock = key_set(server)
        found = await asyncio.gather(*(keys.find(kid, "ES256") for kid in ["1", "2"] * 50))
        assert all(found) and server.requests == 1
        clock.now += KEYS_FRESH - 1
        assert await keys.find("1", "ES256")
        assert server.requests == 1
        clock.now += 2
        assert await keys.find("1", "ES256")
        assert server.requests == 2
        await keys.close()


async def test_key_is_found_by_kid_and_algorithm() -> None:
    """A kid finds its key for that key's own algorithm only; without a kid the only key of the algorithm is taken."""
    async with jwks_server(ONE, TWO, jwk("RS256", 1), jwk("EdDSA", 3, kid=None)) as server:
        keys, _ = key_set(server)
        for kid, algorithm, kty in (("1", "ES256", "EC"), ("1", "RS256", "RSA"), (None, "EdDSA", "OKP")):
            key = await keys.find(kid, algorithm)
            assert key and key.key_type == kty
        assert await keys.find(None, "RS256")  # one of it
        assert await keys.find(None, "ES256") is None  # two of it
        assert await keys.find("2", "RS256") is None
        assert await keys.find("2", "HS256") is None
        assert await keys.find("2", "none") is None
        await keys.close()


async def test_rotation() -> None:
    """A new key is found at its first token, an old one is gone with the next fetch."""
    async with jwks_server(ONE) as server:
        keys, clock = key_set(server)
        assert await keys.find("1", "ES256")
        held = keys.fresh()
        server.document = {"keys": [TWO]}
        clock.now += FETCH_INTERVAL
        assert await keys.find("2", "ES256")
        assert server.requests == 2
        assert await keys.find("1", "ES256") is None
        assert keys.fresh() is not held
        await keys.close()


async def test_revoked_key_is_gone_within_the_time_said() -> None:
    """A key that left the set is refused once the set is no longer fresh, although nobody brought a new one."""
    async with jwks_server(ONE, TWO) as server:
        keys, clock = key_set(server)
        assert await keys.find("1", "ES256")
        server.document = {"keys": [TWO]}
        clock.now += KEYS_FRESH - 1
        assert await keys.find("1", "ES256")
        clock.now += 1
        assert keys.fresh() is None
        assert await keys.find("1", "ES256") is None
        assert await keys.find("2", "ES256")
        await keys.close()


async def test_unknown_kids_don_t_make_a_flood() -> None:
    """However many unknown kids come, the server is asked once in ten seconds."""
    async with jwks_server(ONE) as server:
        keys, clock = key_set(server)
        assert await keys.find("1", "ES256")
        for step in range(40):
            found = await asyncio.gather(*(keys.find(f"no {step} {number}", "ES256") for number in range(25)))
            assert not any(found)
            clock.now += 1
        assert server.requests <= 1 + 40 / FETCH_INTERVAL
        await keys.close()


@pytest.mark.expects_log(r"service\.identity\.jwks WARNING the key set at 127\.0\.0\.1 has no usable key")
async def test_empty_set_lets_nobody_in() -> None:
    """A server that withdraws every key is believed."""
    async with jwks_server(ONE) as server:
        keys, clock = key_set(server)
        assert await keys.find("1", "ES256")
        server.document = {"keys": []}
        clock.now += KEYS_FRESH
        assert await keys.find("1", "ES256") is None
        await keys.close()


FAULTS = [
    "stopped",
    "status 500",
    "status 203",
    "redirect",
    "no json",
    "cut",
    "garbage",
    "reset",
    "big",
    "endless",
    "slow",
    *RAW,
]


async def order(server: JwksServer, fault: str) -> None:
    if fault == "stopped":
        await server.stop()
    elif fault.startswith("status"):
        server.status = int(fault.split()[1])
    elif fault == "redirect":
        server.status, server.headers = 302, {"Location": server.url + "?again"}
    elif fault == "no json":
        server.document = b"<html>"
    else:
        server.fault = fault


@pytest.mark.expects_log(NO_KEY_SET)
@pytest.mark.expects_log(RESET)
@pytest.mark.parametrize("fault", FAULTS)
async def test_server_in_trouble_from_the_start(fault: str) -> None:
    """No fault of the server makes a key known, raises anything or lasts; once it is well, its keys are."""
    async with jwks_server(ONE) as server:
        keys, clock = key_set(server)
        document = server.document
        await order(server, fault)
        async with asyncio.timeout(2 * UNIT):
            assert await keys.find("1", "ES256") is None
        assert server.requests == (0 if fault == "stopped" else 1)
        clock.now += FETCH_INTERVAL - 1
        assert await keys.find("1", "ES256") is None
        assert server.requests <= 1
        clock.now += 1
        server.released.set()
        server.fault, server.status, server.headers, server.document = "", 200, {}, document
        assert bool(await keys.find("1", "ES256")) is (fault != "stopped")
        await keys.close()


@pytest.mark.expects_log(NO_KEY_SET)
@pytest.mark.expects_log(RESET)
@pytest.mark.parametrize("fault", ["stopped", "status 500", "no json", "reset"])
async def test_server_that_dies_later(fault: str) -> None:
    """Known keys serve on for an hour after the last fetch, new ones don't come in, then nobody does."""
    async with jwks_server(ONE) as server:
        keys, clock = key_set(server)
        assert await keys.find("1", "ES256")
        await order(server, fault)
        clock.now += KEYS_FRESH
        assert await keys.find("1", "ES256")
        assert keys.fresh() is None
        assert await keys.find("2", "ES256") is None
        clock.now += KEPT - KEYS_FRESH - 1
        assert await keys.find("1", "ES256")
        clock.now += 1
        assert await keys.find("1", "ES256") is None
        await keys.close()


@pytest.mark.expects_log(NO_KEY_SET)
async def test_slow_server_delays_nobody_twice() -> None:
    """Once a fetch has failed, holders of known keys don't wait for the next."""
    async with jwks_server(ONE) as server:
        keys, clock = key_set(server)
        assert await keys.find("1", "ES256")
        server.fault = "slow"
        clock.now += KEYS_FRESH
        assert await keys.find("1", "ES256")  # waits for the time-out
        clock.now += FETCH_INTERVAL
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await keys.find("1", "ES256")
        assert loop.time() - began < 0.1 * UNIT
        await keys.close()
        assert server.requests == 3


async def test_one_fetch_at_a_time() -> None:
    """While a fetch is under way no other begins, however long it takes."""
    async with jwks_server(ONE) as server:
        keys, clock = key_set(server)
        server.fault = "slow"
        first = asyncio.create_task(keys.find("1", "ES256"))
        while not server.requests:
            await asyncio.sleep(0.01)
        clock.now += FETCH_INTERVAL
        second = asyncio.create_task(keys.find("2", "ES256"))
        await asyncio.sleep(0.1 * UNIT)
        assert server.requests == 1
        server.released.set()
        assert await first
        assert await second is None
        await keys.close()


async def test_waiting_for_a_fetch_can_be_cancelled() -> None:
    """A client that goes away while keys are fetched takes nothing from the others that wait."""
    async with jwks_server(ONE) as server:
        keys, _ = key_set(server)
        server.fault = "slow"
        going, staying = (asyncio.create_task(keys.find("1", "ES256")) for _ in range(2))
        while not server.requests:
            await asyncio.sleep(0.01)
        going.cancel()
        server.released.set()
        assert await staying
        assert going.cancelled()
        await keys.close()


@pytest.mark.expects_log(NO_KEY_SET)
async def test_log_shows_neither_address_nor_answer(caplog: pytest.LogCaptureFixture) -> None:
    """What is logged of a failed fetch is the host and the kind of error."""
    with caplog.at_level(logging.DEBUG):
        async with jwks_server() as server:
            server.document = b"hidden answer"
            keys = KeySet(server.url + "?hidden=query")
            assert await keys.find("1", "ES256") is None
            await keys.close()
    lines = [record.getMessage() for record in caplog.records if record.name == "service.identity.jwks"]
    assert lines == ["no key set from 127.0.0.1: ValueError"]
    assert "hidden" not in caplog.text


async def test_close_without_a_fetch() -> None:
    """A set that was never asked for has nothing to close."""
    await KeySet("http://127.0.0.1:9/").close()
