"""The part of this package that a function needs, found by following its imports, and the function's own files.

Imports inside functions are followed too, so nothing that can be imported is missing; those under TYPE_CHECKING are
not. An adapter is opened by name, so the folder of every bound provider is taken whole. Cost of a new module: none.
`serve.py` starts a function in a container, with a server that only images carry: no zip has it, nor what it leads to.

Files are read once: what a layer is named by is what it holds, also while someone is editing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import toolkit
from toolkit.domain import digest
from toolkit.domain.errors import ConfigError
from toolkit.packaging import archive, bytecode, cache, layers, scan, wheels
from toolkit.packaging.archive import Member
from toolkit.packaging.bytecode import Interpreter

PACKAGE = Path(toolkit.__file__).parent
_NAME = PACKAGE.name
# packages whose modules are imported by a name that a table holds: taken whole, as adapters are
BY_NAME = frozenset({f"{_NAME}.serving.protocols"})
CONTAINER_ENTRY = "serve.py"
_LEFT_OUT = frozenset({"__pycache__", "_shipped", "py.typed"})

Files = Mapping[str, bytes]


def layer(
    function: Path, providers: Iterable[str], by: Interpreter | None, *, container: bool = False
) -> dict[str, Member]:
    """Members of a bundle: the function's files at the root, our modules under toolkit/, bytecode where `by` is given.
    `container`: with what starts it in an image.

    Raises ConfigError: no app.py, a syntax error, a key in a file.
    """
    own, package, adapters = read(function), read(PACKAGE, f"{_NAME}/"), sorted(providers)
    if "app.py" not in own:
        raise ConfigError(f"{function} is no function: it has no app.py")
    if not container:
        own.pop(CONTAINER_ENTRY, None)
    secrets = [str(found) for name, data in own.items() if (found := scan.secret(name, data))]
    if secrets:
        raise ConfigError(f"{function} would carry secrets: {'; '.join(secrets)}", hint="toolkit secrets set NAME")
    state = {name: digest.of_bytes(data) for name, data in {**own, **package}.items()}
    key = [state, adapters, bytecode.identity(by)]
    return layers.layer("ours", key, lambda: _make(own, package, adapters, by))


def read(folder: Path, prefix: str = "") -> dict[str, bytes]:
    """Name -> content of every file below, hidden ones and what never ships aside."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in _LEFT_OUT:
            continue
        if path.is_dir():
            found |= read(path, f"{prefix}{path.name}/")
        else:
            found[f"{prefix}{path.name}"] = path.read_bytes()
    return found


def _make(own: Files, package: Files, adapters: list[str], by: Interpreter | None) -> Iterator[Member]:
    sources = {name: data for name, data in own.items() if name.endswith(".py")}
    files = {**own, **{name: package[name] for name in needed(sources, package, adapters)}}
    with cache.disk("cannot stage the function"), cache.work() as root:
        for name, data in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        failed = bytecode.compile_tree(root, by) if by else []
        if failed:
            raise ConfigError(f"Python {by.version if by else ''} cannot compile {', '.join(failed)}")
        yield from archive.pack_all({path.relative_to(root).as_posix(): path for path in wheels.files_below(root)})


def needed(sources: Files, package: Files, adapters: Iterable[str] = ()) -> list[str]:
    """Names of the files in `package` that these sources can come to import, with the data files beside them."""
    known = {_dotted(name): name for name in package if name.endswith(".py")}
    opened = tuple(f"{_NAME}.adapters.{adapter}." for adapter in adapters)
    pending = [module for name, data in sources.items() for module in _imports(name, data)]
    pending += [module for module in known if f"{module}.".startswith(opened)]
    found: set[str] = set()
    while pending:
        module = pending.pop()
        while module and module not in known:  # `from toolkit.x import name`: a module, or a name in one
            module = module.rpartition(".")[0]
        if module and module not in found:
            found.add(module)
            pending += [module.rpartition(".")[0], *_imports(known[module], package[known[module]])]
            if module in BY_NAME:
                pending += [other for other in known if other.startswith(f"{module}.")]
    files = {known[module] for module in found}
    return sorted(files | {name for name in package if _is_data(name, files, package)})


def _dotted(name: str) -> str:
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _is_data(name: str, taken: set[str], package: Files) -> bool:
    """A file that is no module (a page, a table) and whose nearest package is taken."""
    if name.endswith(".py"):
        return False
    for folder in PurePosixPath(name).parents:
        if f"{folder}/__init__.py" in package:
            return f"{folder}/__init__.py" in taken
    return False


def _imports(name: str, source: bytes) -> Iterator[str]:
    """Our modules that a file imports anywhere but under `if TYPE_CHECKING`."""
    try:
        pending: list[ast.AST] = [ast.parse(source, filename=name)]
    except SyntaxError as error:
        raise ConfigError(f"{name} line {error.lineno} is not valid Python: {error.msg}") from error
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            pending += node.orelse
            continue
        pending += ast.iter_child_nodes(node)
        yield from (found for found in _named(node, name) if found.split(".")[0] == _NAME)


def _named(node: ast.AST, file: str) -> list[str]:
    """Full dotted names of an import statement, relative ones resolved from the file's place."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    above = PurePosixPath(file).parent.parts
    base = above[: len(above) - node.level + 1] if node.level else ()
    start = ".".join([*base, *([node.module] if node.module else [])])
    return [f"{start}.{alias.name}" for alias in node.names]
