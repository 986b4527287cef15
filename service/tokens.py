"""`python -m service token`: make a user's token (HS256, signed with JWT_SECRET) for tests and scripts."""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jwt

from service import config
from service.errors import ConfigError
from service.identity.auth import GUEST_PREFIX, ROLES, AuthError, hmac_key, user_of


def main(argv: Sequence[str], environ: Mapping[str, str] = os.environ, command: str = "python -m service") -> int:
    """Print a token and answer the exit status: 2, with a line on standard error, when it can't be made."""
    options = _parser(command).parse_args(argv)
    try:
        # Nothing but what a token needs, so that no other setting matters and no file is left behind.
        kept = {name: environ[name] for name in ("JWT_SECRET", "JWT_AUDIENCE", "JWT_ISSUER") if name in environ}
        settings = config.load(kept | {"SQLITE_PATH": ":memory:"})
        if not settings.jwt_secret:
            raise ConfigError("JWT_SECRET: set it here and for the service (make one with: openssl rand -hex 32)")
        claims = _claims(options.sub, options.name, options.rooms, options.role, options.ttl)
        claims |= {"aud": settings.jwt_audience} if settings.jwt_audience else {}
        claims |= {"iss": settings.jwt_issuer} if settings.jwt_issuer else {}
        token = jwt.encode(claims, hmac_key(settings.jwt_secret), "HS256")
    except (ConfigError, AuthError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(token + "\n")
    return 0


def _claims(sub: str, name: str | None, rooms: str | None, role: str, ttl: int) -> dict[str, Any]:
    """What the token says, for `ttl` seconds; `rooms` are globs with commas between.

    Raises `AuthError` for what the service would refuse.
    """
    now = int(time.time())
    claims: dict[str, Any] = {"sub": sub, "name": sub if name is None else name, "role": role}
    claims |= {"iat": now, "exp": now + ttl}
    if rooms is not None:
        claims["rooms"] = [glob.strip() for glob in rooms.split(",") if glob.strip()]
    user_of(claims)
    if sub.startswith(GUEST_PREFIX):
        raise AuthError(f"the token's sub begins with {GUEST_PREFIX}, as only guests' do")
    return claims


def _seconds(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10 * 365 * 86400:
        raise argparse.ArgumentTypeError("expected a whole number of seconds, 1 to 315360000")
    return int(text)


def _parser(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"{command} token",
        description="Make a user's token, signed with JWT_SECRET (HS256), for tests and scripts.",
    )
    parser.add_argument("--sub", required=True, help="the user's id, 1 to 128 characters")
    parser.add_argument("--name", help="the name that others see; without it the id")
    parser.add_argument(
        "--rooms", metavar="GLOBS", help="the rooms they may enter, such as team-*,lobby; without it all"
    )
    parser.add_argument("--role", choices=ROLES, default="member", help="what they may do (default: %(default)s)")
    parser.add_argument(
        "--ttl", type=_seconds, default=3600, metavar="SECONDS", help="how long it holds (default: an hour)"
    )
    return parser
