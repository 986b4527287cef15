"""service/assets/: what a browser is sent of static/: compressed, by names for good, modules as one."""

import gzip
import json
import re
import struct
from collections import Counter
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.assets.minified import minified
from service.assets.modules import ModuleError, graph, joined, uncommented
from service.assets.negotiation import language, preferred
from service.assets.release import EMBED, EMBEDDED, load
from service.errors import ConfigError
from service.pages import STATIC

from .serving import serving

IMMUTABLE = "public, max-age=31536000, immutable"


# -- encodings


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0.8, gzip;q=1.0, *;q=0.1", "gzip"),
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("gzip ; q=0.001", "gzip"),
        ("gzip;q=0", ""),
        ("gzip;q=0.000, *;q=0", ""),
        ("*;q=0", ""),
        ("zstd", ""),
        ("identity", ""),
        ("identity, gzip", "gzip"),
        ("gzip;q=0.5, identity", ""),
        ("gzip;q=0.5, identity;q=0.5", "gzip"),
        ("identity;q=0, *", "br"),
        ("gzip;q=nonsense", ""),
        ("gzipped", ""),
        (";gzip", ""),
    ],
)
def test_what_a_client_takes(accepted: str, encoding: str) -> None:
    """By weight, the smaller of two alike; what isn't well formed counts for nothing."""
    assert preferred(accepted, ["br", "gzip"]) == encoding


def test_what_is_not_offered_is_not_sent() -> None:
    """Whatever is asked for."""
    assert preferred("br, gzip", ["gzip"]) == "gzip"
    assert preferred("br", ["gzip"]) == preferred("*", []) == ""


@given(st.text(max_size=60))
def test_any_header_is_read(accepted: str) -> None:
    """Whatever somebody sends is an answer, and only who names an encoding or everything gets one."""
    encoding = preferred(accepted, ["br", "gzip"])
    assert not encoding or encoding in accepted.lower() or "*" in accepted


UNPACK = {"br": brotli.decompress, "gzip": gzip.decompress}


async def encoded(path: str, *encodings: str) -> None:
    """Each encoding of what is at `path`: bytes, lengths, tags, HEAD, 304."""
    async with serving() as it:
        plain = await it.fetch(path)
        answers = {"": plain} | {name: await it.fetch(path, Accept_Encoding=name) for name in encodings}
        assert len({answer.headers["ETag"] for answer in answers.values()}) == len(answers)
        for encoding, answer in answers.items():
            wanted = {"Accept_Encoding": encoding} if encoding else {}
            assert answer.code == 200 and answer.headers.get("Content-Encoding", "") == encoding
            assert answer.body == plain.body or UNPACK[encoding](answer.body) == plain.body
            assert not encoding or len(answer.body) < len(plain.body)
            assert answer.headers["Content-Type"] == plain.headers["Content-Type"]
            tag = answer.headers["ETag"]
            assert not tag.startswith("W/")
            assert "Accept-Encoding" in answer.headers["Vary"].split(", ")
            assert int(answer.headers["Content-Length"]) == len(answer.body)
            head = await it.fetch(path, "HEAD", **wanted)
            for name in ("Content-Length", "Content-Type", "Cache-Control", "ETag", "Vary"):
                assert head.headers[name] == answer.headers[name], name
            assert head.headers.get("Content-Encoding") == answer.headers.get("Content-Encoding")
            assert head.body == b""
            for asked in (tag, f"W/{tag}", f'"other", {tag}', "*"):
                same = await it.fetch(path, If_None_Match=asked, **wanted)
                assert (same.code, same.body, same.headers["ETag"]) == (304, b"", tag)
                assert "Accept-Encoding" in same.headers["Vary"]
                assert same.headers["Cache-Control"] == answer.headers["Cache-Control"]
                assert "Content-Encoding" not in same.headers
            for other in answers.values():
                if other is not answer:
                    assert (await it.fetch(path, If_None_Match=other.headers["ETag"], **wanted)).code == 200


@pytest.mark.parametrize("path", ["/clock.html", "/room", "/static/client.js", "/static/page.css"])
async def test_pages_and_files_are_compressed_for_those_who_take_it(path: str) -> None:
    """Each encoding has a tag of its own, and HEAD and 304 are those of the encoding."""
    await encoded(path, "gzip")


