"""service/tokens.py: tokens from the command line."""

from pathlib import Path

import jwt
import pytest

from service.identity.auth import Authenticator, User
from service.tokens import main

from .harness import JWT_SECRET
from .jwks_server import pem, private_key

ENVIRON = {"JWT_SECRET": JWT_SECRET}


async def test_made_token_passes(capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is one token that the service takes, with all that was asked for."""
    options = ["--sub", "u1", "--name", "Ada", "--rooms", "team-*, lobby", "--role", "moderator", "--ttl", "60"]
    assert main(options, ENVIRON) == 0
    printed = capsys.readouterr()
    assert printed.err == "" and printed.out.count("\n") == 1
    token = printed.out.strip()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] == claims["iat"] + 60
    auth = Authenticator("", jwt_secret=JWT_SECRET)
    assert await auth.verify(token) == User("u1", "Ada", "moderator", ("team-*", "lobby"), claims["exp"])


async def test_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    """An id is enough: it is the name too, for an hour, as a member, in every room."""
    assert main(["--sub", "u1"], ENVIRON) == 0
    token = capsys.readouterr().out.strip()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] == claims["iat"] + 3600
    auth = Authenticator("", jwt_secret=JWT_SECRET)
    assert await auth.verify(token) == User("u1", "u1", expires_at=claims["exp"])
    assert main(["--sub", "u1", "--rooms", ""], ENVIRON) == 0
    assert (await auth.verify(capsys.readouterr().out.strip())).rooms == ()


async def test_audience_and_issuer(capsys: pytest.CaptureFixture[str]) -> None:
    """A token is made for the service with the same settings."""
    environ = ENVIRON | {"JWT_AUDIENCE": "chat", "JWT_ISSUER": "https://login.example.com/"}
    assert main(["--sub", "u1"], environ) == 0
    auth = Authenticator("", jwt_secret=JWT_SECRET, jwt_audience="chat", jwt_issuer="https://login.example.com/")
    assert (await auth.verify(capsys.readouterr().out.strip())).id == "u1"


@pytest.mark.parametrize(
    ("options", "environ", "said"),
    [
        (["--sub", "u1"], {}, "JWT_SECRET: set it here and for the service"),
        (["--sub", "u1"], {"JWT_SECRET": "hidden"}, "JWT_SECRET: expected at least 8 characters"),
        (["--sub", "u1"], {"JWT_SECRET": pem(private_key("ES256"))}, "JWT_SECRET: is a key or certificate"),
        (["--sub", ""], ENVIRON, "$.sub"),
        (["--sub", "u" * 129], ENVIRON, "$.sub"),
        (["--sub", "g-1"], ENVIRON, "begins with g-"),
        (["--sub", "u\u200b1"], ENVIRON, "invisible"),
    ],
    ids=lambda value: None,
)
def test_what_the_service_would_refuse(
    options: list[str], environ: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A token that would not pass isn't made; one line says why, without the secret, and the status is 2."""
    assert main(options, environ) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err and printed.err.count("\n") == 1
    assert "hidden" not in printed.err


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--sub", "u1", "--role", "admin"],
        *(["--sub", "u1", "--ttl", ttl] for ttl in ("0", "-1", "1h", "1.5", "9" * 12, "²")),
    ],
    ids=str,
)
def test_bad_usage(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Bad options end with the usage and status 2, as command lines do."""
    with pytest.raises(SystemExit) as caught:
        main(options, ENVIRON)
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("usage: python -m service token")


def test_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Making a token needs no other setting and makes no file, though the service would."""
    monkeypatch.chdir(tmp_path)
    assert main(["--sub", "u1"], ENVIRON | {"REDIS_URL": "redis://nowhere", "PORT": "nonsense"}) == 0
    assert list(tmp_path.iterdir()) == []
