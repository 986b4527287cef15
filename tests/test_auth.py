"""service/identity/auth.py: users' and guests' tokens, with real keys and a real key set's server."""

import base64
import hmac
import json
import math
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ConfigError
from service.identity.auth import GUEST_SECONDS, TOKEN_LIMIT, Authenticator, AuthError, User, user_of
from service.identity.jwks import FETCH_INTERVAL, KEPT, KEYS_FRESH, KeySet
from service.protocol import RequestError

from .harness import JWT_SECRET, SECRET_KEY
from .jwks_server import jwk, jwks_server, pem, private_key

NO_KEY_SET = r"service\.identity\.jwks WARNING no key set from 127\.0\.0\.1: "
NOW = 1_800_000_000.0
LONG_SECRET = JWT_SECRET * 2  # long enough for HS512
CLAIMS: dict[str, Any] = {"sub": "u1", "name": "Ada", "exp": int(NOW) + 3600}


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def authenticator(secret_key: str = SECRET_KEY, **parameters: Any) -> tuple[Authenticator, Clock]:
    clock = Clock()
    return Authenticator(secret_key, **({"jwt_secret": JWT_SECRET} | parameters), clock=clock), clock


def signed(
    key: Any = JWT_SECRET, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **claims: Any
) -> str:
    """A token with these claims beside the usual ones; a claim that is ... is left out."""
    kept = {name: value for name, value in (CLAIMS | claims).items() if value is not ...}
    return jwt.encode(kept, key, algorithm, headers=headers)


def raw_token(header: bytes, payload: bytes, signature: bytes = b"x" * 32) -> str:
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (header, payload, signature))


async def refusal(auth: Authenticator, token: str) -> str:
    """Why the token is refused. It stands neither in the reason nor in anything that a traceback shows."""
    with pytest.raises(AuthError) as caught:
        await auth.verify(token)
    assert caught.value.__cause__ is None and caught.value.__suppress_context__ is (
        caught.value.__context__ is not None
    )
    for secret in (token, JWT_SECRET, SECRET_KEY):
        assert not secret or secret not in f"{caught.value!s} {caught.value!r}"
    return str(caught.value)


# -- users


async def test_user() -> None:
    """A user's token gives their id, name and end, and by default a member's rights everywhere."""
    auth, _ = authenticator()
    user = await auth.verify(signed())
    assert user == User("u1", "Ada", "member", None, NOW + 3600, guest=False)
    assert not user.moderator and user.may_enter("anywhere")
    assert (user.person.id, user.person.name) == ("u1", "Ada")
    assert json.loads(user.json) == {"id": "u1", "name": "Ada"}
    assert user.json is user.json
    for role in ("member", "moderator", "service"):
        known = await auth.verify(signed(role=role, rooms=["team-*"]))
        assert (known.role, known.moderator, known.rooms) == (role, role == "moderator", ("team-*",))


@pytest.mark.parametrize(
    ("globs", "entered", "refused"),
    [
        (("lobby",), ["lobby"], ["lobby2", "a-lobby", "lobb"]),
        (("team-*",), ["team-", "team-a", "team-a-b"], ["team", "a-team-b", "tea-m"]),
        (("room?",), ["room1", "rooma"], ["room", "room12"]),
        (("room[1-3]",), ["room1", "room3"], ["room4", "room"]),
        (("room[!1-3]",), ["room4"], ["room1"]),
        (("a", "b*"), ["a", "b", "bc"], ["ab", "c"]),
        (("a|b",), [], ["a", "b"]),
        ((".*",), [], ["lobby"]),
        (("LOBBY",), [], ["lobby"]),
        (("[",), [], ["lobby"]),
        (("",), [], ["lobby"]),
        ((), [], ["lobby", ""]),
        (("*",), ["lobby", "a"], []),
    ],
)
def test_rooms(globs: tuple[str, ...], entered: list[str], refused: list[str]) -> None:
    """Globs are whole names with `*`, `?` and `[…]`, and nothing else has a meaning; no globs are no rooms."""
    user = User("u1", "Ada", rooms=globs)
    assert [room for room in entered + refused if user.may_enter(room)] == entered


