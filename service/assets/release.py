"""All of static/ as it is sent: by its plain names, and as a release.

A release is a folder below /static/ whose name comes of the content of everything in it. So its files never change and
may be kept for good, a page has the files it was made for, and imports between modules need no rewriting: they are
relative. In it what the chat page needs at once is joined: one script, one style sheet.
"""

import gzip
import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from msgspec import Struct

from service.assets.modules import graph, join, stand_in, without_comments

PAGE = "index.html"  # the page whose modules and sheets are joined
LEAST_GAIN = 0.9  # what gzip doesn't make smaller than that is sent as it is

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",  # TypeScript; what tables of media types know by it is a kind of video
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json; charset=utf-8",
}
_PACKED = (".png",)
_SHEETS = re.compile(r'(?:[ \t]*<link rel="stylesheet" href="/static/[^"]+">\n)+')
_SHEET = re.compile(r'href="/static/([^"]+)"')
_SCRIPT = re.compile(r'<script type="module" src="/static/([^"]+)"></script>')


class Asset(Struct, frozen=True):
    """A file as it is sent: the bytes, the same by gzip where that is worth it, and an entity tag for each."""

    content_type: str
    plain: bytes
    gzipped: bytes | None
    digest: str

    def etag(self, gzipped: bool) -> str:
        """Strong, so not the same for different bytes (RFC 9110 section 8.8.3)."""
        return f'"{self.digest}.gz"' if gzipped else f'"{self.digest}"'


class Assets(Struct, frozen=True):
    """`files` by their path below /static/, the release's with its name before; `pages` by file name."""

    release: str
    files: Mapping[str, Asset]
    pages: Mapping[str, Asset]


@cache
def load(folder: Path) -> Assets:
    """Read and compress once in a process. Raises `ModuleError` for modules that can't be joined."""
    sources = {str(path.relative_to(folder)): path.read_bytes() for path in _visible(folder)}
    pages = {path: text for path, text in sources.items() if path.endswith(".html")}
    files, release = dict(sources), ""
    if PAGE in sources:
        released = _released(sources)
        release = "v-" + _digest(released | {PAGE: sources[PAGE]})
        files |= {f"{release}/{path}": text for path, text in released.items()}
        pages[PAGE] = _page(sources[PAGE].decode(), release).encode()
    return Assets(
        release,
        {path: _asset(path, content) for path, content in files.items()},
        {path: _asset(path, content) for path, content in pages.items()},
    )


def _visible(folder: Path) -> Iterator[Path]:
    """Its files, those in folders below, too; nothing hidden, and nothing that a link leads to."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden and not path.is_symlink():
            yield path


def _released(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """What the release holds, by path in it."""
    page = sources[PAGE].decode()
    scripts = {path: without_comments(text.decode()) for path, text in sources.items() if path.endswith(".js")}
    released = {path: text for path, text in sources.items() if not path.endswith((".html", ".ts"))}
    released |= {path: text.encode() for path, text in scripts.items()}
    for entry in _SCRIPT.findall(page):
        paths = graph(entry, scripts)
        released |= {path: stand_in(path, scripts[path], entry).encode() for path in paths}
        released[entry] = join(paths, scripts).encode()
    for links in _SHEETS.findall(page):
        sheets = _SHEET.findall(links)
        released[sheets[0]] = b"".join(sources[sheet] for sheet in sheets)
    return released


def _page(page: str, release: str) -> str:
    """The page with one link for each run of style sheets, and every address one of the release."""

    def first(links: re.Match[str]) -> str:
        return links[0].partition("\n")[0] + "\n"

    return _SHEETS.sub(first, page).replace('"/static/', f'"/static/{release}/')


def _asset(path: str, content: bytes) -> Asset:
    kind = Path(path).suffix
    gzipped = None if kind in _PACKED else gzip.compress(content, 9, mtime=0)
    worth = gzipped is not None and len(gzipped) < LEAST_GAIN * len(content)
    content_type = TYPES.get(kind, "application/octet-stream")
    return Asset(content_type, content, gzipped if worth else None, _digest({"": content}))


def _digest(contents: Mapping[str, bytes]) -> str:
    whole = hashlib.sha256()
    for path, content in sorted(contents.items()):
        whole.update(b"%s\0%d\0%s" % (path.encode(), len(content), content))
    return whole.hexdigest()[:16]
