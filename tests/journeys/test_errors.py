"""At least sixty things people get wrong: one clear message, the documented exit code, no traceback, nothing lost."""

from __future__ import annotations

import errno
import json
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support import Shell, small_csv


@dataclass
class Case:
    """`arrange` changes a fresh copy of a trained, promoted project; `said` must all stand in the message."""

    name: str
    argv: str
    code: int
    said: tuple[str, ...]
    arrange: Callable[[Path], object] = field(default=lambda folder: None)
    empty: bool = False  # start from an empty folder instead


def config(text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "toolkit.toml").write_text(text)


def add(text: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = folder / "toolkit.toml"
        path.write_text(path.read_text() + "\n" + text)

    return change


def write(name: str, data: str | bytes) -> Callable[[Path], object]:
    raw = data.encode() if isinstance(data, str) else data
    return lambda folder: (folder / name).write_bytes(raw)


ROWS = "".join(f"{i % 7},{'yes' if i % 3 else 'no'}\n" for i in range(300))

CASES = [
    # what is written
    Case("no project", "status", 2, ("no toolkit.toml", "toolkit init"), empty=True),
    Case("not TOML", "status", 2, ("not valid TOML",), config("name = ")),
    Case("config not UTF-8", "status", 2, ("not UTF-8", "iconv"), write("toolkit.toml", b"name = '\xff'")),
    Case("unknown key", "status", 2, ("unknown key 'memroy'", "did you mean 'memory'"), config("[serve]\nmemroy='1Gi'")),
    Case("unknown section", "status", 2, ("unknown key 'srve'", "'serve'"), config("[srve]\nmemory='1Gi'")),
    Case("bad size", "status", 2, ("toolkit.toml:2", "serve.memory", "512Mi"), config("[serve]\nmemory='lots'")),
    Case("bad duration", "status", 2, ("train.timeout", "15m"), config("[train]\ntimeout='soon'")),
    Case("gate without bound", "status", 2, ("no bound",), config("[[gates]]\nmetric='roc_auc'")),
    Case("bad project name", "status", 2, ("Bad Name", "a-z"), config("[project]\nname='Bad Name'")),
    Case("unknown provider", "status", 2, ("unknown provider 'locl'", "local"), config("[targets.a]\nprovider='locl'")),
    Case("unknown target", "status -t prod", 2, ("unknown target 'prod'",)),
    Case("unknown setting", "status", 2, ("prot", "port"), config("[targets.a]\nprovider='local'\n[targets.a.local]\nprot=1")),
    Case("unknown port", "status", 2, ("no port is called 'stor'",), config("[targets.a]\nports={stor='local'}")),
    Case("bad split", "status", 2, ("data.split.test",), config("[data.split]\ntest=2")),
    Case("no such config", "status --config other.toml", 2, ("no such configuration file",)),
    Case("no such folder", "status -C nowhere", 2, ("no such folder",)),
    Case("bad override", "status --set serve.memory", 2, ("KEY=VALUE",)),
    Case("unknown command", "trian", 2, ("no such command 'trian'", "train")),
    Case("unknown option", "train --agian", 2, ("--agian",)),
    Case("missing argument", "runs compare", 2, ("RUN_IDS",)),
    Case("bad shell", "completion tcsh", 2, ("tcsh",)),
    # init
    Case("init: no such file", "init --from gone.csv --label y", 2, ("gone.csv",), empty=True),
    Case("init: wrong label", "init --from a.csv --label anser", 2, ("anser", "answer"), write("a.csv", "x,answer\n" + ROWS), empty=True),
    Case("init: no label", "init --from a.csv", 2, ("--label", "answer"), write("a.csv", "x,answer\n" + ROWS), empty=True),
    Case("init: empty file", "init --from a.csv --label y", 1, ("a.csv", "empty"), write("a.csv", ""), empty=True),
    Case("init: header only", "init --from a.csv --label y", 1, ("a.csv",), write("a.csv", "x,y\n"), empty=True),
    Case("init: not UTF-8", "init --from a.csv --label y", 1, ("a.csv", "UTF-8", "iconv"), write("a.csv", b"x,y\n" + b"caf\xe9,1\n" * 50), empty=True),
    Case("init: constant label", "init --from a.csv --label y", 1, ("y", "one value only"), write("a.csv", "x,y\n" + "".join(f"{i},1\n" for i in range(50))), empty=True),
    Case("init: label all missing", "init --from a.csv --label y", 1, ("y",), write("a.csv", "x,y\n" + "".join(f"{i},\n" for i in range(50))), empty=True),
    Case("init: one row", "init --from a.csv --label y", 1, ("row",), write("a.csv", "x,y\n1,2\n"), empty=True),
    Case("init: not Parquet", "init --from a.parquet --label y", 1, ("a.parquet",), write("a.parquet", "no"), empty=True),
    Case("init: unknown kind", "init --from a.docx --label y", 2, ("a.docx",), write("a.docx", "x"), empty=True),
    Case("init: broken JSON line", "init --from a.jsonl --label y", 1, ("a.jsonl", "2"), write("a.jsonl", '{"x":1,"y":2}\n{"x":\n'), empty=True),
    Case("init: a project is here", "init --from a.csv --label answer", 2, ("toolkit.toml",), write("a.csv", "x,answer\n" + ROWS)),
    # data
    Case("source matches nothing", "data ingest --set data.source=none/*.csv", 2, ("none/*.csv",)),
    Case("label is gone", "data ingest", 1, ("churned",), write("data.csv", small_csv(without="churned"))),
    Case("feature is gone", "data ingest", 1, ("plan",), write("data.csv", small_csv(without="plan"))),
    Case("label has holes", "data ingest", 1, ("churned", "missing"), write("data.csv", small_csv(hole="churned"))),
    Case("a number became text", "data ingest", 1, ("months",), write("data.csv", small_csv(text="months"))),
    Case("prepare not found", "data ingest --set data.prepare=nope:prepare", 2, ("nope",)),
    Case("prepare has no such function", "data ingest --set data.prepare=prep:other", 2, ("other", "prep.py"), write("prep.py", "def prepare(frame):\n    return frame\n")),
    Case("prepare raises", "data ingest --set data.prepare=prep:prepare", 1, ("prep.py:2", "ZeroDivisionError"), write("prep.py", "def prepare(frame):\n    return 1 / 0\n")),
    Case("prepare returns nothing", "data ingest --set data.prepare=prep:prepare", 1, ("prep:prepare",), write("prep.py", "def prepare(frame):\n    pass\n")),
    Case("bad time", "data ingest --until yesterday", 2, ("yesterday", "2013-07-01")),
    Case("no such dataset", "data show ffff", 4, ("ffff",)),
    # training
    Case("train module missing", "train --set train.entry=nope:train", 2, ("nope",)),
    Case("train entry malformed", "train --set train.entry=train", 2, ("module:function",)),
    Case("train has no such function", "train --set train.entry=train:fit", 1, ("fit", "train.py")),
    Case("train raises", "train", 1, ("train.py:2", "ZeroDivisionError"), write("train.py", "def train(data, params):\n    return 1 / 0\n")),
    Case("train returns nothing", "train", 1, ("estimator",), write("train.py", "def train(data, params):\n    pass\n")),
    Case("train has a syntax error", "train", 1, ("train.py",), write("train.py", "def train(:\n")),
    Case("requirements missing", "train --set train.requirements=r.txt", 2, ("r.txt",)),
    Case("requirements impossible", "train --set train.requirements=r.txt", 2, ("r.txt",), write("r.txt", "driftloop-no-such-package==9\n")),
    Case("a secret in the code", "train", 2, ("key.py",), write("key.py", "KEY = 'AKIAIOSFODNN7EXAMPLF'\n")),
    Case("bad parameter", "train -p rate", 2, ("KEY=VALUE",)),
    # registry
    Case("no such version", "promote 99 --yes", 4, ("99",)),
    Case("gate refuses", "promote --yes --set 'gates=[{metric=\"accuracy\",min=0.9999}]'", 3, ("accuracy", "0.9999")),
    Case("gate on unknown metric", "promote --yes --set 'gates=[{metric=\"acuracy\",min=0.1}]'", 3, ("acuracy", "accuracy")),
    Case("gates skipped without reason", "promote --yes --no-gates", 2, ("--reason",)),
    Case("unknown alias", "promote --yes --alias chmpion", 2, ("chmpion", "champion")),
    Case("nobody to ask", "promote", 2, ("--yes",)),
    Case("nothing to roll back to", "rollback", 4, ("champion",)),
    Case("no such model version", "models show 42", 4, ("42",)),
    Case("no such run", "runs show nope", 4, ("nope",)),
    Case("no such thing", "lineage nope", 4, ("nope",)),
    # deployment
    Case("deploy unasked", "deploy", 2, ("--yes",)),
    Case("deploy a missing version", "deploy --version 9 --yes", 4, ("9",)),
    Case("nothing deployed: invoke", "invoke --sample 1", 4, ("toolkit deploy",)),
    Case("nothing deployed: drift", "drift", 4, ("toolkit deploy",)),
    Case("nothing deployed: logs", "logs", 4, ("churn-local-inference",)),
    Case("invoke with nothing", "invoke", 2, ("--sample",)),
    Case("invoke with too much", "invoke --sample 1 --data {}", 2, ("exactly one",)),
    Case("invoke: no such file", "invoke rows.json", 2, ("rows.json",)),
    Case("bad schedule", "plan --set 'monitor.schedule=every day'", 2, ("every day",)),
    Case("too much memory", "plan --set serve.memory=20Gi", 2, ("function_memory_mb", "10,240")),
    Case("empty secret", "secrets set hook", 2, ("no value",)),
    Case("broken heads file", "audit verify --heads h.json", 2, ("h.json",), write("h.json", "{")),
    Case("no copy of the bucket", "audit verify --bucket nowhere", 4, ("nowhere",)),
]  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, module_shell: Shell) -> Path:
    """A project with one version, promoted; copied for every case."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "data.csv").write_text(small_csv())
    module_shell.ok("init --from data.csv --label churned --name churn", folder)
    module_shell.ok("train", folder)
    module_shell.ok("promote --yes", folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_mistake_is_answered(case: Case, tmp_path: Path, request: pytest.FixtureRequest, shell: Shell) -> None:
    folder = tmp_path / "project"
    if case.empty:
        folder.mkdir()
    else:
        shutil.copytree(request.getfixturevalue("trained"), folder)
    case.arrange(folder)
    before = _state(folder)
    done = shell.run(case.argv, folder)
    assert done.code == case.code, done.err
    assert "Traceback" not in done.err
    for said in case.said:
        assert said in done.err, done.err
    assert _state(folder) == before, "a refused command changed what is committed"
    document = json.loads(shell.run(case.argv + " --json", folder).out.splitlines()[-1])
    assert document["ok"] is False
    assert set(document["error"]) == {"code", "message", "hint"}


def _state(folder: Path) -> dict[str, bytes]:
    """Every journal entry: what must not be lost or added by a refused command."""
    root = folder / ".toolkit/store/journal"
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_there_are_at_least_sixty() -> None:
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


# What goes wrong around a deployed project: bytes rot, ports are taken, disks fill.


@pytest.fixture(scope="module")
def fresh(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A new copy of the trained project each time."""
    return lambda: Path(shutil.copytree(trained, tmp_path_factory.mktemp("copy") / "project"))


