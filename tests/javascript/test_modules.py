"""Modules that are joined in one file are, as a parser reads them, the modules that were written."""

import json
from pathlib import Path

import pytest

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