def test_hostile_glob_takes_no_time() -> None:
    """A glob of many stars is matched without backtracking through all of them."""
    assert not User("u1", "Ada", rooms=("*a" * 30 + "b",)).may_enter("a" * 64)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": ...}, "the token has no exp"),
        ({"exp": None}, "the token has no exp"),
        ({"exp": NOW - 1}, "the token has expired"),
        ({"exp": NOW}, "the token has expired"),
        ({"exp": 0}, "the token has expired"),
        ({"exp": -1}, "the token has expired"),
        ({"exp": math.nan}, "the token has expired"),
        ({"exp": math.inf}, "exp"),
        ({"exp": 10**400}, "exp"),
        ({"exp": 2**60}, "exp"),
        ({"exp": str(int(NOW) + 3600)}, "the token's exp is not a number"),
        ({"exp": True}, "the token's exp is not a number"),
        ({"exp": [1]}, "the token's exp is not a number"),
        ({"nbf": NOW + 6}, "the token is not valid yet"),
        ({"nbf": "soon"}, "the token's nbf is not a number"),
        ({"nbf": math.nan}, "the token is not valid yet"),
        ({"iat": NOW + 6}, "the token is not valid yet"),
        ({"iat": None}, "the token's iat is not a number"),
        ({"aud": "another service"}, "the token is made for another audience"),
        ({"aud": ["another service"]}, "the token is made for another audience"),
        ({"aud": "guest"}, "the token is made for another audience"),
        ({"sub": ...}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": 42}, "the token's claims: Expected `str`, got `int` - at `$.sub`"),
        ({"sub": None}, "Expected `str`, got `null` - at `$.sub`"),
        ({"sub": True}, "Expected `str`, got `bool` - at `$.sub`"),
        ({"sub": ["u1"]}, "Expected `str`, got `array` - at `$.sub`"),
        ({"sub": {"id": "u1"}}, "Expected `str`, got `object` - at `$.sub`"),
        ({"sub": "u" * 129}, "sub"),
        ({"sub": "u\n1"}, "the token's sub holds an invisible or control character"),
        ({"sub": "u\u202e1"}, "the token's sub holds an invisible or control character"),
        ({"sub": "\ud800"}, "the token's sub holds an invisible or control character"),
        ({"sub": "g-0123456789abcdef"}, "the token's sub begins with g-"),
        ({"role": "admin"}, "the token's role is none of member, moderator, service"),
        ({"role": "\ud800"}, "the token's role is none of"),
        ({"role": None}, "role"),
        ({"role": ["moderator"]}, "role"),
        ({"rooms": "lobby"}, "rooms"),
        ({"rooms": None}, "rooms"),
        ({"rooms": [5]}, "rooms"),
        ({"rooms": ["a", None]}, "rooms"),
        ({"rooms": ["\ud800"]}, "the token's rooms hold an invisible"),
        ({"rooms": {"lobby": True}}, "rooms"),
    ],
    ids=repr,
)
async def test_claims(claims: dict[str, Any], reason: str) -> None:
    """A claim that is missing, mistyped, out of time or out of range is refused, by name."""
    auth, _ = authenticator()
    said = await refusal(auth, signed(**claims))
    assert reason in said
    said.encode()  # it is sent to the client


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": "علی\u200cرضا"}, "علی\u200cرضا"),
        ({"name": "Ana María del Carmen Fernández Sanz"}, "Ana María del Carmen Fernández…"),
        ({"name": "Ada\u00a0Byron"}, "Ada Byron"),
        ({"name": " Ada\n"}, "Ada"),
        ({"name": "A\u202eda\x00\ud800"}, "Ada"),
        ({"name": "🩷"}, "🩷"),
        ({"name": ...}, "u1"),
        ({"name": ..., "preferred_username": "ada"}, "ada"),
        ({"name": "", "preferred_username": "ada"}, "ada"),
        ({"name": "\u3164", "preferred_username": "ada"}, "ada"),
        ({"name": None, "preferred_username": "ada"}, "ada"),
        ({"name": 42, "preferred_username": ["ada"]}, "u1"),
        ({"name": {"given": "Ada"}, "preferred_username": " "}, "u1"),
        ({"name": "Ada", "preferred_username": "ada"}, "Ada"),
        ({"name": "", "sub": "u" * 128}, "u" * 31 + "…"),
        ({"name": "", "sub": " "}, "user"),
        ({"name": "", "sub": "⠀"}, "user"),
        ({"jti": 5}, "Ada"),
    ],
    ids=ascii,
)
async def test_a_name_is_no_reason_to_refuse(claims: dict[str, Any], name: str) -> None:
    """It comes from somebody's directory: it is fitted, and another claim is taken where there is nothing to see."""
    auth, _ = authenticator()
    assert (await auth.verify(signed(**claims))).name == name


