"""The page at `/docs`: what openapi.json says, for people. HTML by escaping, no script. No I/O."""

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any

Json = dict[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")
_HEAD = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>{title} over HTTP</title>
    <link rel="icon" href="/static/favicon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/static/page.css">
    <link rel="stylesheet" href="/static/reference.css">
  </head>
  <body>
    <main class="reference">
      <h1>{title} over HTTP</h1>
      <p>Version {version}. {description} For programs: <a href="/openapi.json">openapi.json</a>.</p>
"""


def page(document: Json) -> str:
    """The page; `document` is one of OpenAPI 3.1."""
    info = {name: _text(str(document["info"][name])) for name in ("title", "version", "description")}
    return "\n".join((_HEAD.format(**info), *_body(document), "    </main>\n  </body>\n</html>\n"))


def _body(document: Json) -> Iterator[str]:
    yield "<nav><ul>"
    yield from (
        f'<li><a href="#tag-{tag["name"]}">{_text(tag["description"].rstrip("."))}</a></li>' for tag in document["tags"]
    )
    yield '<li><a href="#schemas">What bodies and answers are</a></li></ul></nav>'
    for tag in document["tags"]:
        yield f'<h2 id="tag-{tag["name"]}">{_text(tag["description"].rstrip("."))}</h2>'
        for path, item in document["paths"].items():
            for method in METHODS:
                if tag["name"] in item.get(method, {}).get("tags", ()):
                    yield from _operation(document, path, method, item)
    yield '<h2 id="schemas">What bodies and answers are</h2>'
    for name, schema in document["components"]["schemas"].items():
        yield f'<section id="schema-{name}"><h3>{name}</h3>'
        yield from _schema(schema)
        yield "</section>"


def _operation(document: Json, path: str, method: str, item: Json) -> Iterator[str]:
    operation = item[method]
    yield f'<section id="{operation["operationId"]}">'
    yield f'<h3><span class="method {method}">{method.upper()}</span> <code>{escape(path)}</code></h3>'
    yield f"<p>{_text(operation['summary'])}</p>"
    if "description" in operation:
        yield f"<p>{_text(operation['description'])}</p>"
    parameters = [_resolved(document, one) for one in (*item.get("parameters", ()), *operation.get("parameters", ()))]
    yield from _table(
        (f"{one['name']} <small>in the {one['in']}</small>", _kind(one["schema"]), one.get("description", ""))
        for one in parameters
    )
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield f"<p>Body: {_kind(content['schema'])}</p>"
        for example in content.get("examples", {}).values():
            yield f"<pre><code>{escape(json.dumps(example['value'], indent=2, ensure_ascii=False))}</code></pre>"
    yield from _table(
        (status, _answer(document, answer), _resolved(document, answer)["description"])
        for status, answer in operation["responses"].items()
    )
    yield "</section>"


def _answer(document: Json, answer: Json) -> str:
    contents = _resolved(document, answer).get("content", {})
    return ", ".join(
        _kind(content["schema"]) if kind.startswith("application/json") else escape(kind)
        for kind, content in contents.items()
    )


def _schema(schema: Json) -> Iterator[str]:
    if "description" in schema:
        yield f"<p>{_text(schema['description'])}</p>"
    if "properties" not in schema:
        yield f"<p>{_kind(schema)}</p>"
        return
    required = schema.get("required", ())
    yield from _table(
        (name if name in required else f"{name} <small>optional</small>", _kind(field), field.get("description", ""))
        for name, field in schema["properties"].items()
    )


def _table(rows: Iterator[tuple[str, str, str]]) -> Iterator[str]:
    """The first two cells are HTML, the third is text."""
    cells = [f"<tr><td>{first}</td><td>{second}</td><td>{_text(third)}</td></tr>" for first, second, third in rows]
    if cells:
        yield "<table><tbody>" + "".join(cells) + "</tbody></table>"


def _text(text: str) -> str:
    """As HTML, with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _kind(schema: Json) -> str:
    """What values may be, as HTML."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#schema-{name}">{name}</a>'
    for several in ("anyOf", "oneOf"):
        if several in schema and all("required" not in one or "type" in one for one in schema[several]):
            return " or ".join(map(_kind, schema[several]))
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return ", ".join(f"<code>{escape(json.dumps(value))}</code>" for value in values)
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if schema.get("type") == "object" and "properties" in schema:
        return "{" + ", ".join(f"{name}: {_kind(field)}" for name, field in schema["properties"].items()) + "}"
    kinds = schema.get("type", "anything")
    words = [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(words) + _bounds(schema)


def _bounds(schema: Json) -> str:
    names = {"minLength": "at least", "maxLength": "at most", "minimum": "from", "maximum": "to", "default": "default"}
    said = [f"{word} {escape(str(schema[name]))}" for name, word in names.items() if schema.get(name) is not None]
    return f" <small>{', '.join(said)}</small>" if said else ""


def _resolved(document: Json, part: Json) -> Json:
    """What it refers to, if it does."""
    if "$ref" not in part:
        return part
    found: Any = document
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)
