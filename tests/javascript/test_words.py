"""static/page/words/ has all that the page says, in each language whole: no other file has words for people."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from .test_javascript import OPTIONS, ROOT, STATIC, node_source, tsc

WORDS = STATIC / "page" / "words"
LANGUAGES = sorted(path.stem for path in WORDS.glob("*.js") if not path.stem.endswith("-later"))
PAGE = sorted({STATIC / "page.js", *(STATIC / "page").glob("*.js")})
HTML = (STATIC / "index.html").read_text()


def catalogues(body: str, locale: str = "en") -> Any:
    """What a function's body gives in a browser that speaks this; it has `words`, and as `say` the rest of words.js."""
    source = f"""
        Object.defineProperty(globalThis, "navigator", {{ value: {{ languages: [{json.dumps(locale)}] }} }});
        const {{ learn, learnMore, words, ...say }} = await import("./static/page/words.js");
        const {{ speech }} = await import("./static/page/speech.js");
        await learn();
        await learnMore();
        console.log(JSON.stringify((() => {{ {body} }})()));
    """
    return json.loads(node_source(source))


SHAPE = """
    const shape = (value) => Array.isArray(value) ? value.map(shape)
        : value !== null && typeof value === "object"
            ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shape(inner)]))
        : typeof value === "string" && value.trim() === value && value !== "" ? "string" : typeof value;
    const { errors, ...rest } = words;
"""


def shell() -> set[str]:
    """The names of index.html's texts."""
    return set(catalogues("return Object.keys(words.shell);"))


def test_the_page_names_each_text_that_it_shows() -> None:
    """Every name in index.html has its words, and all words of the shell have a place there."""
    assert set(re.findall(r'data-(?:say|label|title|placeholder)="(\w+)"', HTML)) == shell()


def test_the_page_has_no_words_of_its_own() -> None:
    """But for those who have no JavaScript."""
    body = re.sub(r"<noscript>.*?</noscript>|<svg.*?</svg>|<kbd.*?</kbd>", "", HTML[HTML.index("<body>") :], flags=re.S)
    assert set("".join(re.findall(r">([^<]*)<", body)).split()) == {"#"}
    assert not re.findall(r' (?:aria-label|title|placeholder)="', body)


@pytest.mark.parametrize("path", PAGE, ids=lambda path: path.name)
def test_no_script_has_words_of_its_own(path: Path) -> None:
    """A string that begins with a capital and goes on after the word is for people."""
    code = re.sub(r"/\*.*?\*/", "", re.sub(r"(?m)(?<![:\"'`])//.*$", "", path.read_text()), flags=re.S)
    assert not re.findall(r"""["`>][A-Z][a-z’]*[ .,:!?…]+[^"`\n]*["`]""", code)
    labels = r"""(?:placeholder|title|textContent|ariaLabel|"aria-label")(?:: | = )["`]([^"`$]*\p{L}[^"`]*)["`]"""
    assert not re.findall(labels.replace(r"\p{L}", "[^\\W\\d_]"), code)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_says_all_of_it(language: str) -> None:
    """As many words as English, at the same places, none of them empty; the checker of types tells of the rest."""
    found = catalogues(SHAPE + "return [speech.language, shape(rest)];", language)
    assert found == [language, catalogues(SHAPE + "return shape(rest);")]


def test_a_language_that_lacks_words_or_has_others_is_not_accepted(tmp_path: Path) -> None:
    """By the checker of types, at any depth."""
    source = (WORDS / "de.js").read_text().replace('"../words.js"', f'"{STATIC}/page/words.js"')
    lacking = re.sub(r"^    noRoom: .*\n", "", source, flags=re.M)
    more = source.replace("    noRoom: ", '    noRooms: "",\n    noRoom: ')
    kind = re.sub(r"^    noRoom: .*$", "    noRoom: 1,", source, flags=re.M)
    for name, text in {"whole": source, "lacking": lacking, "more": more, "kind": kind}.items():
        (tmp_path / f"{name}.js").write_text(text)
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS, "include": ["*.js"]}))
    told = tsc("--project", str(tmp_path))
    assert set(re.findall(r"^(?:\S*/)?(\w+)\.js\(\d+,\d+\): error", told, re.M)) == {"lacking", "more", "kind"}, told


def test_what_the_service_says_is_known_by_its_words() -> None:
    """Those sentences of the service that have words of their own are in the service's, or the client's, sources."""
    codes = set(
        re.findall(r'"(\w+)"', (STATIC / "client" / "protocol.d.ts").read_text().split("ErrorCode =")[1].split(";")[0])
    )
    sources = "".join(path.read_text() for path in [*(ROOT / "service").rglob("*.py"), *STATIC.glob("client/*.js")])
    for language in set(LANGUAGES) - {"en"}:
        errors = set(catalogues("return Object.keys(words.errors);", language))
        assert codes < errors
        assert not {said for said in errors - codes if said not in sources}


