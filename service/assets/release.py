"""All of static/ as it is sent: by its plain names, and as a release.

A release is a folder below /static/ whose name comes of the content of everything in it. So its files never change and
may be kept for good, a page has the files it was made for, and imports between modules need no rewriting: they are
relative. In it what the chat page needs at once is joined: one script, one style sheet; so are the sheets for later.
What `/embed.js` needs is joined apart: a module that both have stands in each, and is no part of the page elsewhere.

What of the settings the page has to know stands in its first element, and is part of the release: a browser that keeps
the page gets another one when a setting changes.
"""

import gzip
import hashlib
import html
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path

import brotli  # type: ignore[import-untyped]
from msgspec import Struct

from service.assets import asyncapi, modules, reference
from service.assets.minified import minified

ADMIN = "admin.html"
PAGE = "index.html"  # the page whose modules and sheets are joined
MANIFEST = "manifest.webmanifest"
WORKER = "worker.js"
WORKER_OFF = "worker-off.js"
EMBED = "embed.js"  # a chat in other people's pages
EMBEDDED = "embedded"  # the folder of a release that has what it imports
_WIDGET = "embed/mount.js"  # which is that
DOCUMENT = "openapi.json"
ASYNCAPI = "asyncapi.json"  # made of the structs of the frames
REFERENCE = "reference.html"  # the same two for people, made of them
_WORDS = re.compile(r"page/words/([a-z]+)\.js")
LEAST_GAIN = 0.9  # what isn't made smaller than that is sent as it is

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".map": "application/json; charset=utf-8",  # from what a file was made small
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",  # TypeScript; what tables of media types know by it is a kind of video
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json; charset=utf-8",
}
_PACKED = ("image/png",)
_UNRELEASED = (".html", ".map", ".ts", DOCUMENT)
_SHEETS = re.compile(r'(?:[ \t]*<link rel="stylesheet" href="/static/[^"]+">\n)+')
_NAMED = re.compile(r'(?:href|src|data-[a-z]+)="/static/([^"]+)"')
_INDENTATION = re.compile(r"\n\s+")
_SCRIPT = re.compile(r'<script type="module" src="/static/([^"]+)"></script>')


class Asset(Struct, frozen=True, dict=True):
    """A file as it is sent.

    It is compressed when somebody first asks for it: all of static/ takes longer than the rest of a start does.
    """

    content_type: str
    plain: bytes
    digest: str
    small: bool
    """By brotli, too, which is worth its time for what every visitor of the page gets."""

    @cached_property
    def bodies(self) -> Mapping[str, bytes]:
        """Its bytes by encoding, plain ones by "" and last, each smaller than the next; a tenth of a second of work."""
        bodies = {"": self.plain}
        if self.content_type not in _PACKED:
            bodies = {"gzip": gzip.compress(self.plain, 9, mtime=0)} | bodies
            if self.small:
                bodies = {"br": brotli.compress(self.plain, mode=brotli.MODE_TEXT, quality=11)} | bodies
        least = LEAST_GAIN * len(self.plain)
        return {name: body for name, body in bodies.items() if not name or len(body) < least}

    @property
    def ready(self) -> bool:
        """Whether `bodies` are at hand."""
        return "bodies" in vars(self)

    def etag(self, encoding: str) -> str:
        """Strong, so not the same for different bytes (RFC 9110 section 8.8.3)."""
        return f'"{self.digest}{encoding and "."}{encoding}"'


class Assets(Struct, frozen=True):
    """`files` by their path below /static/, the release's with its name before; `pages`, which have addresses of their
    own, by file name; the addresses of the chat page's `words` by language.
    """

    release: str
    files: Mapping[str, Asset]
    pages: Mapping[str, Asset]
    words: Mapping[str, str]