async def test_audience_and_issuer() -> None:
    """With JWT_AUDIENCE and JWT_ISSUER only tokens for this service by this issuer pass; guests' are not concerned."""
    auth, _ = authenticator(jwt_audience="chat", jwt_issuer="https://login.example.com/")
    ours: dict[str, Any] = {"aud": "chat", "iss": "https://login.example.com/"}
    assert (await auth.verify(signed(**ours))).id == "u1"
    assert (await auth.verify(signed(**ours | {"aud": ["mail", "chat"]}))).id == "u1"
    for claims, reason in (
        ({"aud": "mail"}, "the token is made for another audience"),
        ({"aud": ["mail"]}, "the token is made for another audience"),
        ({"aud": ...}, "the token has no aud"),
        ({"iss": "https://login.example.com"}, "the token is another issuer's"),
        ({"iss": ...}, "the token has no iss"),
    ):
        assert reason in await refusal(auth, signed(**ours | claims))
    guest, token = auth.guest("Ada")
    assert (await auth.verify(token)).id == guest.id


async def test_claims_at_their_limits() -> None:
    """What lies just within the limits passes."""
    auth, _ = authenticator()
    assert (await auth.verify(signed(sub="u" * 128, name="x" * 32))).id == "u" * 128
    assert (await auth.verify(signed(exp=NOW + 0.5, iat=NOW + 5, nbf=NOW + 5))).expires_at == NOW + 0.5
    assert (await auth.verify(signed(exp=2**53))).expires_at == 2**53
    assert (await auth.verify(signed(rooms=[]))).rooms == ()
    assert (await auth.verify(signed(name="  Ada  ", iss="anyone", colour="blue"))).name == "Ada"
    assert (await auth.verify(signed(sub="auth0|5f7c", aud=""))).id == "auth0|5f7c"


# -- signatures and keys

KEYS = ["RS256", "ES256", "EdDSA"]


@pytest.mark.parametrize("algorithm", KEYS)
async def test_public_key(algorithm: str) -> None:
    """A token signed with the private half of JWT_PUBLIC_KEY passes; one signed with another key doesn't."""
    auth, _ = authenticator(jwt_secret="", jwt_public_key=pem(private_key(algorithm)))
    assert (await auth.verify(signed(private_key(algorithm), algorithm))).id == "u1"
    assert await refusal(auth, signed(private_key(algorithm, 9), algorithm)) == "the token's signature is not right"
    for other in KEYS:
        if other != algorithm:
            assert "not signed with a key that counts" in await refusal(auth, signed(private_key(other), other))


@pytest.mark.parametrize("algorithm", KEYS)
async def test_algorithm_confusion(algorithm: str) -> None:
    """A public key is never taken for a secret: HS256 with its text as the key is refused (RFC 8725 section 2.1)."""
    text = pem(private_key(algorithm))
    auth, _ = authenticator(jwt_secret="", jwt_public_key=text)
    both, _ = authenticator(jwt_public_key=text)
    for content in (text, text.strip(), text.replace("\n", "\\n")):
        head, body = (
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in ({"alg": "HS256", "typ": "JWT"}, CLAIMS)
        )
        mac = hmac.digest(content.encode(), f"{head}.{body}".encode(), "sha256")
        forged = f"{head}.{body}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
        assert "not signed with a key that counts" in await refusal(auth, forged)
        assert await refusal(both, forged) == "the token's signature is not right"


