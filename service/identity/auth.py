"""Who somebody is: users' tokens (JWT, RFC 7519) and guests' tokens.

No token or key stands in an exception's text, a repr or a log line.
"""

import fnmatch
import hashlib
import hmac
import re
import secrets
import warnings
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal, cast, get_args

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.warnings import InsecureKeyLengthWarning
from msgspec import UNSET, Meta, Struct, UnsetType

from service.clock import CLOCK
from service.errors import ConfigError
from service.identity.jwks import ALGORITHMS, Keys, KeySet
from service.names import check_name, fit_name, printable
from service.protocol import Person, encode

# Said once at the start, by config.py, instead of at every token.
warnings.filterwarnings("ignore", category=InsecureKeyLengthWarning)

GUEST_SECONDS = 30 * 86400  # a guest who stays away longer is somebody new
GUEST_PREFIX = "g-"  # of guests' ids, and of nobody else's: a user's token with such a `sub` is refused
TOKEN_LIMIT = 8192  # characters; Tornado's own limit for all headers is 65536 bytes
CLOCK_SKEW = 5.0  # seconds by which `iat` and `nbf` may lie ahead of our clock
CACHE_LIMIT = 4096  # tokens whose check is remembered: about 3 MiB

Role = Literal["member", "moderator", "service"]
ROLES: tuple[str, ...] = get_args(Role)


class AuthError(Exception):
    """Nobody we know: 401, or close code 4401. The message says why and may be shown."""


class User(Struct, frozen=True, dict=True):  # dict: where the cached properties live; it is not encoded
    """Who somebody is and what they may do."""

    id: str
    name: str
    role: Role = "member"
    rooms: tuple[str, ...] | None = None  # globs; None: every room
    expires_at: float | None = None  # Unix time in seconds; None: never
    guest: bool = False

    @property
    def moderator(self) -> bool:
        """Whether they may moderate, and remove what others wrote."""
        return self.role == "moderator"

    @cached_property
    def person(self) -> Person:
        """What others see of them."""
        return Person(self.id, self.name)

    @cached_property
    def json(self) -> bytes:
        """`{"id":…,"name":…}` as it stands in frames."""
        return encode(self.person)

    def may_enter(self, room: str) -> bool:
        """Whether `room` matches one of their globs (`*`, `?`, `[…]`, as in fnmatch; case counts)."""
        return self.rooms is None or _globs(self.rooms).match(room) is not None


@lru_cache(maxsize=1024)
def _globs(globs: tuple[str, ...]) -> re.Pattern[str]:
    # An empty alternation would match everything; (?!) matches nothing.
    return re.compile("|".join(map(fnmatch.translate, globs)) or "(?!)")


class _Claims(Struct):
    sub: Annotated[str, Meta(min_length=1, max_length=128)]
    exp: Annotated[float, Meta(gt=0, le=2**53)]
    rooms: tuple[str, ...] | UnsetType = UNSET  # null is refused: it would be a wide way to write "none"
    role: str = "member"


def user_of(claims: dict[str, Any]) -> User:
    """The user of whom a token's claims speak, or `AuthError`. Does not look at the clock.

    The name comes from a directory that knows nothing of our rules, so it is fitted and never a reason to refuse.
    """
    try:
        known = msgspec.convert(claims, _Claims)
    except msgspec.ValidationError as error:
        raise AuthError(f"the token's claims: {error}") from None
    if not printable(known.sub):
        raise AuthError("the token's sub holds an invisible or control character")
    if known.role not in ROLES:
        raise AuthError("the token's role is none of " + ", ".join(ROLES))
    rooms = None if known.rooms is UNSET else known.rooms
    if rooms is not None and not all(map(printable, rooms)):
        raise AuthError("the token's rooms hold an invisible or control character")
    wishes = (claims.get("name"), claims.get("preferred_username"), known.sub, "user")
    name = next(filter(None, map(fit_name, wishes)))
    return User(known.sub, name, cast(Role, known.role), rooms, known.exp)