def blobs(folder: Path) -> list[Path]:
    return sorted(p for p in (folder / ".toolkit/store/blobs").rglob("*") if p.is_file())


@pytest.mark.slow
@pytest.mark.parametrize("command", ["models verify", "deploy --yes"])
def test_a_corrupt_model_is_refused(command: str, fresh: Callable[[], Path], shell: Shell) -> None:
    folder = fresh()
    (model,) = [p for p in blobs(folder) if b'"kind":"model"' in p.read_bytes()[:20_000]]
    model.chmod(0o644)
    model.write_bytes(model.read_bytes().replace(b'"accuracy"', b'"accuracz"', 1))
    done = shell.run(command, folder)
    assert done.code == 1
    assert "Traceback" not in done.err
    assert model.name[:12] in done.err


@pytest.mark.slow
def test_an_edited_journal_is_found(fresh: Callable[[], Path], shell: Shell) -> None:
    folder = fresh()
    shell.ok("audit heads --save heads.json", folder)
    entry = min((folder / ".toolkit/store/journal/registry/churn").iterdir())
    entry.chmod(0o644)
    edited = entry.read_bytes().replace(b'"version":1', b'"version":3')
    assert edited != entry.read_bytes()
    entry.write_bytes(edited)
    done = shell.run("audit verify --heads heads.json", folder)
    assert done.code == 1
    assert "registry/churn" in done.err
    copy = folder / "copy"
    shutil.copytree(folder / ".toolkit/store", copy)
    assert shell.run(f"audit verify --bucket {copy}", folder).code == 1


