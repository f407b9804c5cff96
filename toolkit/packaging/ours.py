"""The part of this package that a function needs, found by following its imports, and the function's own files.

Imports inside functions are followed too, so nothing that can be imported is missing; those under TYPE_CHECKING are
not. An adapter is opened by name, so the folder of every bound provider is taken whole. Cost of a new module: none.
"""

from __future__ import annotations

import ast
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import toolkit
from toolkit.domain import digest
from toolkit.domain.errors import ConfigError
from toolkit.packaging import archive, bytecode, cache, layers, scan, wheels
from toolkit.packaging.archive import Member
from toolkit.packaging.bytecode import Interpreter

PACKAGE = Path(toolkit.__file__).parent
_NAME = PACKAGE.name
_LEFT_OUT = frozenset({"__pycache__", "_shipped", "py.typed"})


def layer(function: Path, providers: Iterable[str], by: Interpreter | None) -> dict[str, Member]:
    """Members of a bundle: the function's files at the root, our modules under toolkit/, bytecode where `by` is given.

    Raises ConfigError: no app.py, a syntax error, a key in a file.
    """
    own = {path.relative_to(function).as_posix(): path for path in _files(function)}
    if "app.py" not in own:
        raise ConfigError(f"{function} is no function: it has no app.py")
    secrets = [str(found) for name, path in own.items() if (found := scan.secret(name, path.read_bytes()))]
    if secrets:
        raise ConfigError(f"{function} would carry secrets: {'; '.join(secrets)}", hint="toolkit secrets set NAME")
    state = {str(path.relative_to(base)): digest.of_file(path) for base in (PACKAGE, function) for path in _files(base)}
    key = [state, sorted(own), sorted(providers), [by.version, by.tag] if by else None]
    return layers.layer("ours", key, lambda: _make(own, providers, by))


def _files(folder: Path) -> Iterator[Path]:
    """Every file below, hidden ones and what never ships aside."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in _LEFT_OUT:
            continue
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def _make(own: dict[str, Path], providers: Iterable[str], by: Interpreter | None) -> Iterator[Member]:
    sources = [path for name, path in own.items() if name.endswith(".py")]
    with tempfile.TemporaryDirectory(dir=cache.folder("work")) as work, cache.disk("cannot stage the function"):
        root = Path(work)
        for name, path in {**own, **needed(sources, providers)}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, root / name)
        failed = bytecode.compile_tree(root, by) if by else []
        if failed:
            raise ConfigError(f"Python {by.version if by else ''} cannot compile {', '.join(failed)}")
        yield from archive.pack_all({path.relative_to(root).as_posix(): path for path in wheels.files_below(root)})


def needed(sources: Iterable[Path], providers: Iterable[str]) -> dict[str, Path]:
    """Name in the bundle -> file, for every module of ours that these sources can come to import."""
    known = {_dotted(path): path for path in _files(PACKAGE) if path.suffix == ".py"}
    adapters = [f"{_NAME}.adapters.{provider}" for provider in providers]
    pending = [module for path in sources for module in _imports(path, "")]
    pending += [m for m in known if any(m == adapter or m.startswith(f"{adapter}.") for adapter in adapters)]
    found: set[str] = set()
    while pending:
        module = pending.pop()
        while module and module not in known:  # `from toolkit.x import name`: a module or a name in one
            module = module.rpartition(".")[0]
        if not module or module in found:
            continue
        found.add(module)
        pending += [module.rpartition(".")[0], *_imports(known[module], module)]
    files = [known[module] for module in found]
    folders = {path.parent for path in files if path.name == "__init__.py"}
    files += [path for folder in folders for path in _data(folder)]
    return {f"{_NAME}/{path.relative_to(PACKAGE).as_posix()}": path for path in sorted(files)}


def _dotted(path: Path) -> str:
    parts = [_NAME, *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _data(package: Path) -> Iterator[Path]:
    """What lies beside a package's modules and is no module: pages, tables."""
    for path in sorted(package.iterdir()):
        if path.name.startswith(".") or path.name in _LEFT_OUT or path.suffix == ".py":
            continue
        if path.is_file():
            yield path
        elif not (path / "__init__.py").exists():
            yield from (below for below in _files(path) if below.suffix != ".py")


def _imports(path: Path, module: str) -> Iterator[str]:
    """Our modules that a file imports anywhere but under `if TYPE_CHECKING`."""
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        raise ConfigError(f"{path} line {error.lineno} is not valid Python: {error.msg}") from error
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            pending += node.orelse
            continue
        pending += ast.iter_child_nodes(node)
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            start = ".".join(part for part in (base, node.module or "") if part)
            names = [f"{start}.{alias.name}" for alias in node.names]
        yield from (name for name in names if name.split(".")[0] == _NAME)
