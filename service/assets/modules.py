"""Several ES modules as one file, so that what a page needs at once costs one request and not one each.

The modules stand one after the other, each behind those that it imports, in a function of its own that answers its
exports; an import becomes the names taken from such an answer. No JavaScript is parsed for that: imports and exports
may have the forms below alone, each at the beginning of a line, and any other is an error. What comes of it is compared
with what was written, as a parser reads both, in tests/javascript/test_modules.py.
"""

import posixpath
import re
from collections.abc import Mapping
from functools import lru_cache

from service.errors import ConfigError

# Patterns begin with a word, where they can, and look at what stands before it then: that is searched for faster.
_NAMES = r"\{([^{}]*)\}"
_PATH = r'"(\.\.?/[^"\n]+)"'
_IMPORT = re.compile(rf"^import (?:{_NAMES} from )?{_PATH};$", re.MULTILINE)
_EXPORT_FROM = re.compile(rf"^export {_NAMES} from {_PATH};$", re.MULTILINE)
_EXPORT_LIST = re.compile(rf"export(?<![^\n;}}]export) ?{_NAMES};$", re.MULTILINE)  # minified ones end with it
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const) ([\w$]+))", re.MULTILINE)
_LINKAGE = re.compile(r"^(?:import|export)\b(?!\().*$", re.MULTILINE)
_ADDRESS = re.compile(r"import\.meta\b.*$", re.MULTILINE)  # that of the file, not of the module
_LATER = re.compile(rf"import\((?<=\bimport\(){_PATH}\)")
_COMMENT_LINES = re.compile(r"^[ \t]*(?://[^\n]*|/\*[^*]*\*+(?:[^/*][^*]*\*+)*/[ \t]*)\n", re.MULTILINE)
_KEPT = 256  # modules that are read more than once while they are joined


class ModuleError(ConfigError):
    """A module that can't be joined with others; the message says which line of it."""


def joined(entry: str, sources: Mapping[str, str]) -> dict[str, str]:
    """What to send for each module that `entry` imports, or loads later, by path.

    The entry has in it all that it imports. What is loaded later by `import("./it.js")` has in it what it alone
    imports. A module that stands in another's file has in its own place a few lines that lead there, so that there is
    one instance of each however it is asked for.
    """
    parts = files(entry, sources)
    homes = {path: file for file, paths in parts.items() for path in paths}
    texts = {path: _stand_in(path, sources[path], home) for path, home in homes.items()}
    return texts | {file: _join(paths, sources, homes) for file, paths in parts.items()}


def uncommented(source: str) -> str:
    """Without comments in lines of their own: what they say of modules, in types and examples, imports none."""
    return _COMMENT_LINES.sub("", source)


@lru_cache(_KEPT)
def imports(path: str, source: str) -> list[str]:
    """The modules that one names at its top, in its order; paths below the same folder as `path`."""
    found = [match for form in (_IMPORT, _EXPORT_FROM) for match in form.finditer(source)]
    return [_resolve(path, match[2]) for match in sorted(found, key=lambda match: match.start())]


def graph(entry: str, sources: Mapping[str, str]) -> list[str]:
    """`entry` and all that it imports, each behind what it imports itself: the order in which browsers run them."""
    ordered: list[str] = []
    under_way: list[str] = []

    def visit(path: str) -> None:
        if path in ordered:
            return
        if path in under_way:
            raise ModuleError(f"modules import each other: {' -> '.join([*under_way, path])}")
        if path not in sources:
            raise ModuleError(f"{under_way[-1] if under_way else 'a page'} imports {path}, which is not there")
        under_way.append(path)
        for other in imports(path, sources[path]):
            visit(other)
        ordered.append(under_way.pop())

    visit(entry)
    return ordered


def files(entry: str, sources: Mapping[str, str]) -> dict[str, list[str]]:
    """Which modules stand in which file, by the last of them, after which it is called; that of `entry` first."""
    found = {entry: graph(entry, sources)}
    graphs: dict[str, list[str]] = {}  # of those that are loaded later
    waiting = list(found[entry])
    while waiting:
        path = waiting.pop()
        for later in _later(path, sources[path]):
            if later not in graphs:
                graphs[later] = graph(later, sources)
                waiting += graphs[later]
    for later, paths in graphs.items():
        left = [path for path in paths if path not in found[entry]]
        shared = {path for path in left for other in graphs if other != later and path in graphs[other]} - {later}
        found |= {path: [path] for path in shared}
        if left:
            found[later] = [path for path in left if path not in shared]
    return found