@pytest.mark.parametrize(
    "name", ["none", "None", "NONE", "nOnE", "", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA"]
)
async def test_other_algorithms(name: str) -> None:
    """A token without a signature, or said to be signed otherwise than its key is used, is refused."""
    auth, _ = authenticator(jwt_secret=LONG_SECRET)
    assert await auth.verify(signed(LONG_SECRET))
    header, body = json.dumps({"alg": name, "typ": "JWT"}).encode(), json.dumps(CLAIMS).encode()
    good = signed().rsplit(".", 1)[1]
    for signature in (b"", b"x" * 32, base64.urlsafe_b64decode(good + "=")):
        assert await refusal(auth, raw_token(header, body, signature))
    if name.startswith("HS"):  # rightly signed with our secret, but with another hash
        assert "not signed with a key that counts" in await refusal(auth, signed(LONG_SECRET, name))


async def test_every_bit_of_the_signature_counts() -> None:
    """A token in which any character was changed is refused."""
    auth, _ = authenticator()
    token = signed()
    assert await auth.verify(token)
    for at, character in enumerate(token):
        changed = token[:at] + ("A" if character != "A" else "B") + token[at + 1 :]
        await refusal(auth, changed)
    for changed in (token[:-1], token + "A", token + ".", "." + token, token.rsplit(".", 1)[0], " " + token):
        await refusal(auth, changed)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "nonsense",
        "é.é.é",
        "\ud800",
        "x" * 100_000,
        raw_token(b"{}", b"{}"),
        raw_token(b"[]", b"{}"),
        raw_token(b"null", b"{}"),
        raw_token(b"[" * 5000, b"{}"),
        raw_token(b'{"alg":["HS256"]}', b"{}"),
        raw_token(b'{"alg":{"HS256":1}}', b"{}"),
        raw_token(b'{"alg":5}', b"{}"),
        raw_token(b'{"alg":null}', b"{}"),
        raw_token(b'{"alg":"HS256","kid":5}', b"{}"),
        raw_token(b'{"alg":"HS256","crit":["x"],"x":1}', b"{}"),
        raw_token(b'{"alg":"HS256","b64":false}', b"{}"),
        raw_token(b'{"alg":"HS256","typ":["guest+jwt"]}', b"{}"),
        raw_token(b'{"alg":"HS256","typ":"guest+jwt"}', b"{}"),
        raw_token(b"\xff\xfe", b"\xff"),
    ],
    ids=lambda token: ascii(token[:40]),
)
async def test_hostile_tokens(token: str) -> None:
    """Whatever is no token is refused, whichever keys there are, and nothing else is raised."""
    async with jwks_server(jwk("ES256", 1)) as server:
        for keys in ({}, {"jwt_public_key": pem(private_key("RS256"))}, {"key_set": KeySet(server.url)}):
            auth, _ = authenticator(**keys)
            await refusal(auth, token)
            assert auth.remembered == 0
            await auth.close()


def drive(auth: Authenticator, token: str) -> None:
    """`verify` without a loop; there is no key set, so it never waits."""
    with pytest.raises(AuthError):
        auth.verify(token).send(None)


AUTH, _ = authenticator()
pieces = st.binary(max_size=30) | st.dictionaries(
    st.sampled_from(["alg", "typ", "kid", "crit", "b64", "exp"]),
    st.sampled_from(["HS256", "none", "guest+jwt", "JWT"]) | st.none() | st.integers() | st.lists(st.text(max_size=2)),
).map(lambda header: json.dumps(header).encode())


@given(st.builds(raw_token, pieces, pieces, pieces) | st.text(max_size=60))
def test_any_token(token: str) -> None:
    """Any text that was not signed with a key of ours is refused, and nothing else is raised."""
    drive(AUTH, token)


payloads = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(["sub", "name", "exp", "nbf", "iat", "aud", "iss", "jti", "rooms", "role"]), payloads
    )
)
def test_any_claims(claims: dict[str, Any]) -> None:
    """Whatever is signed with a right key is a user who can be kept and shown, or is refused."""
    body = json.dumps(CLAIMS | claims).encode()
    token = jwt.api_jws.encode(body, JWT_SECRET, "HS256")
    try:
        AUTH.verify(token).send(None)
    except AuthError as error:
        str(error).encode()
    except StopIteration as found:
        user: User = found.value
        json.loads(user.json)
        user.may_enter("lobby")
        assert user.expires_at is not None and user.expires_at > NOW


async def test_no_key_lets_no_user_in() -> None:
    """Where no key is set up, no user's token passes, and guests still may."""
    auth, _ = authenticator(jwt_secret="")
    assert "not signed with a key that counts" in await refusal(auth, signed())
    assert await auth.verify(auth.guest("Ada")[1])


