"""static/page/words.js has all that the page says: no other file has sentences, and none of its words is unused."""

import json
import re
from pathlib import Path

import pytest

from .test_javascript import STATIC, node_source

PAGE = sorted({STATIC / "page.js", *(STATIC / "page").glob("*.js")} - {STATIC / "page" / "words.js"})
HTML = (STATIC / "index.html").read_text()


def shell() -> set[str]:
    """The names of index.html's texts."""
    script = "import { words } from './static/page/words.js'; console.log(JSON.stringify(Object.keys(words.shell)));"
    return set(json.loads(node_source(script)))


def test_the_page_names_each_text_that_it_shows() -> None:
    """Every name in index.html has its words, and all words of the shell have a place there."""
    assert set(re.findall(r'data-(?:say|label|title|placeholder)="(\w+)"', HTML)) == shell()


def test_the_page_has_no_words_of_its_own() -> None:
    """But for those who have no JavaScript."""
    body = re.sub(
        r"<noscript>.*?</noscript>|<svg.*?</svg>|<kbd>.*?</kbd>", "", HTML[HTML.index("<body>") :], flags=re.S
    )
    assert set("".join(re.findall(r">([^<]*)<", body)).split()) == {"#"}
    assert not re.findall(r' (?:aria-label|title|placeholder)="', body)


@pytest.mark.parametrize("path", PAGE, ids=lambda path: path.name)
def test_no_script_has_words_of_its_own(path: Path) -> None:
    """A string that begins with a capital and goes on after the word is for people."""
    code = re.sub(r"/\*.*?\*/", "", re.sub(r"(?m)(?<![:\"'`])//.*$", "", path.read_text()), flags=re.S)
    assert not re.findall(r"""["`>][A-Z][a-z’]*[ .,:!?…]+[^"`\n]*["`]""", code)