def _join(paths: list[str], sources: Mapping[str, str], homes: Mapping[str, str]) -> str:
    """The modules `paths` as one, in the place of the last of them, whose exports it has, too."""
    entry = paths[-1]
    parts = [_part(path, sources[path], entry) for path in paths]
    names = [_name(path) for path in paths]
    if len(set(names)) < len(names):
        raise ModuleError(f"two modules are called the same: {sorted(names)}")
    taken: dict[str, list[str]] = {}
    for other in dict.fromkeys(other for path in paths for other in imports(path, sources[path]) if other not in paths):
        taken.setdefault(homes[other], []).append(_name(other))
    lines = [f'import {{ {", ".join(others)} }} from "{_relative(home, entry)}";\n' for home, others in taken.items()]
    return "".join([*lines, *parts, f"export {{ {', '.join(names)} }};\n", _exports(entry, sources[entry])])


def _stand_in(path: str, source: str, home: str) -> str:
    """What a module that stands in the file `home` is by its own name: the same exports, of the same instance."""
    return f'import {{ {_name(path)} }} from "{_relative(home, path)}";\n{_exports(path, source)}'


def _exports(path: str, source: str) -> str:
    _, exported = _body(path, source)
    return f"export const {{ {', '.join(exported)} }} = {_name(path)};\n" if exported else ""


def _part(path: str, source: str, place: str) -> str:
    body, exported = _body(path, source)
    answer = ",".join(name if name == value else f"{name}:{value}" for name, value in exported.items())
    body = _LATER.sub(lambda match: f'import("{_relative(_resolve(path, match[1]), place)}")', body)
    return f"// {path}\nconst {_name(path)}=(()=>{{{body}return{{{answer}}}}})();\n"


@lru_cache(_KEPT)
def _body(path: str, source: str) -> tuple[str, dict[str, str]]:
    """A module's text without imports and exports, and by the name of each export what it is."""
    exported: dict[str, str] = {}

    def on_import(match: re.Match[str]) -> str:
        taken = ", ".join(name if name == alias else f"{name}: {alias}" for name, alias in _pairs(match[1] or ""))
        return f"const {{ {taken} }} = {_name(_resolve(path, match[2]))};" if taken else ""

    def on_export_from(match: re.Match[str]) -> str:
        other = _name(_resolve(path, match[2]))
        exported.update((alias, f"{other}.{name}") for name, alias in _pairs(match[1]))
        return ""

    def on_export_list(match: re.Match[str]) -> str:
        exported.update((alias, name) for name, alias in _pairs(match[1]))
        return ""

    def on_export(match: re.Match[str]) -> str:
        exported[match[1]] = match[1]
        return ""

    for form, replace in (
        (_IMPORT, on_import),
        (_EXPORT_FROM, on_export_from),
        (_EXPORT_LIST, on_export_list),
        (_EXPORT, on_export),
    ):
        source = form.sub(replace, source)
    if left := _LINKAGE.search(source) or _ADDRESS.search(source):
        raise ModuleError(f"{path}: this can't be joined with other modules: {left[0]}")
    return source if source.endswith("\n") else source + "\n", exported


def _pairs(names: str) -> list[tuple[str, str]]:
    """Names and what each is called on the other side."""
    pairs = [name.split() for name in names.split(",") if name.strip()]
    return [(pair[0], pair[-1]) for pair in pairs]


@lru_cache(_KEPT)
def _later(path: str, source: str) -> list[str]:
    """The modules that one loads when it needs them."""
    return [_resolve(path, match[1]) for match in _LATER.finditer(source)]


def _relative(path: str, place: str) -> str:
    """As the module at `place` names that at `path`."""
    found = posixpath.relpath(path, posixpath.dirname(place) or ".")
    return found if found.startswith(".") else f"./{found}"


def _resolve(path: str, specifier: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), specifier))


def _name(path: str) -> str:
    return "$" + re.sub(r"\W", "_", path.removesuffix(".js"))
