"""Stand-ins for modules that a start imports and never uses."""

from __future__ import annotations

import subprocess
import sys
import typing
from pathlib import Path

import pytest

from toolkit.entry.later import Later, put_off

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """One that nobody has imported, with a name and something that is not there."""
    (tmp_path / "put_off_once.py").write_text("ANSWER = 42\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "put_off_once", raising=False)
    return "put_off_once"


def test_it_is_loaded_by_the_first_name_that_is_asked_for(module: str) -> None:
    with put_off(module):
        stand_in = __import__(module)
    assert isinstance(stand_in, Later)
    assert module not in sys.modules
    assert stand_in.ANSWER == 42
    assert stand_in.ANSWER is sys.modules[module].ANSWER
    assert not isinstance(sys.modules[module], Later)
    with pytest.raises(AttributeError):
        _ = stand_in.NOTHING


def test_a_name_asked_for_within_loads_it_for_everybody(module: str) -> None:
    with put_off(module):
        stand_in = __import__(module)
        assert stand_in.ANSWER == 42
        assert __import__(module) is not stand_in
    assert sys.modules[module].ANSWER == 42


def test_what_is_there_already_stays_and_another_may_be_given(module: str) -> None:
    with put_off("sys", **{module: typing}):
        assert sys.modules["sys"] is sys
        assert __import__(module) is typing
    assert module not in sys.modules


@pytest.mark.slow
def test_the_event_loop_that_started_without_them_does_all_it_did() -> None:
    """TLS, subprocesses and the look at a coroutine function, by asyncio as the inference function imports it."""
    script = """
import sys, typing
from toolkit.entry.later import put_off
with put_off("ssl", "asyncio.sslproto", "inspect", "ipaddress", "locale", typing_extensions=typing):
    import asyncio
late = {"ssl", "inspect"} - set(sys.modules)
import ssl, inspect
assert asyncio.base_events.ssl.SSLContext is ssl.SSLContext
assert issubclass(asyncio.base_events.sslproto.SSLProtocol, asyncio.BufferedProtocol)
async def greet(reader, writer):
    writer.write(b"hello")
    writer.close()
async def main():
    assert asyncio.iscoroutinefunction(main) and inspect.iscoroutinefunction(main)
    server = await asyncio.start_server(greet, "127.0.0.1", 0)  # speaks no TLS
    port = server.sockets[0].getsockname()[1]
    try:
        await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context())
    except (ssl.SSLError, OSError):
        print("refused")
    server.close()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(1)", stdout=asyncio.subprocess.PIPE)
    print((await process.communicate())[0].decode().strip())
asyncio.run(main())
print(*sorted(late))
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.stdout.split() == ["refused", "1", "inspect", "ssl"], done.stderr
