"""Arguments in, text out. One file per command group, loaded when it is called; the only catcher of ToolkitError.

stdout is the result, stderr the progress. Every command takes `--json` and prints one document: `{"schema", "ok",
"data"}`, or `{"schema", "ok": false, "error": {"code", "message", "hint"}}`. Exit codes are the errors' own
(`domain/errors.py`). A new command is one file here and one line in `commands.TABLE`.
"""

from toolkit.cli.root import main

__all__ = ["main"]
