"""The page at `/docs`: what openapi.json and asyncapi.json say, for people. HTML by escaping, no script. No I/O."""

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any

Json = dict[str, Any]

DOCUMENTED_METHODS = ("get", "post", "put", "patch", "delete")
_HEAD = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>{title} for programs</title>
    <link rel="icon" href="/static/favicon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/static/page.css">
    <link rel="stylesheet" href="/static/reference.css">
  </head>
  <body>
    <main class="reference">
      <h1>{title} for programs</h1>
      <p>Version {version}. {description} To be read by programs: <a href="/openapi.json">openapi.json</a>,
        <a href="/asyncapi.json">asyncapi.json</a>.</p>
"""


def page(document: Json, frames: Json) -> str:
    """The page of a document of OpenAPI 3.1 and one of AsyncAPI 3.0."""
    info = {name: _text(str(document["info"][name])) for name in ("title", "version", "description")}
    body = (*_contents(document), *_http(document), *_socket(frames))
    return "\n".join((_HEAD.format(**info), *body, "    </main>\n  </body>\n</html>\n"))


def _contents(document: Json) -> Iterator[str]:
    yield "<nav><ul>"
    yield from (
        f'<li><a href="#tag-{tag["name"]}">{_text(tag["description"].rstrip("."))}</a></li>' for tag in document["tags"]
    )
    yield '<li><a href="#schemas">What bodies and answers are</a></li>'
    yield '<li><a href="#frames">Frames of the chat’s WebSocket</a></li></ul></nav>'


def _http(document: Json) -> Iterator[str]:
    for tag in document["tags"]:
        yield f'<h2 id="tag-{tag["name"]}">{_text(tag["description"].rstrip("."))}</h2>'
        for path, item in (document["paths"] | document.get("webhooks", {})).items():
            for method in DOCUMENTED_METHODS:
                if tag["name"] in item.get(method, {}).get("tags", ()):
                    yield from _operation(document, path, method, item)
    yield '<h2 id="schemas">What bodies and answers are</h2>'
    yield from _schemas(document["components"]["schemas"], "schema")


def _socket(frames: Json) -> Iterator[str]:
    channel = frames["channels"]["chat"]
    messages, schemas = frames["components"]["messages"], frames["components"]["schemas"]
    yield '<h2 id="frames">Frames of the chat’s WebSocket</h2>'
    yield f"<p><code>{escape(channel['address'])}</code>: {_text(channel['description'])}</p>"
    headers = channel["bindings"]["ws"]["headers"]["properties"]
    yield from _table((name, "in the handshake", header["description"]) for name, header in headers.items())
    for operation in frames["operations"].values():
        if _last(operation["channel"]) == "chat":
            yield from _exchange(operation, messages)
    yield "<h3>Where WebSockets are blocked</h3>"
    yield from _table(
        (f"<code>{one['address']}</code>", "the same frames", one["description"])
        for name, one in frames["channels"].items()
        if name != "chat"
    )
    yield '<h2 id="frame-schemas">What is in a frame</h2>'
    yield from _schemas(schemas, "frame")
    yield '<h2 id="error-codes">Codes of errors, and whether to try again</h2>'
    codes = messages["Error"]["x-error-codes"]
    yield from _table((f"<code>{one['code']}</code>", _text(one["again"]), one["when"]) for one in codes)
    yield '<h2 id="close-codes">Close codes, and what the client does</h2>'
    codes = channel["x-close-codes"]
    yield from _table((f"<code>{one['code']}</code>", _text(one["client"]), one["meaning"]) for one in codes)


def _exchange(operation: Json, messages: Json) -> Iterator[str]:
    """What one side sends, as the service sees it, and what it is answered."""
    way = {"receive": "client", "send": "service"}[operation["action"]]
    sent, answers = operation["messages"], operation.get("reply", {}).get("messages")
    yield f'<section><h3><span class="method">{way}</span> {_links(sent)}</h3><p>{_text(operation["summary"])}</p>'
    for one in sent:
        for example in messages[_last(one)].get("examples", ()):
            yield f"<pre><code>{escape(json.dumps(example['payload'], ensure_ascii=False))}</code></pre>"
    yield (f"<p>Answer: {_links(answers)}</p>" if answers else "") + "</section>"


def _links(messages: list[Json]) -> str:
    return ", ".join(_kind(one, "frame") for one in messages)


def _schemas(schemas: Json, anchor: str) -> Iterator[str]:
    """Each under an anchor of its own: both documents may have one of the same name."""
    for name, schema in schemas.items():
        yield f'<section id="{anchor}-{name}"><h3>{name}</h3>'
        yield from _schema(schema, anchor)
        yield "</section>"


def _operation(document: Json, path: str, method: str, item: Json) -> Iterator[str]:
    operation = item[method]
    yield f'<section id="{operation["operationId"]}">'
    yield f'<h3><span class="method {method}">{method.upper()}</span> <code>{escape(path)}</code></h3>'
    yield f"<p>{_text(operation['summary'])}</p>"
    if "description" in operation:
        yield f"<p>{_text(operation['description'])}</p>"
    parameters = [_resolved(document, one) for one in (*item.get("parameters", ()), *operation.get("parameters", ()))]
    yield from _table(  # headers are said once, above
        (f"{one['name']} <small>in the {one['in']}</small>", _kind(one["schema"]), one.get("description", ""))
        for one in parameters
        if one["in"] != "header"
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


def _schema(schema: Json, anchor: str) -> Iterator[str]:
    if "description" in schema:
        yield f"<p>{_text(schema['description'])}</p>"
    if "properties" not in schema:
        yield f"<p>{_kind(schema, anchor)}</p>"
        return
    required = schema.get("required", ())
    yield from _table(
        (
            name if name in required else f"{name} <small>optional</small>",
            _kind(field, anchor),
            field.get("description", ""),
        )
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


def _kind(schema: Json, anchor: str = "schema") -> str:
    """What values may be, as HTML."""
    if "$ref" in schema:
        return f'<a href="#{anchor}-{_last(schema)}">{_last(schema)}</a>'
    for several in ("anyOf", "oneOf"):
        if several in schema and all("required" not in one or "type" in one for one in schema[several]):
            return " or ".join(_kind(one, anchor) for one in schema[several])
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return ", ".join(f"<code>{escape(json.dumps(value))}</code>" for value in values)
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}), anchor)}"
    if schema.get("type") == "object" and "properties" in schema:
        fields = (f"{name}: {_kind(field, anchor)}" for name, field in schema["properties"].items())
        return "{" + ", ".join(fields) + "}"
    kinds = schema.get("type", "anything")
    words = [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(words) + _bounds(schema)


def _last(part: Json) -> str:
    """The name of what it refers to."""
    return str(part["$ref"].rpartition("/")[2])


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
