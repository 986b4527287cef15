"""docs/security.md says what holds: its defaults are the settings', its tests exist, and its locks lock."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from service.config import SETTINGS

from ..harness import ChatClient, ChatError, ServiceProcess, make_jwt
from ..harness.chat_client import fetch_ticket
from .raw_socket import RawSocket, exchange, handshake

HERE = Path(__file__).resolve().parent
DOCUMENT = (HERE.parents[1] / "docs" / "security.md").read_text()


def test_the_defaults_are_the_settings_own() -> None:
    """Each row of the table against service.config; every limit has its row."""
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+?) \|", DOCUMENT, re.MULTILINE))
    defaults = {name: setting.default for name, setting in SETTINGS.items()}
    assert rows.keys() <= defaults.keys()
    for name, shown in rows.items():
        value = re.match(r"`([^`]*)`", shown)
        assert (value[1] if value else "") == defaults[name], name
    limits = [name for name in defaults if re.search(r"_(LIMIT|RATE|BURST|TIMEOUT|DEADLINE)$|_PER_|_RATE_", name)]
    assert set(limits) - {"HISTORY_LIMIT"} <= rows.keys()
    assert {"UNSENT_LIMIT", "TICKET_RATE", "SEND_RATE_ADDRESS"} <= set(limits), "the search for limits finds them"


def test_every_attack_is_in_the_table_and_every_test_exists() -> None:
    """The table names exactly the modules beside this one."""
    named = set(re.findall(r"`(test_\w+\.py)` \|$", DOCUMENT, re.MULTILINE))
    assert named == {path.name for path in HERE.glob("test_*.py")} - {Path(__file__).name}


def test_every_setting_it_names_exists() -> None:
    """In the text too, where a renamed one would mislead."""
    names = set(re.findall(r"`([A-Z][A-Z_]+[A-Z])[`=]", DOCUMENT))
    assert names <= SETTINGS.keys()


async def test_without_guests_only_tokens_enter() -> None:
    """GUESTS=0: no ticket for a name, no entry with a guest's token from before, none by the guides' sockets."""
    with ServiceProcess() as before:
        guest = (await fetch_ticket(before.url, "Ada", {"Origin": before.url}))["guest"]
    with ServiceProcess({"GUESTS": "0"}) as service:
        origin = {"Origin": service.url}
        for attempt in ({"name": "Ada"}, {"name": "Ada", "guest": guest}, {"guest": guest}, {}):
            status, _, body = service.request("POST", "/tickets", attempt, origin)
            assert status == 401, f"{attempt}: {body!r}"
            assert json.loads(body)["error"]["code"] == "unauthenticated"
        for path in ("/tickets", "/moderation", "/rooms/lobby/messages"):
            status, _, body = service.request("POST", path, {}, {"Authorization": f"Bearer {guest}"})
            assert status == 401, f"{path}: {body!r}"
        async with await RawSocket.connect(service.port) as raw:
            await raw.request(handshake(service.port, origin=None, extra=[("Authorization", f"Bearer {guest}")]))
            assert await raw.closed() == 4401
        for path, status in (("/receive", 403), ("/submit", 403), ("/", 403), ("/clock", 101)):
            assert (await exchange(service.port, handshake(service.port, path, protocols=None))).status == status
        async with ChatClient.open(service.url, jwt=make_jwt("u1", "Ada")) as ada:
            assert ada.user["id"] == "u1"


@pytest.mark.parametrize("claims", [{"rooms": []}, {"rooms": ["team-*"]}], ids=["no rooms", "others"])
async def test_a_token_s_rooms_bound_it(claims: dict[str, Any]) -> None:
    """Joining, reading and publishing elsewhere is refused, on the socket and over HTTP."""
    with ServiceProcess() as service:
        token = make_jwt("u1", "Ada", role="service", **claims)
        async with ChatClient.open(service.url, bearer=token) as ada:
            with pytest.raises(ChatError, match="forbidden"):
                await ada.join("lobby")
        bearer = {"Authorization": f"Bearer {token}"}
        assert service.request("GET", "/rooms/lobby/messages", headers=bearer)[0] == 404
        assert service.request("POST", "/rooms/lobby/messages", {"id": "a", "text": "b"}, bearer)[0] == 404


async def test_metrics_need_their_token() -> None:
    """Without, with another, with the right one; health and readiness stay open."""
    with ServiceProcess({"METRICS_TOKEN": "let-me-measure"}) as service:
        for value, status in (
            (None, 401),
            ("Bearer wrong-token", 401),
            ("Basic bGV0", 401),
            ("Bearer let-me-measure", 200),
        ):
            headers = {} if value is None else {"Authorization": value}
            assert service.request("GET", "/metrics", headers=headers)[0] == status
        assert service.request("GET", "/healthz")[0] == 200
        assert service.request("GET", "/readyz")[0] == 200


async def test_https_is_forced_behind_a_proxy() -> None:
    """Over http a page is redirected, a ticket refused, and a socket too; over https HSTS is sent."""
    with ServiceProcess({"FORCE_HTTPS": "1", "TRUSTED_PROXIES": "1"}) as service:
        http, https = {"X-Forwarded-Proto": "http"}, {"X-Forwarded-Proto": "https"}
        for headers in ({}, http, {"X-Forwarded-Proto": "https, http"}):
            status, answer, _ = service.request("GET", "/r/lobby", headers=headers)
            assert (status, answer["Location"]) == (301, f"https://127.0.0.1:{service.port}/r/lobby")
            assert "Strict-Transport-Security" not in answer
            assert service.request("POST", "/tickets", {"name": "Ada"}, headers)[0] == 403
        status, answer, _ = service.request("GET", "/", headers=https)
        assert status == 200
        assert answer["Strict-Transport-Security"].startswith("max-age=")
        assert service.request("POST", "/tickets", {"name": "Ada"}, https)[0] == 201
        assert service.request("GET", "/healthz")[0] == 200
        for path in ("/socket", "/clock"):
            answer_over_http = await exchange(service.port, handshake(service.port, path, extra=list(http.items())))
            assert answer_over_http.status == 403