@pytest.mark.parametrize("path", ["/", "/r/lobby", "/static/{}/page.js", "/static/{}/page.css"])
async def test_the_chat_page_is_compressed_by_brotli_too(path: str) -> None:
    """What every visitor gets."""
    await encoded(path.format(load(STATIC).release), "br", "gzip")


async def test_what_says_that_nothing_is_there_is_compressed_too() -> None:
    """The page for people; the answer stays 404 and has no tag."""
    async with serving() as it:
        response = await it.fetch("/nothing", Accept="text/html", Accept_Encoding="gzip")
        assert (response.code, response.headers["Content-Encoding"]) == (404, "gzip")
        assert gzip.decompress(response.body) == (STATIC / "missing.html").read_bytes()
        assert set(response.headers["Vary"].split(", ")) == {"Accept", "Accept-Encoding"}
        assert "ETag" not in response.headers


async def test_nothing_that_is_somebody_s_is_compressed() -> None:
    """A secret beside what an attacker chose would show in the length (BREACH)."""
    async with serving() as it:
        name = "Ada " * 15
        for path, method, body in (
            ("/tickets", "POST", {"name": name}),
            ("/rooms", "GET", None),
            ("/nothing", "GET", None),
            ("/healthz", "GET", None),
            ("/metrics", "GET", None),
        ):
            response = await it.fetch(path, method, body, Accept_Encoding="gzip, deflate, br, *")
            assert "Content-Encoding" not in response.headers, path


async def test_a_range_is_one_of_the_encoding() -> None:
    """Of the bytes that would be sent without it; and of none, where the client has other bytes than ours."""
    async with serving() as it:
        path = "/static/client.js"
        for wanted in ({}, {"Accept_Encoding": "gzip"}):
            whole = await it.fetch(path, **wanted)
            size, tag = len(whole.body), whole.headers["ETag"]
            part = await it.fetch(path, Range="bytes=10-99", **wanted)
            assert (part.code, part.headers["Content-Range"]) == (206, f"bytes 10-99/{size}")
            assert part.body == whole.body[10:100] and part.headers["ETag"] == tag
            assert (await it.fetch(path, Range="bytes=-5", **wanted)).body == whole.body[-5:]
            assert (await it.fetch(path, Range=f"bytes={size}-", **wanted)).code == 416
            assert (await it.fetch(path, Range="bytes=10-99", If_Range=tag, **wanted)).code == 206
            for other in ('"other"', f"W/{tag}", "Thu, 26 Nov 2026 10:00:00 GMT"):
                answer = await it.fetch(path, Range="bytes=10-99", If_Range=other, **wanted)
                assert (answer.code, answer.body) == (200, whole.body)
            ended = await it.fetch(path, If_Modified_Since="Thu, 26 Nov 2099 10:00:00 GMT", **wanted)
            assert ended.code == 200  # there are no dates: the tag alone counts


# -- names for good


async def test_the_page_has_its_files_by_names_for_good() -> None:
    """One script, one style sheet, one more for later; all that it names is there, and may be kept for a year."""
    async with serving() as it:
        page = (await it.fetch("/")).body.decode()
        named = re.findall(r'(?:src|href)="(/[^"]+)"', page)
        named.remove("/manifest.webmanifest")
        release = load(STATIC).release
        assert re.fullmatch(r"v-[0-9a-f]{16}", release)
        assert len([path for path in named if path.endswith(".css")]) == 2
        assert len(re.findall(r'<template id="later">\s*<link [^>]+>\s*</template>', page)) == 1
        assert page.count("<script") == 1 and "modulepreload" not in page
        for path in named:
            assert path.startswith(f"/static/{release}/")
            response = await it.fetch(path)
            assert (response.code, response.headers["Cache-Control"]) == (200, IMMUTABLE)
        for name in ("page.js", "page.css", "client.js"):
            assert (await it.fetch(f"/static/{name}")).headers["Cache-Control"] == "no-cache"