class Authenticator:
    """Checks and makes tokens. Raises `ConfigError` for keys that can't serve.

    Each key has one algorithm, fixed here by its type and never by the token (RFC 8725 section 3.1); a
    token's `alg` and `kid` only say which of the keys to try. Guests' tokens have a key of their own, besides
    `typ`, issuer and audience. A user's token must name JWT_AUDIENCE; without that setting it may name
    none, for it was made for another service (section 3.9). JWT_ISSUER likewise, but without it any will do, for
    the keys are one issuer's.

    A check takes 30 to 90 µs and a remembered one 1 µs, so tokens that come again (a server's, a returning
    client's) are remembered by their hash: until `exp`, and only while the keys that say so hold.
    """

    def __init__(
        self,
        secret_key: str,
        *,
        guests: bool = True,
        jwt_secret: str = "",
        jwt_public_key: str = "",
        key_set: KeySet | None = None,
        jwt_audience: str = "",
        jwt_issuer: str = "",
        cache_limit: int = CACHE_LIMIT,
        clock: Callable[[], float] = CLOCK.now,
    ) -> None:
        """As the settings of these names, "" being none; `key_set`, which is closed here, is that of JWT_JWKS_URL.

        `cache_limit`: tokens whose check is remembered. `clock` gives Unix time in seconds.
        """
        self._clock = clock
        self.guests = guests  # whether they may enter
        # A key of its own, so that nothing else ever signed with SECRET_KEY can pass for a guest's token.
        self._guest_key = hmac.digest(secret_key.encode(), b"parley guest token 1", "sha256")
        self._audience, self._issuer = jwt_audience or None, jwt_issuer or None
        self._keys: list[tuple[str, Any]] = []  # algorithm, key
        if jwt_secret:
            self._keys.append(("HS256", hmac_key(jwt_secret)))
        if jwt_public_key:
            self._keys.append(_public_key(jwt_public_key))
        self._key_set = key_set
        self._cache_limit = cache_limit
        # By the token's hash: the user, and the fetched keys that say so (None: a key that holds for good).
        self._checked: dict[bytes, tuple[User, Keys | None]] = {}

    @property
    def remembered(self) -> int:
        """How many tokens' checks are remembered."""
        return len(self._checked)

    async def close(self) -> None:
        """Let go of the key set's server."""
        if self._key_set:
            await self._key_set.close()

    async def verify(self, token: str) -> User:
        """The user of a user's or a guest's token. Raises `AuthError`."""
        _check_shape(token)
        digest = hashlib.sha256(token.encode()).digest()
        known = self._checked.get(digest)
        if known and self._holds(*known):
            return known[0]
        user, keys = self._check_here(token), None
        if user is None:
            user = await self._check_by_key_set(token)
            keys = self._key_set.fresh() if self._key_set else None
            if keys is None:  # the keys' server is down: what they say is not to be remembered
                return user
        if len(self._checked) >= self._cache_limit:
            del self._checked[next(iter(self._checked))]
        self._checked[digest] = user, keys
        return user

    def guest(self, name: str | None = None, token: str | None = None) -> tuple[User, str]:
        """A guest and a token that brings them back: the guest of `token` if it is valid, else a new one.

        Without `name` the token's own holds. Raises `AuthError` where guests may not enter, `RequestError`
        for a name that can't be.
        """
        self._check_guests()
        known = None
        if token:
            try:
                known = self._guest_of(token)
            except AuthError:  # ran out, or signed with an earlier SECRET_KEY: they enter as somebody new
                known = None
        if name is None:
            name = known.name if known else ""
        now = int(self._clock())
        claims = {
            "iss": "parley",
            "aud": "guest",
            "sub": known.id if known else GUEST_PREFIX + secrets.token_urlsafe(12),
            "name": check_name(name),
            "iat": now,
            "exp": now + GUEST_SECONDS,
        }
        signed = jwt.encode(claims, self._guest_key, "HS256", headers={"typ": "guest+jwt"})
        return _as_guest(user_of(claims)), signed

    def _holds(self, user: User, keys: Keys | None) -> bool:
        in_time = user.expires_at is None or user.expires_at > self._clock()
        return in_time and (keys is None or (self._key_set is not None and self._key_set.fresh() is keys))

    def _check_here(self, token: str) -> User | None:
        """The user, by the keys at hand; None if the key set is to be asked. Raises `AuthError`."""
        header = _header(token)
        if header.get("typ") == "guest+jwt":
            self._check_guests()
            return self._guest_of(token)
        refusal = AuthError("the token is not signed with a key that counts here")
        for algorithm, key in self._keys:
            if header.get("alg") == algorithm:
                try:
                    return self._user_of(token, key, algorithm)
                except _WrongKeyError as error:
                    refusal = error
        if self._key_set:
            return None
        raise refusal

    async def _check_by_key_set(self, token: str) -> User:
        header = _header(token)
        algorithm = header.get("alg")
        if self._key_set and isinstance(algorithm, str) and algorithm in ALGORITHMS:
            found = await self._key_set.find(header.get("kid"), algorithm)
            if found:
                return self._user_of(token, found.key, found.algorithm_name)
        raise AuthError("the token is not signed with a key that counts here")

    def _check_guests(self) -> None:
        if not self.guests:
            raise AuthError("guests may not enter here; a token is needed")

    def _user_of(self, token: str, key: Any, algorithm: str) -> User:
        user = user_of(self._claims(token, key, algorithm, self._audience, self._issuer))
        if user.id.startswith(GUEST_PREFIX):
            raise AuthError(f"the token's sub begins with {GUEST_PREFIX}, as only guests' do")
        return user

    def _guest_of(self, token: str) -> User:
        _check_shape(token)
        return _as_guest(user_of(self._claims(token, self._guest_key, "HS256", "guest", "parley")))

    def _claims(self, token: str, key: Any, algorithm: str, audience: str | None, issuer: str | None) -> dict[str, Any]:
        """The claims of a token in force. Raises `AuthError`; `_WrongKeyError` if `key` didn't sign it."""
        # Times are compared here, against our clock and with our leeway; the other claims' types in `user_of`, which
        # says what is wrong with them.
        options: Any = {"require": ["exp"]} | dict.fromkeys(("verify_" + claim for claim in _OWN_CHECKS), False)
        try:
            claims = jwt.decode(token, key, [algorithm], options, audience=audience, issuer=issuer)
        except jwt.InvalidSignatureError:
            raise _WrongKeyError("the token's signature is not right") from None
        except jwt.MissingRequiredClaimError as error:
            raise AuthError(f"the token has no {error.claim}") from None
        except jwt.InvalidAudienceError:
            raise AuthError("the token is made for another audience") from None
        except jwt.InvalidIssuerError:
            raise AuthError("the token is another issuer's") from None
        except jwt.PyJWTError:
            raise AuthError("the token is malformed") from None
        _check_times(claims, self._clock())
        return claims


