"""What is the memory adapter's own: handlers of this process, loaded under names of their own."""

import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from toolkit.adapters.memory.functions import MemoryFunctions, forget, open_functions
from toolkit.adapters.memory.store import open_store
from toolkit.domain.errors import Unsupported
from toolkit.domain.specs import FunctionSpec, HttpRequest
from toolkit.testing.functions import bundle_into

Put = Callable[..., str]


@pytest.fixture
def functions() -> Iterator[MemoryFunctions]:
    name = uuid4().hex
    yield open_functions({"name": name})
    forget(name)


@pytest.fixture
def put(functions: MemoryFunctions) -> Put:
    def put(name: str, files: dict[str, str], **fields: object) -> str:
        texts = {file: textwrap.dedent(text).encode() for file, text in files.items()}
        digest, key = bundle_into(open_store({"name": functions.name}))(texts)
        values = {"name": name, "bundle": digest, "bundle_key": key, "auth": "public", **fields}
        functions.route(name, {functions.publish(FunctionSpec(**values)): 1.0})  # type: ignore[arg-type]
        return name

    return put


def test_two_bundles_may_have_modules_of_one_name(functions: MemoryFunctions, put: Put) -> None:
    app = "import part\n\ndef handler(event, context):\n    return part.WORD\n"
    for word in ("one", "two"):
        put(word, {"app.py": app, "part.py": f"WORD = {word!r}"})
    assert [functions.event(word, {}) for word in ("one", "two", "one")] == ["one", "two", "one"]
    assert "part" not in sys.modules
    assert "app" not in sys.modules


def test_variables_and_files_are_the_functions_while_it_is_loaded(functions: MemoryFunctions, put: Put) -> None:
    app = """
        import os
        from pathlib import Path
        KEPT = os.environ["ONLY_HERE"], Path(__file__).with_name("model").read_text(), os.environ["LAMBDA_TASK_ROOT"]

        def handler(event, context):
            return [KEPT[0], KEPT[1], KEPT[2] == str(Path(__file__).parent)]
    """
    name = put("fn", {"app.py": app, "model": "weights"}, environment={"ONLY_HERE": "yes"})
    assert functions.event(name, {}) == ["yes", "weights", True]
    assert "ONLY_HERE" not in os.environ


def test_it_says_that_memory_is_not_limited(put: Put) -> None:
    with pytest.raises(Unsupported, match="cannot hold it to 128 MB"):
        put("fn", {"app.py": "handler = print"}, memory_mb=128)


def test_handles_of_one_name_share_functions(functions: MemoryFunctions, put: Put) -> None:
    name = put("fn", {"app.py": "def handler(event, context):\n    return {'statusCode': 200, 'body': 'x'}\n"})
    assert open_functions({"name": functions.name}).request(name, HttpRequest()).body == b"x"
    assert list(open_functions({"name": "another"}).list()) == []
    assert functions.visit(functions.observe(name).url, {}) == 200
