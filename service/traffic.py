"""HTTP requests as the metrics have them: by route, so that nobody's path becomes a time series for good."""

import re

from tornado.web import RequestHandler

from service import metrics
from service.sockets.answers import AnswerHandler
from service.sockets.upgrade import UpgradeHandler

COUNTED_METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS")
ROUTES = frozenset(
    {
        *("/", "/socket", "/receive", "/submit", "/ws", "/room", "/room/chat", "/clock.html", "/clock", "/pingWs"),
        *("/events", "/events/frames"),
        *("/tickets", "/rooms", "/messages", "/moderation", "/moderation/trail", "/admin", "/admin/state"),
        *("/healthz", "/readyz", "/metrics"),
        *("/docs", "/openapi.json", "/asyncapi.json", "/manifest.webmanifest", "/worker.js", "/embed.js"),
    }
)
_ROOM, _USER = r"/rooms/[^/]+", r"/users/[^/]+"
_PATTERNS = (
    (re.compile(_ROOM + "/messages"), "/rooms/<room>/messages"),
    (re.compile(_ROOM + "/messages/[1-9][0-9]{0,14}"), "/rooms/<room>/messages/<seq>"),
    (re.compile(_ROOM), "/rooms/<room>"),
    (re.compile(_ROOM + "/members"), "/rooms/<room>/members"),
    (re.compile(_ROOM + "/export"), "/rooms/<room>/export"),
    (re.compile(_USER), "/users/<user>"),
    (re.compile(_USER + "/sockets"), "/users/<user>/sockets"),
    (re.compile(r"/static/.*", re.DOTALL), "/static/"),
    (re.compile(r"/r/.*", re.DOTALL), "/r/<room>"),
)


def route(path: str) -> str:
    """What of the service a path is meant for; "other" for nothing."""
    if path in ROUTES:
        return path
    return next((name for pattern, name in _PATTERNS if pattern.fullmatch(path)), "other")


def count(handler: RequestHandler) -> None:
    """A request that was answered."""
    request, of = handler.request, route(handler.request.path)
    method = request.method if request.method in COUNTED_METHODS else "other"
    metrics.HTTP_REQUESTS.labels(of, method, str(handler.get_status())).inc()
    if isinstance(handler, AnswerHandler) and handler.refused:
        if isinstance(handler, UpgradeHandler):
            metrics.REFUSED.labels(handler.refused).inc()
        else:
            metrics.REFUSALS.labels(of, handler.refused).inc()