async def test_what_makes_an_app_of_the_page_is_at_its_root() -> None:
    """The manifest with its icons, whose sizes are true; the worker, who knows its release and no other."""
    async with serving() as it:
        assets = load(STATIC)
        answer = await it.fetch("/manifest.webmanifest")
        assert answer.headers["Content-Type"].startswith("application/manifest+json")
        icons = json.loads(answer.body)["icons"]
        assert {icon["purpose"] for icon in icons} == {"any", "maskable"}
        for icon in icons:
            image = await it.fetch(icon["src"])
            assert (image.code, image.headers["Content-Type"]) == (200, icon["type"])
            if icon["type"] == "image/png":
                width, height = struct.unpack(">II", image.body[16:24])
                assert icon["sizes"] == f"{width}x{height}"
        worker = await it.fetch("/worker.js")
        assert worker.headers["Cache-Control"] == "no-cache"
        assert worker.headers["Content-Type"].startswith("text/javascript")
        (line,) = re.findall(r"^self\.release = (.*);$", worker.body.decode(), re.MULTILINE)
        release = json.loads(line)
        assert release["name"] == assets.release
        page = (await it.fetch("/")).body.decode()
        assert set(re.findall(r'"(/static/[^"]+)"', page)) < set(release["files"])
        for path in release["files"]:
            assert path.removeprefix("/static/") in assets.files
            assert path.startswith(f"/static/{assets.release}/")
    async with serving({"SERVICE_WORKER": "0"}) as it:
        assert b"unregister()" in (await it.fetch("/worker.js")).body


def test_a_first_view_is_light() -> None:
    """With headers and the API's answers, 4 kB, it is within 50 kB, and all that comes by itself within 80."""
    assets = load(STATIC)
    smallest = {path: min(map(len, asset.bodies.values())) for path, asset in {**assets.files, **assets.pages}.items()}
    page = assets.pages["index.html"].plain.decode()
    (later,) = re.findall(r"<template.*?</template>", page, re.DOTALL)
    words = {name: smallest[f"{assets.release}/page/words/{name}.js"] for name in ("en", "en-later")}
    first = (
        words["en"]
        + smallest["index.html"]
        + sum(
            smallest[path]
            for path in set(re.findall(r'(?:src|href)="/static/([^"]+)"', page.replace(later, "")))
            if path.endswith((".js", ".css", "favicon.svg"))
        )
    )
    assert first <= 46_000
    behind = words["en-later"] + sum(smallest[f"{assets.release}/page/{name}.js"] for name in ("hands", "formatted"))
    assert first + behind + smallest["worker.js"] + smallest["index.html"] <= 76_000


@pytest.mark.parametrize("language", ["en", "de", "ar", "ja"])
def test_an_embedded_chat_is_light(language: str) -> None:
    """What its first view loads, with gzip alone, is under 30 KiB; in English under 30,000 bytes."""
    assets = load(STATIC)
    files = [assets.pages[EMBED]]
    for path in ("embed/mount.js", f"page/words/{language}.js", f"embed/words/{language}.js"):
        files.append(assets.files[f"{assets.release}/{EMBEDDED}/{path}"])
    size = sum(len(asset.bodies.get("gzip", asset.plain)) for asset in files)
    assert size < (30_000 if language == "en" else 30 * 1024)
    mounted = files[1].plain.decode()
    assert not re.findall(r'\bimport\b[^(]*?from"', mounted)
    assert 'import("../page/links.js")' in mounted  # what most never need


async def test_every_page_may_import_what_embeds_the_chat_and_nothing_else() -> None:
    """The script by its address, checked each time; its parts for good. What says nothing to others stays ours."""
    known = ("https://www.example.com", "capacitor://localhost", "tauri://localhost", "chrome-extension://abcdefgh")
    async with serving({"ALLOWED_ORIGINS": ",".join(("http://127.0.0.1", *known))}) as it:
        for origin in (*known, "https://evil.example", "capacitor://elsewhere", "null"):
            allowed = origin if origin in known else "*"
            script = await it.fetch("/embed.js", Origin=origin)
            assert (script.code, script.headers["Cache-Control"]) == (200, "no-cache")
            assert script.headers["Content-Type"].startswith("text/javascript")
            assert script.headers["Access-Control-Allow-Origin"] == allowed
            (part,) = re.findall(r'from"(/static/[^"]+)"', script.body.decode())
            answer = await it.fetch(part, Origin=origin)
            assert (answer.code, answer.headers["Cache-Control"]) == (200, IMMUTABLE)
            assert answer.headers["Access-Control-Allow-Origin"] == allowed
            for path in ("/static/client.js", f"/static/{load(STATIC).release}/page.js", "/", "/healthz"):
                assert (await it.fetch(path, Origin=origin)).headers.get("Access-Control-Allow-Origin") != "*"


COLOUR = r"--([a-z-]+): (?:var\(--parley-[a-z-]+, )?(light-dark\([^()]*\))"
TYPE = r"--((?:type|leading|weight)[a-z0-9-]*): ([\d.]+(?:px)?);"


