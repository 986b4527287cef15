"""Modules that are joined in one file are, as a parser reads them, those that were written; small, they do the same."""

import json
from pathlib import Path

import pytest

from service.assets.minified import minified
from service.assets.modules import joined, uncommented

from .test_javascript import STATIC, node

SAMPLES = {
    "entry.js": """
/**
 * The beginning.
 * @module
 */
import { one, two as second } from "./lib/a.js";
import "./lib/b.js";
import {
  three,
} from "./lib/b.js";
// A line alone.
const text = `a template
with ${second(`another // no comment ${three}`)} in it`; // behind something
export const shown = [one, text, /[/*]\\//.source];
export async function later() {
  const { lazy } = await import("./lib/lazy.js");
  return lazy;
}
""",
    "lib/a.js": """
export { three as third } from "./b.js";
export class Thing {
  /* within */ #secret = 1;
  #other = 2;
  get secret() { return this.#secret; }
  has(one) { return #other in one && `${`}${{ a: this.#secret }.a}`}` !== "#secret"; }
  static rate(a, b) { return a / b / 2 + +a - -b + (/[/"]`/g.test(a) ? 1 : 0) }
  keep = (a) =>
    a
  last = (a) => { let b = a
    ++b
    return b }
}
export const one = new Thing();
export function two(value) { return `<${value}>`; }
export function* some() { yield one; }
""",
    "lib/lazy.js": "export const lazy = 1;\n",
    "lib/b.js": "const three = 3, four = 4;export{three,four as fourth};\n",
}


def compared(served: str, folder: Path, entry: str, tmp_path: Path) -> tuple[list[str], list[str]]:
    """The modules of a joined file, and in what they are not what stands in `folder`."""
    file = tmp_path / "joined.mjs"
    file.write_text(served)
    told = node("compare.js", str(file), str(folder), entry)
    told.check_returncode()
    found = json.loads(told.stdout)
    return found["paths"], found["troubles"]


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    folder = tmp_path / "samples"
    for path, text in SAMPLES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def joined_samples() -> str:
    return joined("entry.js", SAMPLES)["entry.js"]


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ("page.js", {"page.js", "client/core.js", "page/log.js", "page/formatted.js"}),
        ("embed/mount.js", {"embed/mount.js", "client/core.js", "page/words/ar.js", "page/links.js"}),
    ],
)
def test_a_script_is_what_was_written(entry: str, wanted: set[str], tmp_path: Path) -> None:
    """All modules that it imports or loads later, each once and whole."""
    sources = {str(path.relative_to(STATIC)): uncommented(path.read_text()) for path in STATIC.rglob("*.js")}
    found: list[str] = []
    for script, text in joined(entry, sources).items():
        if "=(()=>{" in text:
            paths, troubles = compared(text, STATIC, script, tmp_path)
            assert troubles == [], script
            found += paths
    assert wanted <= set(found)
    assert len(found) == len(set(found))


def test_each_form_of_import_and_export_is_kept(samples: Path, tmp_path: Path) -> None:
    """Renamed, from another module, in lists, of every kind; texts that look like comments, too."""
    assert compared(joined_samples(), samples, "entry.js", tmp_path) == (["lib/b.js", "lib/a.js", "entry.js"], [])


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("// no comment", "no comment"),
        ("yield one", "yield 1"),
        ("three:three", "three:four"),
        ("two: second", "one: second"),
        ('import("./lib/lazy.js")', 'import("./lazy.js")'),
        ("#other = 2", "#other = 1"),
        ("this.#secret", "this.#other"),
    ],
)
def test_a_difference_is_seen(samples: Path, tmp_path: Path, written: str, instead: str) -> None:
    """In what is done, taken, given, or loaded later."""
    served = joined_samples().replace("{three,fourth:four}", "{three:three,fourth:four}")
    assert written in served
    assert compared(served.replace(written, instead, 1), samples, "entry.js", tmp_path)[1] != []


# -- made small

WRITTEN_OUT = ["CallExpression abs", "text abs"]  # Math.abs(a) is sent as a<0?-a:a


def differences(written: dict[str, str], sent: dict[str, str], folder: Path) -> list[list[str | int]]:
    """In what they do: path, what, and how often in either."""
    for name, texts in (("written", written), ("sent", sent)):
        for path, text in texts.items():
            (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / path).write_text(text)
    told = node("effects.js", str(folder / "written"), str(folder / "sent"))
    told.check_returncode()
    found: list[list[str | int]] = json.loads(told.stdout)
    return [one for one in found if one[1] not in WRITTEN_OUT]


def served_scripts() -> dict[str, str]:
    """All scripts of a release as they are before they are made small."""
    sources = {str(path.relative_to(STATIC)): uncommented(path.read_text()) for path in STATIC.rglob("*.js")}
    embedded = {f"embedded/{path}": text for path, text in joined("embed/mount.js", sources).items()}
    return sources | joined("page.js", sources) | embedded


def test_what_is_made_small_does_what_was_written(tmp_path: Path) -> None:
    """As often: no call, no text, nothing that is set, awaited or thrown is missing, or there twice."""
    written = served_scripts()
    assert differences(written, minified(written), tmp_path) == []


@pytest.mark.parametrize(
    "text",
    [
        "on(({ state }) => void (state === 'waiting' && go()));",  # what the minifier takes for nothing
        "f(x => { void (x || go()); });",
    ],
)
def test_a_call_that_is_lost_is_seen(text: str, tmp_path: Path) -> None:
    """tdewolff-minify 2.24.12 leaves it out; if a later one doesn't, `void (…)` may be written again."""
    assert differences({"a.js": text}, minified({"a.js": text}), tmp_path) != []