_OWN_CHECKS = ("exp", "nbf", "iat", "sub", "jti")


class _WrongKeyError(AuthError):
    """The token is signed, but not with this key."""


def _as_guest(user: User) -> User:
    return User(user.id, user.name, expires_at=user.expires_at, guest=True)


def _check_shape(token: str) -> None:
    if len(token) > TOKEN_LIMIT or not token.isascii():
        raise AuthError("the token is malformed")


def _check_times(claims: dict[str, Any], now: float) -> None:
    """RFC 7519 sections 4.1.4 to 4.1.6. No leeway for `exp`: past it a socket would be closed at once."""
    for claim, leeway in (("exp", 0.0), ("nbf", CLOCK_SKEW), ("iat", CLOCK_SKEW)):
        value = claims.get(claim, 0)
        if type(value) not in (int, float):
            raise AuthError(f"the token's {claim} is not a number")
        if claim == "exp" and not value > now:  # so written, nan is refused too
            raise AuthError("the token has expired")
        if claim != "exp" and not value <= now + leeway:
            raise AuthError("the token is not valid yet")


def _header(token: str) -> dict[str, Any]:
    """The token's header. The tokens of one issuer all begin with the same, so it is parsed once (10 µs)."""
    try:
        return _parse_header(token.partition(".")[0])
    except jwt.PyJWTError:
        raise AuthError("the token is malformed") from None


@lru_cache(maxsize=64)
def _parse_header(segment: str) -> dict[str, Any]:
    return jwt.get_unverified_header(segment + ".e30.")  # e30 is {}


def hmac_key(secret: str) -> bytes:
    """The key that JWT_SECRET is. Raises `ConfigError`."""
    try:
        if "-----BEGIN" in secret:  # one that is cut short, too
            raise jwt.InvalidKeyError
        key: bytes = jwt.get_algorithm_by_name("HS256").prepare_key(secret)
        return key
    except jwt.InvalidKeyError:  # a key's public half as a secret would let everybody sign
        raise ConfigError("JWT_SECRET: is a key or certificate; those go into JWT_PUBLIC_KEY") from None


def _public_key(pem: str) -> tuple[str, Any]:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(
            "JWT_PUBLIC_KEY: can't be read as a public key in PEM form (make it of the private one with: "
            "openssl pkey -in private.pem -pubout)"
        ) from None
    if isinstance(key, RSAPublicKey) and key.key_size >= 2048:  # RFC 7518 section 3.3
        return "RS256", key
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return "ES256", key
    if isinstance(key, Ed25519PublicKey):
        return "EdDSA", key
    raise ConfigError("JWT_PUBLIC_KEY: expected an RSA key of 2048 bits or more, a P-256 or an Ed25519 key")