def test_an_embedded_chat_has_the_page_s_colours_and_type() -> None:
    """Each token by the value that static/page.css has for it; all that it sets type in are such."""
    for token, some in (
        (COLOUR, {"text", "accent", "danger", "line"}),
        (TYPE, {"type-body", "leading", "weight-strong"}),
    ):
        page = dict(re.findall(token, (STATIC / "page.css").read_text()))
        embedded = dict(re.findall(token, (STATIC / "embed" / "sheet.js").read_text()))
        assert some <= embedded.keys()
        assert embedded.items() <= page.items()


def test_type_is_set_in_tokens() -> None:
    """Sizes that aren't those of what they stand in, and whatever stands in more than one place.

    The pages of the guide, which have two sizes each, have sheets of their own.
    """
    guides = {STATIC / "room.css", STATIC / "clock.css"}
    counts: Counter[str] = Counter()
    for sheet in {*STATIC.rglob("*.css"), STATIC / "embed" / "sheet.js"} - guides:
        rules = r"(?<![-\w])(font|font-size|font-weight|line-height|letter-spacing): ([^;}]+);"
        for name, value in re.findall(rules, sheet.read_text()):
            sizes = re.findall(r"(?<![\w.])[\d.]+(?:px|pt)", value) if name.startswith("font") else []
            assert not sizes, f"{sheet.name}: {name}: {value}"
            if re.fullmatch(r"-?[\d.]+(?:px|em)?", value) and value != "1":
                counts[f"{name}: {value}"] += 1
    assert counts
    assert not {rule for rule, count in counts.items() if count > 1}


@pytest.mark.parametrize(
    ("accepted", "wanted"),
    [
        ("", ""),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("pt-BR,pt;q=0.9,AR;q=0.5,en;q=0.4", "ar"),
        ("en;q=0.2, ja;q=0.7", "ja"),
        ("de;q=0, en", "en"),
        ("fr, *", ""),
        ('"de", ;;;, d e', ""),
    ],
)
def test_the_language_is_what_the_client_wants_most(accepted: str, wanted: str) -> None:
    """Of those that there are, whatever its region; without a word of any, none."""
    assert language(accepted, ["ar", "de", "en", "ja"]) == wanted


async def test_the_page_comes_with_the_words_of_its_reader() -> None:
    """The browser is told where they are, with the page; in English, where there are none of its languages."""
    async with serving() as it:
        for accepted, wanted in (("de-DE,de;q=0.9", "de"), ("ar", "ar"), ("tlh", "en"), ("", "en")):
            answer = await it.fetch("/r/garden", Accept_Language=accepted)
            path = load(STATIC).words[wanted]
            assert answer.headers["Link"] == f'<{path}>; rel="modulepreload"'
            assert "Accept-Language" in answer.headers["Vary"].split(", ")
            assert (await it.fetch(path)).headers["Cache-Control"] == IMMUTABLE
        assert "Link" not in (await it.fetch("/static/index.html")).headers


async def test_a_release_that_is_not_ours_is_not_there() -> None:
    """Files of two releases are never mixed; and that it isn't there is not kept."""
    async with serving() as it:
        for release in ("v-0123456789abcdef", "v-", "v"):
            response = await it.fetch(f"/static/{release}/client.js")
            assert (response.code, response.headers["Cache-Control"]) == (404, "no-store")


async def test_embedders_find_the_client_by_its_plain_name() -> None:
    """As it is written, modules apart."""
    async with serving() as it:
        for name in (
            "client.js",
            "client.d.ts",
            "client/client.js",
            "client/link.js",
            "client/bundle.js",
            "client/client.d.ts",
        ):
            assert (await it.fetch(f"/static/{name}")).body == (STATIC / name).read_bytes()