async def test_several_keys() -> None:
    """A secret, a public key and a key set serve beside each other."""
    async with jwks_server(jwk("RS256", 2), jwk("ES256", 3)) as server:
        auth, _ = authenticator(jwt_public_key=pem(private_key("RS256", 1)), key_set=KeySet(server.url))
        for key, algorithm, kid in (
            (JWT_SECRET, "HS256", None),
            (private_key("RS256", 1), "RS256", None),
            (private_key("RS256", 2), "RS256", "2"),
            (private_key("ES256", 3), "ES256", "3"),
            (private_key("ES256", 3), "ES256", None),
        ):
            assert await auth.verify(signed(key, algorithm, {"kid": kid} if kid else None))
        assert await refusal(auth, signed(private_key("RS256", 3), "RS256", {"kid": "2"}))
        assert await refusal(auth, signed(private_key("RS256", 3), "RS256", {"kid": "3"}))
        assert await refusal(auth, signed(JWT_SECRET[::-1], "HS256", {"kid": "2"}))
        await auth.close()


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ({"jwt_public_key": "-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----"}, "JWT_PUBLIC_KEY"),
        ({"jwt_public_key": "-----BEGIN nothing"}, "JWT_PUBLIC_KEY"),
        ({"jwt_secret": pem(private_key("ES256"))}, "JWT_SECRET"),
        ({"jwt_secret": json.dumps(jwk("RS256"))}, "JWT_SECRET"),
    ],
    ids=["no key", "no PEM", "a key as the secret", "a JWK as the secret"],
)
def test_keys_that_can_t_serve(keys: dict[str, str], name: str) -> None:
    """A key that can't serve stops the start, named and not shown."""
    with pytest.raises(ConfigError, match=f"^{name}: ") as caught:
        authenticator(**keys)
    assert next(iter(keys.values())) not in str(caught.value)


def test_weak_public_keys() -> None:
    """A short RSA key, another curve or another scheme stops the start."""
    for key in (
        rsa.generate_private_key(65537, 1024),
        ec.generate_private_key(ec.SECP384R1()),
        ed448.Ed448PrivateKey.generate(),
    ):
        text = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        with pytest.raises(ConfigError, match=r"^JWT_PUBLIC_KEY: expected an RSA key of 2048 bits"):
            authenticator(jwt_public_key=text)


# -- remembering


async def test_remembered_until_exp() -> None:
    """A token that was checked passes again until `exp`, not past it."""
    auth, clock = authenticator()
    token = signed(exp=NOW + 10)
    user = await auth.verify(token)
    assert await auth.verify(token) is user  # remembered, not checked again
    clock.now = NOW + 9.99
    assert await auth.verify(token) is user
    clock.now = NOW + 10
    assert await refusal(auth, token) == "the token has expired"


async def test_refusals_are_not_remembered() -> None:
    """A token that comes into force later passes then."""
    auth, clock = authenticator()
    token = signed(nbf=NOW + 60)
    await refusal(auth, token)
    clock.now += 60
    assert await auth.verify(token)


async def test_memory_is_bounded() -> None:
    """However many tokens come, the oldest are forgotten; those are checked again and pass."""
    auth, _ = authenticator(cache_limit=50)
    tokens = [signed(sub=f"u{number}") for number in range(60)]
    for token in tokens:
        await auth.verify(token)
    assert auth.remembered == 50
    assert (await auth.verify(tokens[0])).id == "u0"


class Fetches:
    """An authenticator with a key set whose monotonic clock goes with the test's."""

    def __init__(self, url: str) -> None:
        self.clock = Clock()
        keys = KeySet(url, clock=self.clock)
        self.auth = Authenticator(SECRET_KEY, jwt_secret=JWT_SECRET, key_set=keys, clock=self.clock)


async def test_rotation_forgets() -> None:
    """A token whose key left the set is refused with the next fetch, remembered or not."""
    async with jwks_server(jwk("ES256", 1)) as server:
        parts = Fetches(server.url)
        auth, clock = parts.auth, parts.clock
        old = signed(private_key("ES256", 1), "ES256", {"kid": "1"})
        new = signed(private_key("ES256", 2), "ES256", {"kid": "2"})
        user = await auth.verify(old)
        assert await auth.verify(old) is user and server.requests == 1
        server.document = {"keys": [jwk("ES256", 2)]}
        clock.now += FETCH_INTERVAL
        assert await auth.verify(new)
        assert server.requests == 2
        assert "not signed with a key that counts" in await refusal(auth, old)
        await auth.close()


