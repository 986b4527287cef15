"""What a browser is shown: the chat page, the guides' pages, static files, and why there is nothing at an address."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tornado.web import StaticFileHandler

from service.handler import ApiError, Handler
from service.names import check_room
from service.protocol import RequestError
from service.sockets.tornado_private import answer_headers, answered

STATIC = Path(__file__).parent.parent / "static"

PAGES = (r"/", r"/r/[a-z0-9][a-z0-9_-]{0,63}")
_MEANT = re.compile(r"/r(?:/+([^/]*))?/*", re.IGNORECASE)


class PageHandler(Handler):
    """`/` and `/r/<room>`: the chat page; and the pages of the guides."""

    def initialize(self, file: str = "index.html") -> None:  # type: ignore[override]
        """`file` of static/; the chat page without one."""
        super().initialize()
        self._file = file

    def get(self) -> None:
        show(self, self._file)


def show(handler: Handler, file: str) -> None:
    handler.set_header("Content-Type", "text/html; charset=utf-8")
    handler.set_header("Cache-Control", "no-cache")
    handler.finish((STATIC / file).read_bytes())


class Missing(Handler):
    """Errors as JSON for programs, and for browsers as a page that says why."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.vary_by_accept()
        if status_code == 404 and self.for_browser:
            show(self, "missing.html")
        else:
            super().write_error(status_code, **kwargs)

    def vary_by_accept(self) -> None:
        """Beside what the answer may vary by already: the origin, where others may read it."""
        known = answer_headers(self).get_list("Vary")
        self.set_header("Vary", ", ".join(dict.fromkeys([*known, "Accept"])))

    @property
    def for_browser(self) -> bool:
        """Whether somebody opened the address, who can't be expected to read JSON."""
        accepted = self.request.headers.get("Accept", "")
        return self.request.method in ("GET", "HEAD") and "text/html" in accepted.lower()


class Elsewhere(Missing):
    """Every other path. A room's, written otherwise than we do, leads a browser to the room."""

    def prepare(self) -> None:
        super().prepare()
        if answered(self):
            return
        place = room_meant(self.request.path) if self.for_browser else None
        if place is None:
            raise ApiError(404, "not_found", "There is nothing at this address.")
        self.vary_by_accept()
        self.set_header("Cache-Control", "no-cache")
        self.redirect(place)


def room_meant(path: str) -> str | None:
    """Our own path for `/r/Lobby`, `/r/%23tea%20time/` and the like; None for what can't be a room's.

    A name is read as the page reads what is typed there (static/page/address.js).
    """
    found = _MEANT.fullmatch(path)
    if found is None:
        return None
    room = re.sub(r"\s+", "-", unquote(found[1] or "").strip().removeprefix("#").lower())
    try:
        return f"/r/{check_room(room)}" if room else "/"
    except RequestError:
        return None


class Static(StaticFileHandler, Missing):  # type: ignore[misc]  # two ways to say `head`
    """`/static/…`: files of that folder alone; no listing, nothing hidden."""

    def initialize(self, path: str) -> None:  # type: ignore[override]
        Handler.initialize(self)
        StaticFileHandler.initialize(self, path)

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        try:
            if "/." not in absolute_path[len(root) :] and Path(absolute_path).is_file():
                return super().validate_absolute_path(root, absolute_path)
        except (OSError, ValueError):  # a name too long for the file system, or with a NUL in it
            pass
        raise ApiError(404, "not_found", "There is nothing at this address.")

    def get_content_type(self) -> str:
        assert self.absolute_path is not None
        if self.absolute_path.endswith(".ts"):  # TypeScript; what tables of media types know by it is a kind of video
            return "text/plain; charset=utf-8"
        return super().get_content_type()

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", "no-cache")  # checked by ETag: a deploy is seen at once