def small(folder: Path, **changes: str) -> Path:
    """A folder with a page of two modules and two sheets."""
    texts = {
        "index.html": '<link rel="stylesheet" href="/static/a.css">\n<link rel="stylesheet" href="/static/b.css">\n'
        '<template>\n<link rel="stylesheet" href="/static/c.css">\n<link rel="stylesheet" href="/static/d.css">\n'
        "</template>\n"
        '<img src="/static/x.svg">\n<script type="module" src="/static/main.js"></script>\n',
        "main.js": 'import { part } from "./lib/part.js";\npart(() => import("./lib/lazy.js"));\n',
        "lib/part.js": "// What it does.\nexport const part = (value) => value;\n",
        "lib/lazy.js": 'import { part } from "./part.js";\n// Later.\nexport const lazy = part;\n',
        "a.css": "a { color: red }\n",
        "b.css": "b { color: blue }\n",
        "c.css": "c { color: green }\n",
        "d.css": "d { color: grey }\n",
        "x.svg": "<svg/>",
        "y.js": "// of no page\n",
    } | changes
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_a_release_holds_all_in_its_order(tmp_path: Path) -> None:
    """The entry has its modules, the first sheet those after it; what is loaded later finds the same instances."""
    assets = load(small(tmp_path))
    files = {path: asset.plain.decode() for path, asset in assets.files.items()}
    release = f"{assets.release}/"
    assert files[release + "a.css"] == "a{color:red}b{color:blue}"
    assert files["a.css"] == "a { color: red }\n"
    assert files[release + "c.css"] == "c{color:green}d{color:grey}"  # these come later
    assert assets.pages["index.html"].plain.decode() == (
        f'<link rel="stylesheet" href="/static/{release}a.css">\n'
        f'<template>\n<link rel="stylesheet" href="/static/{release}c.css">\n</template>\n'
        f'<img src="/static/{release}x.svg">\n'
        f'<script type="module" src="/static/{release}main.js"></script>\n'
    )
    script = files[release + "main.js"]
    assert script.index("const e=e=>e;") < script.index('e(()=>import("./lib/lazy.js"))')
    assert files[release + "lib/lazy.js"] == (
        'import{$lib_part}from"../main.js";const $lib_lazy=(()=>{const{part:e}=$lib_part,t=e;return{lazy:t}})();'
        "export{$lib_lazy};export const{lazy}=$lib_lazy"
    )
    assert files[release + "lib/part.js"] == 'import{$lib_part}from"../main.js";export const{part}=$lib_part'
    assert files["lib/part.js"].startswith("// What it does.")


def test_what_the_page_is_told_is_part_of_the_release(tmp_path: Path) -> None:
    """So browsers that keep the page hear of it; whatever stands in a setting is text there."""
    folder = small(tmp_path, **{"index.html": '<html lang="en"><script type="module" src="/static/main.js"></script>'})
    plain, told = load(folder), load(folder, (("data-guests", "0"), ("data-sign-in", '/in?a=1&b="<x>')))
    assert told.release != plain.release
    page = told.pages["index.html"].plain.decode()
    assert page.startswith('<html data-guests="0" data-sign-in="/in?a=1&amp;b=&quot;&lt;x&gt;" lang="en"><script')
    assert load(folder, ()).pages["index.html"].plain.startswith(b'<html lang="en">')


def test_the_release_s_name_is_that_of_its_content(tmp_path: Path) -> None:
    """Whatever changes in it, the page itself among that, makes it another; the day and the folder don't."""
    names = [load(small(tmp_path / "one")).release, load(small(tmp_path / "again")).release]
    assert len(set(names)) == 1
    for number, (path, text) in enumerate(
        [
            ("index.html", '<script type="module" src="/static/main.js"></script>'),
            ("b.css", "b { color: green }\n"),
            ("lib/lazy.js", "export const lazy = 2;\n"),
            ("y.js", "1;\n"),
            ("z.js", ""),
        ]
    ):
        names.append(load(small(tmp_path / f"{number}", **{path: text})).release)
    assert len(set(names)) == 6


# -- modules


def test_what_comments_say_of_modules_is_none_of_the_code() -> None:
    """Comments in lines of their own; nothing within texts."""
    source = """/**
 * What `import("./this.js")` is.
 */
  // so
const a = "// no"; // yes
  /* @type {import("./that.js").One} */
const pattern = /[/*]/; // not here
/* one */ const b = 1;
"""
    assert uncommented(source).splitlines() == [
        'const a = "// no"; // yes',
        "const pattern = /[/*]/; // not here",
        "/* one */ const b = 1;",
    ]


def test_what_nobody_runs_is_left_out() -> None:
    """Comments, spaces and long names within; not what stands in texts, nor names that others may use."""
    script = "// what\nexport const told = (() => { const long = ' a  b '; return () => `${long} // c`; })();\n"
    sheet = "/* what */\n.a {\n  color: light-dark(#111, #eee);\n}\n"
    assert minified({"x/a.js": script, "a.css": sheet, "b.js": ""}) == {
        "x/a.js": 'export const told=(()=>{const e=" a  b ";return()=>`${e} // c`})()',
        "a.css": ".a{color:light-dark(#111,#eee)}",
        "b.js": "",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [("const a = `b;\n", "x/a.js: unterminated template .* line 1"), ("\nlet a = {;\n", "x/a.js: .* line 2")],
)
def test_what_is_no_script_is_said(text: str, says: str) -> None:
    """With the file and the place: the service does not start with half a page."""
    with pytest.raises(ConfigError, match=says):
        minified({"b.js": "1", "x/a.js": text})