@pytest.mark.slow
def test_a_cut_journal_is_found_against_saved_heads(fresh: Callable[[], Path], shell: Shell) -> None:
    folder = fresh()
    shell.ok("audit heads --save heads.json", folder)
    max((folder / ".toolkit/store/journal/registry/churn").iterdir()).unlink()
    done = shell.run("audit verify --heads heads.json", folder)
    assert done.code == 1
    assert "registry/churn" in done.err


@pytest.mark.slow
def test_a_newer_format_says_what_to_install(fresh: Callable[[], Path], shell: Shell) -> None:
    folder = fresh()
    (entry,) = (folder / ".toolkit/store/datasets/churn").iterdir()
    entry.chmod(0o644)
    document = json.loads(entry.read_bytes()) | {"format": 99, "writer": "9.9.9"}
    entry.write_bytes(json.dumps(document).encode())
    done = shell.run("data show", folder)
    assert done.code == 2
    assert "driftloop>=9.9.9" in done.err


@pytest.mark.slow
def test_a_port_in_use_is_named(fresh: Callable[[], Path], shell: Shell) -> None:
    folder = fresh()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        add(f"[targets.local]\nprovider = 'local'\n[targets.local.local]\nport = {port}")(folder)
        done = shell.run("deploy --yes", folder)
    assert done.code == 2
    assert str(port) in done.err
    assert "Traceback" not in done.err
    shell.ok("deploy --yes", folder)  # the same command, once the port is free
    shell.ok("destroy --yes", folder)


@pytest.mark.slow
def test_a_full_disk_loses_nothing(fresh: Callable[[], Path], shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fresh()
    before = _state(folder)
    (folder / "data.csv").write_text(small_csv(rows=500))

    def full(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "store")

    with monkeypatch.context() as disk:
        disk.setattr("toolkit.adapters.local.store.os.fsync", full)
        done = shell.run("data ingest", folder)
    assert done.code == 7
    assert "space" in done.err.lower()
    assert _state(folder) == before
    shell.ok("data ingest", folder)
