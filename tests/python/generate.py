"""Writes the Python client's frames from the service's: `python -m tests.python.generate`.

What the service validates a client takes as it comes, so that a later release may send more: limits of lengths and
numbers are left out, codes are texts. A field that may lack is None.
"""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "service" / "protocol.py"
MADE = ROOT / "clients" / "python" / "parley_client" / "protocol.py"

CONSTANTS = ("VERSION", "SUBPROTOCOL", "PAGE_LIMIT", "PAGE_DEFAULT", "REQUESTS")
BASES = {"Request", "Frame", "Event", "Struct"}
PLAIN = {"Count": "int", "Seq": "int", "Limit": "int"}
PLAIN |= dict.fromkeys(("ClientId", "Reference", "Epoch", "UserId", "Kind"), "str")
LATER = {"ErrorCode", "Action", "ResetReason"}
"""What may have more members one day: texts, in what the service sends."""
HEAD = '''"""The frames and codes of the contract (docs/protocol.md), as the service's own source has them.

Made by `python -m tests.python.generate`; not to be edited.
"""

import enum

from msgspec import Struct

'''


class _Types(ast.NodeTransformer):
    """An annotation as a client has it."""

    def __init__(self, received: bool) -> None:
        self.received = received

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if self.received and node.id in LATER:
            return ast.Name("str")
        return ast.Name(PLAIN.get(node.id, {"Sequence": "list", "UnsetType": "None"}.get(node.id, node.id)))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return ast.Name({"Raw": "Message"}[node.attr])

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == "Annotated":
            assert isinstance(node.slice, ast.Tuple)
            found: ast.AST = self.visit(node.slice.elts[0])
            return found
        return self.generic_visit(node)


def _named(node: ast.stmt) -> str:
    if isinstance(node, ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return ""


def _class(node: ast.ClassDef) -> ast.ClassDef | None:
    """A struct or an enum for clients; None for what is the service's own."""
    bases = {base.id if isinstance(base, ast.Name) else ast.unparse(base) for base in node.bases}
    if node.name.startswith("_") or not bases & (BASES | {"enum.IntEnum", "enum.StrEnum"}):
        return None
    received = "Frame" in bases or "Event" in bases
    node.keywords = [keyword for keyword in node.keywords if keyword.arg != "omit_defaults"]
    if node.name == "Request":
        node.keywords.append(ast.keyword("omit_defaults", ast.Constant(True)))
    elif received or node.name in ("Frame", "Event"):
        node.keywords.append(ast.keyword("frozen", ast.Constant(True)))
    if node.name == "Frame":
        node.body = [ast.Expr(ast.Constant("A server's frame. Fields that may lack are None then."))]
    if node.name == "Event":
        node.body[0] = ast.Expr(ast.Constant("What every durable event has."))
    for field in node.body:
        if isinstance(field, ast.AnnAssign):
            field.annotation = _Types(received).visit(field.annotation)
            if isinstance(field.value, ast.Name) and field.value.id == "UNSET":
                field.value = ast.Constant(None)
    return node


def module() -> str:
    """The client's module, as the linter wants it to look."""
    kept: list[ast.stmt] = []
    for node in ast.parse(SOURCE.read_text()).body:
        if isinstance(node, ast.ClassDef):
            made = _class(node)
            if made is not None:
                kept.append(made)
        elif _named(node) in CONSTANTS:
            kept.append(node)
    # `Joined` has messages, which stand behind it.
    events = [node for node in kept if _is_event(node)]
    first = next(index for index, node in enumerate(kept) if _named(node) == "Joined")
    kept = [*kept[:first], *events, *(node for node in kept[first:] if node not in events)]
    frames = [_named(node) for node in kept if isinstance(node, ast.ClassDef) and _is(node, "Frame")]
    union = f"FRAMES = {' | '.join([*frames, *(_named(node) for node in events[1:])])}\n"
    body = "\n\n".join(ast.unparse(ast.fix_missing_locations(node)) for node in kept)
    return _formatted(f"{HEAD}{body}\n\n{union}")


def _is(node: ast.ClassDef, base: str) -> bool:
    return any(isinstance(one, ast.Name) and one.id == base for one in node.bases)


def _is_event(node: ast.stmt) -> bool:
    return isinstance(node, ast.ClassDef) and (node.name == "Event" or _is(node, "Event"))


def _formatted(text: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(MADE), "-"]
    return subprocess.run(command, input=text, cwd=ROOT, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    MADE.write_text(module())