async def test_revocation_is_noticed_without_a_new_key() -> None:
    """A remembered token doesn't keep its key alive: after `KEYS_FRESH` the set is asked again."""
    async with jwks_server(jwk("ES256", 1), jwk("ES256", 2)) as server:
        parts = Fetches(server.url)
        token = signed(private_key("ES256", 1), "ES256", {"kid": "1"})
        assert await parts.auth.verify(token)
        server.document = {"keys": [jwk("ES256", 2)]}
        for _ in range(3):
            assert await parts.auth.verify(token)
        parts.clock.now += KEYS_FRESH
        await refusal(parts.auth, token)
        await parts.auth.close()


@pytest.mark.expects_log(NO_KEY_SET)
async def test_dead_key_server() -> None:
    """With its server dead a known key serves for an hour, and nothing remembered outlives that; no new one serves."""
    async with jwks_server(jwk("ES256", 1)) as server:
        parts = Fetches(server.url)
        auth, clock = parts.auth, parts.clock
        token = signed(private_key("ES256", 1), "ES256", {"kid": "1"}, exp=NOW + 10 * KEPT)
        stranger = signed(private_key("ES256", 2), "ES256", {"kid": "2"})
        assert await auth.verify(token)
        await server.stop()
        for passed in (KEYS_FRESH, KEYS_FRESH + 1, KEPT - 1):
            clock.now = NOW + passed
            assert await auth.verify(token)
            await refusal(auth, stranger)
        clock.now = NOW + KEPT
        await refusal(auth, token)
        await auth.close()


@pytest.mark.expects_log(NO_KEY_SET)
async def test_key_server_that_is_not_there() -> None:
    """A key set that was never there lets nobody in but guests, who don't need it."""
    async with jwks_server() as server:
        await server.stop()
        auth, _ = authenticator(jwt_secret="", key_set=KeySet(server.url))
        await refusal(auth, signed(private_key("ES256", 1), "ES256", {"kid": "1"}))
        assert (await auth.verify(auth.guest("Ada")[1])).guest
        await auth.close()


@pytest.mark.parametrize("algorithm", ["HS256", "none", "RS512"])
async def test_key_set_is_not_asked_for_other_algorithms(algorithm: str) -> None:
    """A token that no key of a set could have signed makes no fetch."""
    async with jwks_server(jwk("RS256", 1)) as server:
        auth, _ = authenticator(jwt_secret="", key_set=KeySet(server.url))
        header = json.dumps({"alg": algorithm, "kid": "1"}).encode()
        await refusal(auth, raw_token(header, json.dumps(CLAIMS).encode()))
        assert server.requests == 0
        await auth.close()


# -- guests


async def test_guest() -> None:
    """A name alone makes a guest with an id of their own and a token that is theirs."""
    auth, _ = authenticator()
    user, token = auth.guest("  Ada ")
    assert (user.name, user.role, user.rooms, user.guest) == ("Ada", "member", None, True)
    assert user.id.startswith("g-") and len(user.id) == 18
    assert user.expires_at == NOW + GUEST_SECONDS
    assert await auth.verify(token) == user
    other, _ = auth.guest("Ada")
    assert other.id != user.id


async def test_same_guest_again() -> None:
    """The token brings the same guest back, for another thirty days, renamed if they wish."""
    auth, clock = authenticator()
    user, token = auth.guest("Ada")
    clock.now += 20 * 86400
    again, second = auth.guest("Ada", token)
    assert (again.id, again.name) == (user.id, "Ada")
    renamed, third = auth.guest("Countess", second)
    assert (renamed.id, renamed.name) == (user.id, "Countess")
    assert (await auth.verify(third)).name == "Countess"
    assert auth.guest(None, third)[0].name == "Countess"
    clock.now += 20 * 86400  # the first has run out, the later ones not
    assert await refusal(auth, token) == "the token has expired"
    assert (await auth.verify(second)).id == user.id
    clock.now += GUEST_SECONDS
    later, _ = auth.guest("Ada", third)
    assert later.id != user.id


@pytest.mark.parametrize(
    "token", ["", "nonsense", "a.b.c", "\ud800", "x" * (TOKEN_LIMIT + 1), signed(sub="g-0123456789abcdef")]
)
def test_guest_with_a_bad_token(token: str) -> None:
    """A token that is no guest's makes a new guest and is nobody's way to another's id."""
    auth, _ = authenticator()
    user, _ = auth.guest("Ada", token)
    assert user.id.startswith("g-") and user.id != "g-0123456789abcdef"


