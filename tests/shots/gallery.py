"""The page that shows the pictures side by side."""

import html
from collections.abc import Iterable, Mapping

from .stage import Scene

_HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The page in all its states</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; background: #888; }
  nav { columns: 12rem; }
  a { color: inherit; }
  section { margin-top: 3rem; }
  h2 { margin: 0; }
  div { display: flex; gap: 1rem; align-items: start; overflow-x: auto; }
  img { height: 400px; width: auto; }
  .found { color: #600; white-space: pre-wrap; }
</style>
"""


def picture(scene: str, size: str, scheme: str) -> str:
    """The name of a file."""
    return f"{scene}-{size}-{scheme}.png"


def gallery(scenes: Iterable[Scene], variants: Iterable[tuple[str, str]], found: Mapping[str, list[str]]) -> str:
    """HTML: a section for each scene, with a picture for each size and scheme, and what was `found` wrong by name."""
    scenes, variants = list(scenes), list(variants)
    links = " ".join(f'<a href="#{one.name}">{one.name}</a><br>' for one in scenes)
    sections = [_section(one, variants, found.get(one.name, [])) for one in scenes]
    return "\n".join([_HEAD, f"<nav>{links}</nav>", *sections, "</html>\n"])


def _section(scene: Scene, variants: list[tuple[str, str]], found: list[str]) -> str:
    files = [picture(scene.name, *variant) for variant in variants]
    images = "".join(f'<a href="{file}"><img src="{file}" alt="{file}" loading="lazy"></a>' for file in files)
    wrong = f'<p class="found">{html.escape(chr(10).join(found))}</p>' if found else ""
    about = html.escape(scene.about)
    return f'<section id="{scene.name}"><h2>{scene.name}</h2><p>{about}</p>{wrong}<div>{images}</div></section>'
