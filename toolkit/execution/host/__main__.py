"""`python -m toolkit.execution.host --root FOLDER [--port PORT]`: be the function host of a folder."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from toolkit.domain.errors import ToolkitError
from toolkit.execution.host import process, serve
from toolkit.execution.host.folder import HostFolder


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m toolkit.execution.host")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    folder = HostFolder(arguments.root.absolute())
    try:
        serve.serve(folder, process.remember_port(folder, arguments.port))
    except ToolkitError as error:
        sys.stderr.write(json.dumps({"code": error.code, "message": error.message, "hint": error.hint}) + "\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
