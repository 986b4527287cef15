"""service/traffic.py, and what moved no metric before: requests, refusals, sockets. Nobody's path is a label."""

import re
from pathlib import Path

import pytest

from service import metrics, traffic

from .harness import ChatClient, make_jwt
from .metrics import samples_of
from .serving import serving

ROOT = Path(__file__).resolve().parents[1]


def test_routes_are_those_of_the_application() -> None:
    """Each path that is routed is its own route, or one of a pattern."""
    routed = re.findall(r'\(r"(/[^"(]+)"', (ROOT / "service" / "app.py").read_text())
    paths = {re.sub(r"\\", "", path) for path in routed}
    assert {"/socket", "/tickets", "/metrics"} <= paths and traffic.ROUTES - {"/"} == paths


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "/"),
        ("/rooms/lobby/messages", "/rooms/<room>/messages"),
        ("/rooms/a%2fb/messages", "/rooms/<room>/messages"),
        ("/rooms/lobby/messages/12", "/rooms/<room>/messages/<seq>"),
        ("/rooms/lobby/messages/0", "other"),
        ("/rooms/lobby", "/rooms/<room>"),
        ("/rooms/lobby/members", "/rooms/<room>/members"),
        ("/rooms/lobby/export", "/rooms/<room>/export"),
        ("/users/a%7Cb%2Fc", "/users/<user>"),
        ("/users/u1/sockets", "/users/<user>/sockets"),
        ("/users/u1/anything", "other"),
        ("/rooms//messages", "other"),
        ("/static/v-1/page.js", "/static/"),
        ("/r/lobby/17", "/r/<room>"),
        ("/wp-login.php", "other"),
        ("", "other"),
        ("/rooms/" + "x" * 1000, "/rooms/<room>"),
    ],
)
def test_a_path_is_counted_by_its_route(path: str, route: str) -> None:
    assert traffic.route(path) == route


def total(name: str, **labels: str) -> float:
    found = samples_of(metrics.REGISTRY.collect())
    return found.get((name, tuple(sorted(labels.items()))), 0.0)


async def test_what_is_asked_and_refused_is_counted() -> None:
    """By HTTP and on sockets: requests, refusals, publishing, bad tokens, and how long delivering takes."""
    room = "/rooms/lobby/messages"
    known = [
        ("parley_http_requests_total", {"route": "/rooms/<room>/messages", "method": "POST", "code": "201"}, 1),
        ("parley_http_requests_total", {"route": "/rooms", "method": "GET", "code": "401"}, 3),
        ("parley_http_requests_total", {"route": "other", "method": "other", "code": "405"}, 1),
        ("parley_http_refusals_total", {"route": "/rooms", "code": "unauthenticated"}, 3),
        ("parley_sockets_refused_total", {"reason": "unauthenticated"}, 2),
        ("parley_sockets_refused_total", {"reason": "origin"}, 1),
        ("parley_sockets_opened_total", {}, 1),
        ("parley_published_total", {}, 1),
        ("parley_delivery_seconds_count", {}, 1),
        ("parley_batch_events_count", {}, 1),
    ]
    async with serving() as served:
        before = [total(name, **labels) for name, labels, _ in known]
        client = await ChatClient.enter(served.url, bearer=make_jwt("ada", "Ada"))
        await client.join("lobby")
        poster = "Bearer " + make_jwt("server", "Server", role="service")
        await served.fetch(room, "POST", {"id": "one", "text": "hello"}, Authorization=poster)
        assert (await client.recv("message"))["text"] == "hello"
        for _ in range(3):
            await served.fetch("/rooms", Authorization="Bearer none")
        await served.fetch("/nowhere", "PROPFIND")
        await served.fetch("/socket")
        for _ in range(2):
            async with served.socket("/socket", additional_headers={"Authorization": "Bearer none"}) as socket:
                await socket.wait_closed()
        await client.close()
        after = [total(name, **labels) for name, labels, _ in known]
    grown = [(name, labels, now - then) for (name, labels, _), then, now in zip(known, before, after, strict=True)]
    assert grown == known
    assert total("parley_delivery_seconds_sum") < 60, "by the same clock"