PLURALS = {
    "en": {1: "1 person here", 2: "2 people here", 1234: "1,234 people here"},
    "de": {1: "1 Person hier", 2: "2 Leute hier", 1234: "1.234 Leute hier"},
    "ja": {1: "1 人が参加中", 2: "2 人が参加中", 1234: "1,234 人が参加中"},
    "ar-EG": {
        0: "لا أحد هنا",
        1: "شخص واحد هنا",
        2: "شخصان هنا",
        3: "٣ أشخاص هنا",
        11: "١١ شخصًا هنا",
        100: "١٠٠ شخص هنا",
        103: "١٠٣ أشخاص هنا",
    },
}


@pytest.mark.parametrize("locale", PLURALS)
def test_numbers_take_the_forms_of_their_language(locale: str) -> None:
    numbers = json.dumps(list(PLURALS[locale]))
    assert catalogues(f"return {numbers}.map(words.sidebar.here);", locale) == list(PLURALS[locale].values())


@pytest.mark.parametrize(
    ("locale", "date", "days"),
    [
        ("en-GB", "26 November 2026", ["Today", "Yesterday"]),
        ("de", "26. November 2026", ["Heute", "Gestern"]),
        ("ja", "2026年11月26日", ["今日", "昨日"]),
        ("ar-EG", "٢٦ نوفمبر ٢٠٢٦", ["اليوم", "أمس"]),
    ],
)
def test_dates_are_written_as_the_language_has_them(locale: str, date: str, days: list[str]) -> None:
    source = f"""
        Object.defineProperty(globalThis, "navigator", {{ value: {{ languages: [{json.dumps(locale)}] }} }});
        const {{ dayName, dayOf, moment }} = await import("./static/page/format.js");
        const [now, day] = [Date.now(), 86_400_000];
        const near = [now, dayOf(now) - day / 2].map((at) => dayName(dayOf(at)));
        console.log(JSON.stringify([moment(Date.UTC(2026, 10, 26, 12)), near]));
    """
    written, near = json.loads(node_source(source))
    assert date in written
    assert near == days


def test_names_and_rooms_turn_no_sentence_around() -> None:
    """They are isolated where the sentence, or a name, goes from right to left."""
    body = "return [words.typing.some(['Ada', 'ليلى']), words.ways.leave('garden'), say.refusal('No spam')];"
    assert catalogues(body) == ["Ada and \u2068ليلى\u2069 are typing…", "Leave #garden", "No spam."]
    assert catalogues(body, "ar") == ["⁨Ada⁩ و⁨ليلى⁩ يكتبان…", "مغادرة ⁨#garden⁩", "⁨No spam.⁩"]


@pytest.mark.parametrize(
    ("preferred", "language", "locale"),
    [
        (["de-AT", "en"], "de", "de-AT"),
        (["pt-BR", "ar-MA", "de"], "ar", "ar-MA"),
        (["xx", "tlh"], "en", "en"),
        (["constructor"], "en", "en"),
        (["JA-jp"], "ja", "JA-jp"),
        ([], "en", "en"),
    ],
)
def test_the_first_language_that_there_is_is_spoken(preferred: list[str], language: str, locale: str) -> None:
    """English, where there is none of them."""
    source = f"""
        Object.defineProperty(globalThis, "navigator", {{ value: {{ languages: {json.dumps(preferred)} }} }});
        const {{ speech }} = await import("./static/page/speech.js");
        console.log(JSON.stringify([speech.language, speech.locale]));
    """
    assert json.loads(node_source(source)) == [language, locale]


def test_no_sheet_has_a_left_and_a_right() -> None:
    """Sides are those of the text; a menu stands where its button is."""
    for path in [STATIC / "page.css", *sorted((STATIC / "page").glob("*.css"))]:
        sheet = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
        found = re.findall(r"(?m)^.*(?:[-\s](?:left|right)\b|\b-50%).*$", sheet)
        allowed = ["  left: var(--left);", "  text-align: right;"]
        assert [line for line in found if line not in allowed] == [], path.name
        four = re.findall(r"(?m)^\s+(?:padding|margin|inset): ([^;]+);", sheet)
        for value in four:
            parts = re.findall(r"(?:[^\s()]+\((?:[^()]|\([^()]*\))*\)|[^\s()]+)", value)
            assert len(parts) < 4 or parts[1] == parts[3], (path.name, value)