def forged(change: Callable[[dict[str, Any]], None]) -> str:
    """A guest's token signed with SECRET_KEY itself, from which the guests' key is made."""
    claims = {"iss": "parley", "aud": "guest", "sub": "g-0123456789abcdef", "name": "Ada", "exp": NOW + 60}
    change(claims)
    return jwt.encode(claims, SECRET_KEY, "HS256", headers={"typ": "guest+jwt"})


async def test_guests_and_users_keep_apart() -> None:
    """Neither's token passes for the other's, whatever its header and claims say."""
    auth, _ = authenticator()
    user, token = auth.guest("Ada")
    _, body, signature = token.split(".")
    plain = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    await refusal(auth, f"{plain}.{body}.{signature}")
    await refusal(auth, forged(lambda claims: None))
    await refusal(auth, forged(lambda claims: claims.update(sub="u1", role="moderator")))
    guest_claims: dict[str, Any] = {"iss": "parley", "aud": "guest", "sub": user.id, "role": "moderator"}
    await refusal(auth, signed(headers={"typ": "guest+jwt"}, **guest_claims))
    await refusal(auth, signed(**guest_claims))
    # The same with one secret for both, which is unwise but must not mix them up.
    same, _ = authenticator(jwt_secret=SECRET_KEY)
    _, token = same.guest("Ada")
    _, body, signature = token.split(".")
    assert (await same.verify(token)).role == "member"
    await refusal(same, forged(lambda claims: claims.update(sub="u1", role="moderator")))
    await refusal(same, f"{plain}.{body}.{signature}")


GUEST_KEY = hmac.digest(SECRET_KEY.encode(), b"parley guest token 1", "sha256")
"""As every release makes it: guests stay who they are through an upgrade."""


async def test_guest_claims_give_no_rights() -> None:
    """A guest's token with the right signature gives a plain guest, whatever else it claims."""
    auth, _ = authenticator()
    claims = {"iss": "parley", "aud": "guest", "sub": "g-0123456789abcdef", "name": "Ada", "exp": NOW + 60}
    extra = {"role": "service", "rooms": ["secret"]}
    token = jwt.encode(claims | extra, GUEST_KEY, "HS256", headers={"typ": "guest+jwt"})
    assert await auth.verify(token) == User("g-0123456789abcdef", "Ada", expires_at=NOW + 60, guest=True)
    for spoilt in ({"iss": "another"}, {"aud": "another"}, {"exp": NOW - 1}):
        token = jwt.encode(claims | spoilt, GUEST_KEY, "HS256", headers={"typ": "guest+jwt"})
        await refusal(auth, token)


async def test_guests_of_another_secret() -> None:
    """A guest's token holds on every process with the same SECRET_KEY and on no other."""
    auth, _ = authenticator()
    user, token = auth.guest("Ada")
    twin, _ = authenticator()
    assert await twin.verify(token) == user
    stranger, _ = authenticator(secret_key=SECRET_KEY[::-1])
    await refusal(stranger, token)
    assert stranger.guest("Ada", token)[0].id != user.id


async def test_guests_switched_off() -> None:
    """With GUESTS=0 nobody enters with a name, nor with a token from before."""
    auth, _ = authenticator()
    _, token = auth.guest("Ada")
    closed, _ = authenticator(guests=False)
    with pytest.raises(AuthError, match="guests may not enter here"):
        closed.guest("Ada")
    assert "guests may not enter here" in await refusal(closed, token)
    assert await closed.verify(signed())


def test_guest_names() -> None:
    """A guest's name is checked, and there must be one."""
    auth, _ = authenticator()
    for name in ("", "  ", None, "A\u202eda", "x" * 33):
        with pytest.raises(RequestError, match=r"^name "):
            auth.guest(name)


def test_user_of_claims() -> None:
    """Claims make a user without a look at the clock."""
    assert user_of({"sub": "u", "name": "Ada", "exp": 1}) == User("u", "Ada", expires_at=1)


def test_no_secret_in_a_repr() -> None:
    """Neither the authenticator nor a user shows a key or a token when printed."""
    auth, _ = authenticator()
    user, token = auth.guest("Ada")
    shown = f"{auth!r} {user!r}"
    for secret in (token, JWT_SECRET, SECRET_KEY, token.split(".")[2]):
        assert secret not in shown