def test_modules_stand_behind_what_they_import() -> None:
    """In the order in which a browser runs them."""
    sources = {
        "a.js": 'import { b } from "./b.js";\nimport { d } from "./d/d.js";\n',
        "b.js": 'import { c } from "./c.js";\nexport const b = c;\n',
        "c.js": "export const c = 1;\n",
        "d/d.js": 'export { c as d } from "../c.js";\nimport "../b.js";\n',
    }
    assert graph("a.js", sources) == ["c.js", "b.js", "d/d.js", "a.js"]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ('import { b } from "./b.js";\n', "b.js, which is not there"),
        ('import { a } from "./a.js";\n', "import each other: a.js -> a.js"),
        ('import * as b from "./c.js";\n', r"a.js: .*import \* as b"),
        ('import b from "./c.js";\n', "a.js: .*import b from"),
        ('import { b } from "elsewhere";\n', "a.js: .*elsewhere"),
        ("export default 1;\n", "a.js: .*export default 1;"),
        ("export let a = 1;\n", "a.js: .*export let a"),
        ('export * from "./c.js";\n', r"a.js: .*export \*"),
        ("const here = import.meta.url;\n", "a.js: .*import.meta"),
    ],
)
def test_what_cannot_be_joined_is_said(source: str, says: str) -> None:
    """With the file and the line: the service does not start with half a page."""
    sources = {"a.js": source, "c.js": "export const c = 1;\n"}
    with pytest.raises(ModuleError, match=says):
        joined("a.js", sources)


def test_two_modules_of_one_name_are_refused() -> None:
    """Names are made of paths, in which more may stand than in a name."""
    sources = {"a-b.js": "", "a_b.js": 'import "./a-b.js";\n'}
    with pytest.raises(ModuleError, match="called the same"):
        joined("a_b.js", sources)


def test_what_is_loaded_later_has_what_it_alone_needs() -> None:
    """What the page has is taken from the page; what two need is a file of its own; each module is in one file."""
    texts = joined(
        "x/main.js",
        {
            "x/main.js": 'import { own } from "./own.js";\nown(() => [import("../one.js"), import("./two.js")]);\n',
            "x/own.js": "export const own = () => 0;\n",
            "one.js": 'import { own } from "./x/own.js";\nimport { both } from "./both.js";\nexport { own, both };\n',
            "x/two.js": 'import { mine } from "./mine.js";\nimport { both } from "../both.js";\nmine(both);\n',
            "x/mine.js": 'export const mine = () => import("../one.js");\n',
            "both.js": "export class both {}\n",
        },
    )
    held = {path: re.findall(r"^const (\$\w+)=\(\(\)", text, re.MULTILINE) for path, text in texts.items()}
    assert {path: names for path, names in held.items() if names} == {
        "x/main.js": ["$x_own", "$x_main"],
        "one.js": ["$one"],
        "x/two.js": ["$x_mine", "$x_two"],
        "both.js": ["$both"],
    }
    taken = {path: re.findall(r'^import \{ (.+) \} from "(.+)";', text, re.MULTILINE) for path, text in texts.items()}
    assert taken == {
        "x/main.js": [],
        "x/own.js": [("$x_own", "./main.js")],
        "one.js": [("$x_own", "./x/main.js"), ("$both", "./both.js")],
        "x/two.js": [("$both", "../both.js")],
        "x/mine.js": [("$x_mine", "./two.js")],
        "both.js": [],
    }
    assert 'import("../one.js")' in texts["x/main.js"] and 'import("../one.js")' in texts["x/two.js"]
    assert texts["both.js"].endswith("export { $both };\nexport const { both } = $both;\n")


def test_assets_are_read_once(tmp_path: Path) -> None:
    """Requests read no files."""
    folder = small(tmp_path)
    before = load(folder)
    (folder / "a.css").write_text("")
    assert load(folder) is before
    assert json.dumps(sorted(before.pages)) == '["index.html"]'