@cache
def load(folder: Path, told: tuple[tuple[str, str], ...] = ()) -> Assets:
    """Read and join once in a process, before it forks. Raises `ModuleError` for modules that can't be joined.

    `told` are attributes of the chat page's <html>, and of the operator's, by name, beside those that stand there.
    """
    sources = {str(path.relative_to(folder)): path.read_bytes() for path in _visible(folder)}
    attributes = "".join(f' {name}="{html.escape(value)}"' for name, value in told)
    for page in sources.keys() & {PAGE, ADMIN}:
        sources[page] = sources[page].replace(b"<html", b"<html" + attributes.encode(), 1)
    pages = {}
    if DOCUMENT in sources:
        frames = asyncapi.document()
        sources[REFERENCE] = reference.page(json.loads(sources[DOCUMENT]), frames).encode()
        pages = {DOCUMENT: sources[DOCUMENT], ASYNCAPI: json.dumps(frames, indent=2, ensure_ascii=False).encode()}
    pages |= {path: text for path, text in sources.items() if path.endswith(".html")}
    files = {path: _asset(path, content) for path, content in sources.items()}
    release = ""
    if PAGE in sources:
        released, kept = _released(sources)
        root = {path: sources[path] for path in (PAGE, MANIFEST, WORKER, WORKER_OFF, EMBED) if path in sources}
        root |= {path: text for path, text in released.items() if path in root}
        release = "v-" + _digest(released | root)
        files |= {f"{release}/{path}": _asset(path, content, small=True) for path, content in released.items()}
        pages |= {path: _at_root(path, text.decode(), release, kept).encode() for path, text in root.items()}
    words = {match[1]: f"/static/{release}/{path}" for path in sources if (match := _WORDS.fullmatch(path))}
    assets = {path: _asset(path, content, small=path == PAGE) for path, content in pages.items()}
    return Assets(release, files, assets, words)


def _visible(folder: Path) -> Iterator[Path]:
    """Its files, those in folders below, too; nothing hidden, and nothing that a link leads to."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden and not path.is_symlink():
            yield path


def _released(sources: Mapping[str, bytes]) -> tuple[dict[str, bytes], list[str]]:
    """What the release holds, by path in it; and which of that the chat page asks for, now or later."""
    page = sources[PAGE].decode()
    texts = {path: text.decode() for path, text in sources.items() if path.endswith(".css")}
    texts |= {path: modules.uncommented(text.decode()) for path, text in sources.items() if path.endswith(".js")}
    written = dict(texts)
    kept = dict.fromkeys(_NAMED.findall(_SHEETS.sub(_first, page)))
    for entry in _SCRIPT.findall(page):
        written |= modules.joined(entry, texts)
        kept |= dict.fromkeys(modules.files(entry, texts))
    for links in _SHEETS.findall(page):
        sheets = _NAMED.findall(links)
        written[sheets[0]] = "".join(texts[sheet] for sheet in sheets)
    if EMBED in texts:
        written |= {f"{EMBEDDED}/{path}": text for path, text in modules.joined(_WIDGET, texts).items()}
    released = {path: text for path, text in sources.items() if not path.endswith(_UNRELEASED)}
    return released | {path: text.encode() for path, text in minified(written).items()}, list(kept)


def _at_root(path: str, text: str, release: str, kept: list[str]) -> str:
    """Every address one of the release; in the page one link for each run of sheets; before the worker, who it is."""
    place = f"/static/{release}/"
    if path == WORKER:
        says = json.dumps({"name": release, "files": [place + name for name in kept]})
        return f"self.release = {says};\n{text}"
    if path == PAGE:
        text = _INDENTATION.sub("\n", _SHEETS.sub(_first, text))
    if path == EMBED:
        return text.replace('"./', f'"{place}{EMBEDDED}/')
    return text.replace('"/static/', f'"{place}')


def _first(links: re.Match[str]) -> str:
    return links[0].partition("\n")[0] + "\n"


def _asset(path: str, content: bytes, *, small: bool = False) -> Asset:
    return Asset(
        CONTENT_TYPES.get(Path(path).suffix, "application/octet-stream"), content, _digest({"": content}), small
    )


def _digest(contents: Mapping[str, bytes]) -> str:
    whole = hashlib.sha256()
    for path, content in sorted(contents.items()):
        whole.update(b"%s\0%d\0%s" % (path.encode(), len(content), content))
    return whole.hexdigest()[:16]
