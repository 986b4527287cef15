"""A name that modules of service/ give to each other is defined in one of them: it means one thing wherever it is read.

A function may be called as another is if nobody takes it out of its module, of which it then says what: `marks.parse`.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator

from .test_layers import FILES, imported

_IN_BOTH = ("protocol", "signals")
SHARED: dict[str, tuple[tuple[str, ...], str]] = {
    "Moderate": (_IN_BOTH, "the request, beside the signal that it becomes"),
    "Presence": (_IN_BOTH, "the frame, beside the signal that it is made of"),
    "Read": (_IN_BOTH, "the request, beside the signal that it becomes"),
    "Typing": (_IN_BOTH, "the request, beside the signal that it becomes"),
    "Event": (
        ("brokers.log", "protocol"),
        "what a log keeps, beside what frames of it have; clients' code has the name",
    ),
}
"""Which modules define it, and why there is no better name."""
OF_EACH = {"logger", "T"}
"""What each module that has one has for itself."""


def named(body: list[ast.stmt]) -> Iterator[tuple[str, bool]]:
    """Public names that a module defines, each with whether it is a function."""
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, True
            case ast.ClassDef(name=name):
                yield name, False
            case ast.Assign(targets=targets):
                yield from ((leaf.id, False) for target in targets for leaf in _leaves(target))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name, False
            case ast.If(body=inner, orelse=other) | ast.Try(body=inner, orelse=other):
                yield from named([*inner, *other])


def _leaves(target: ast.expr) -> Iterator[ast.Name]:
    return (node for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))


def _package(module: str) -> str:
    return ".".join(("service", *module.split(".")[:-1]))


def defined_again(sources: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Public names to the modules that define them, where these are several; of functions, those imported alone."""
    where: dict[str, set[str]] = defaultdict(set)
    others: set[str] = set()  # what is not always a function
    for module, source in sources.items():
        for name, is_function in named(ast.parse(source).body):
            if not name.startswith("_") and name not in OF_EACH:
                where[name].add(module)
                others |= set() if is_function else {name}
    taken = {name for module, source in sources.items() for name in imported(source, _package(module))}
    alone = {name for name, modules in where.items() if any(f"service.{module}.{name}" in taken for module in modules)}
    return {
        name: tuple(sorted(modules))
        for name, modules in where.items()
        if len(modules) > 1 and (name in others or name in alone)
    }


def test_a_name_has_one_definition() -> None:
    """Whoever needs the same value imports it; whoever means something else says so."""
    sources = {name: path.read_text() for name, path in FILES.items()}
    assert defined_again(sources) == {name: modules for name, (modules, _) in SHARED.items()}


def test_every_form_of_definition_is_seen() -> None:
    """Classes, aliases, constants in rows, under a condition; functions if they are taken out of their module."""
    one = "class A: pass\nB = int\nC, D = 1, 2\nE: int = 1\nif B:\n    F = 1\ndef f(): G = 1\n_H = 1\nlogger = T = 1"
    assert set(defined_again({"one": one, "two": one})) == set("ABCDEF")
    assert defined_again({"one": one, "two": "from service import one\none.A()\none.f()"}) == {}
    twice = {"one": "def f(): pass", "two": "async def f(): pass"}
    assert defined_again(twice | {"three": "from service import one"}) == {}
    assert defined_again(twice | {"three": "def late():\n    from service.one import f as g"}) == {"f": ("one", "two")}
    assert defined_again(twice | {"two": "f = 1"}) == {"f": ("one", "two")}
