"""What a browser is shown: the chat page, the guides' pages, static files, and why there is nothing at an address."""

import asyncio
import datetime
import posixpath
import re
from pathlib import Path
from urllib.parse import unquote

from tornado.web import StaticFileHandler

from service.assets.negotiation import language, preferred
from service.assets.release import EMBED, EMBEDDED, PAGE, Asset, Assets
from service.handler import ApiError, Handler
from service.identity.headers import page_policy
from service.names import check_room
from service.protocol import RequestError
from service.sockets.tornado_private import answer_headers, answered

_HERE = Path(__file__).parent
STATIC = next(path for path in (_HERE / "static", _HERE.parent / "static") if path.is_dir())  # installed; in the tree

DEFAULT_LANGUAGE = "en"

CHECKED = "no-cache"  # by its tag, before each use: a deploy is seen at once
FOR_GOOD = "public, max-age=31536000, immutable"

PAGES = (r"/", r"/r/[a-z0-9][a-z0-9_-]{0,63}(?:/[1-9][0-9]{0,14})?")
_MEANT = re.compile(r"/r(?:/+([^/]*)(/+[1-9][0-9]{0,14})?)?/*", re.IGNORECASE)


class AssetHandler(Handler):
    """Answers with what `service.assets` has, compressed for those who take it."""

    _etag: str | None = None

    @property
    def assets(self) -> Assets:
        found: Assets = self.application.settings["assets"]
        return found

    @staticmethod
    async def compress(asset: Asset) -> None:
        """Beside the loop, which would be held up for a tenth of a second by the largest."""
        if not asset.ready:
            await asyncio.to_thread(lambda: asset.bodies)

    def begin(self, asset: Asset, cache: str) -> bytes:
        """The headers of `asset`, and the bytes to send."""
        encoding = preferred(self.request.headers.get("Accept-Encoding", ""), [name for name in asset.bodies if name])
        self._etag = asset.etag(encoding)
        self.set_header("Content-Type", asset.content_type)
        self.set_header("Cache-Control", cache)
        if len(asset.bodies) > 1:
            self.vary_by("Accept-Encoding")
        if encoding:
            self.set_header("Content-Encoding", encoding)
        if asset.content_type.startswith("text/html"):
            self.be_page()
        return asset.bodies[encoding]

    def be_page(self) -> None:
        """Allow what a page of ours needs, which other answers have no use for."""
        scheme = self.node.proxies.scheme(self.request)
        self.set_header("Content-Security-Policy", page_policy(scheme, self.request.host))

    def be_public(self) -> None:
        """Let every page import it: what stands in it is the same for all, and says who may use the service."""
        if "Access-Control-Allow-Origin" not in answer_headers(self):
            self.set_header("Access-Control-Allow-Origin", "*")

    def compute_etag(self) -> str | None:
        return self._etag

    def vary_by(self, name: str) -> None:
        """Beside what the answer may vary by already: the origin, where others may read it."""
        known = answer_headers(self).get_list("Vary")
        self.set_header("Vary", ", ".join(dict.fromkeys([*known, name])))


class PageHandler(AssetHandler):
    """`/`, `/r/<room>`, `/r/<room>/<seq>`: the chat page; what makes an app of it, and the pages of the guides."""

    def initialize(self, file: str = "index.html") -> None:  # type: ignore[override]
        """`file` of static/; the chat page without one."""
        super().initialize()
        self._file = file

    async def get(self) -> None:
        self.be_page()  # the service worker may do what it says, too
        if self._file == PAGE:
            self._name_words()
        asset = self.assets.pages[self._file]
        await self.compress(asset)
        self.finish(self.begin(asset, CHECKED))

    def _name_words(self) -> None:
        """Have the browser fetch the words of its language beside the script that will ask for them, not after it.

        Somebody who chose another language there gets that by the script.
        """
        words = self.assets.words
        wanted = language(self.request.headers.get("Accept-Language", ""), words) or DEFAULT_LANGUAGE
        if path := words.get(wanted):
            self.set_header("Link", f'<{path}>; rel="modulepreload"')
        self.vary_by("Accept-Language")


class EmbedHandler(PageHandler):
    """`/embed.js`: what puts a chat into a page elsewhere. Whether that page may use the service is asked later."""

    def initialize(self) -> None:  # type: ignore[override]
        super().initialize(EMBED)

    async def get(self) -> None:
        self.be_public()
        await super().get()


class Missing(AssetHandler):
    """Errors as JSON for programs, and for browsers as a page that says why."""

    def write_refusal(self, status: int, error: BaseException | None) -> None:
        self.vary_by("Accept")
        if status == 404 and self.for_browser:
            self.finish(self.begin(self.assets.pages["missing.html"], CHECKED))
        else:
            super().write_refusal(status, error)

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
        self.vary_by("Accept")
        self.set_header("Cache-Control", CHECKED)
        self.redirect(place)


def room_meant(path: str) -> str | None:
    """Our own path for `/r/Lobby`, `/r/%23tea%20time/12` and the like; None for what can't be a room's.

    A name is read as the page reads what is typed there (static/page/address.js).
    """
    found = _MEANT.fullmatch(path)
    if found is None:
        return None
    message = re.sub(r"/+", "/", found[2] or "")
    room = re.sub(r"\s+", "-", unquote(found[1] or "").strip().removeprefix("#").lower())
    try:
        return f"/r/{check_room(room)}{message}" if room else "/"
    except RequestError:
        return None


class Static(StaticFileHandler, Missing):  # type: ignore[misc]  # two ways to say `head`
    """`/static/…`: what is there by its plain name, and the release; no listing, nothing hidden."""

    def initialize(self) -> None:  # type: ignore[override]
        Handler.initialize(self)
        StaticFileHandler.initialize(self, path="")

    async def get(self, path: str, include_body: bool = True) -> None:
        """As Tornado's, without ranges of what is no longer as the client has it (RFC 9110 section 13.1.5)."""
        path = posixpath.normpath(path)
        asset = self.assets.files.get(path)
        if asset is None:
            raise ApiError(404, "not_found", "There is nothing at this address.")
        await self.compress(asset)
        released = path.startswith(f"{self.assets.release}/")
        if path.startswith(f"{self.assets.release}/{EMBEDDED}/"):
            self.be_public()
        self._content = self.begin(asset, FOR_GOOD if released else CHECKED)
        if self.request.headers.get("If-Range", self._etag) != self._etag:
            del self.request.headers["Range"]
        await super().get(path, include_body)

    compute_etag = AssetHandler.compute_etag

    @classmethod
    def get_absolute_path(cls, root: str, path: str) -> str:
        return path

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        return absolute_path

    def get_modified_time(self) -> None:
        """Files of one release may be of different days on different machines: tags alone count."""

    def should_return_304(self) -> bool:
        return self.check_etag_header()

    def get_content_type(self) -> str:
        return str(answer_headers(self)["Content-Type"])

    def get_cache_time(self, path: str, modified: datetime.datetime | None, mime_type: str) -> int:
        return 0  # what `begin` said stays

    def get_content_size(self) -> int:
        return len(self._content)

    def get_content(self, abspath: str, start: int | None = None, end: int | None = None) -> bytes:  # type: ignore[override]
        return self._content[start:end]
