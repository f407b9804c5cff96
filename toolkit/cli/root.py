"""The entry point: run a command, turn whatever happens into text and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from toolkit import __version__
from toolkit.cli.commands import Lazy
from toolkit.domain.errors import ToolkitError

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@click.group(cls=Lazy, context_settings=CONTEXT, invoke_without_command=False)
@click.version_option(__version__, prog_name="toolkit")
def root() -> None:
    """The serverless, cloud-agnostic toolkit for the machine-learning lifecycle. The bucket is the database.

    Start with `toolkit demo`, or `toolkit init --from your.csv --label COLUMN`.
    """


def main(argv: Sequence[str] | None = None) -> None:
    """Never returns: exits with the documented code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in arguments
    try:
        code = root.main(args=arguments, prog_name="toolkit", complete_var="_TOOLKIT_COMPLETE", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except ToolkitError as error:
        _fail(error.exit_code, error.code, error.message, error.hint, as_json)
    except click.UsageError as error:
        usage = error.ctx.command_path if error.ctx else "toolkit"
        _fail(2, "UsageError", error.format_message(), f"{usage} --help", as_json)
    except click.ClickException as error:
        _fail(2, type(error).__name__, error.format_message(), "", as_json)
    except (KeyboardInterrupt, click.Abort):
        _fail(130, "Interrupted", "interrupted", "", as_json)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except MemoryError:
        _fail(1, "OutOfMemory", "this machine has not enough memory for that", "use a smaller source or a job", as_json)
    except OSError as error:
        _operating_system(error, as_json)


def _operating_system(error: OSError, as_json: bool) -> None:
    """A full disk or a missing permission outside any adapter is the user's to mend, not a traceback."""
    import errno

    where = f" ({error.filename})" if error.filename else ""
    hints = {errno.ENOSPC: "free some space and run it again", errno.EACCES: "check the permissions of that path"}
    if error.errno not in {*hints, errno.EDQUOT, errno.EROFS, errno.EPERM, errno.EMFILE, errno.ENFILE}:
        raise error
    code = 6 if error.errno in {errno.EACCES, errno.EPERM} else 7
    _fail(code, "StorageFull" if code == 7 else "PermissionDenied", f"{error.strerror}{where}",
          hints.get(error.errno or 0, ""), as_json)  # fmt: skip


def _fail(code: int, kind: str, message: str, hint: str, as_json: bool) -> None:
    if as_json:
        document: dict[str, Any] = {
            "schema": "toolkit/error.v1",
            "ok": False,
            "error": {"code": kind, "message": message, "hint": hint},
        }
        import json

        sys.stdout.write(json.dumps(document) + "\n")
    else:
        head, *rest = message.splitlines() or [""]
        lines = [f"error: {head}", *(f"       {line}" for line in rest)]
        if hint:
            lines.append(f" next: {hint}")
        click.echo("\n".join(lines), err=True)
    sys.exit(code)
