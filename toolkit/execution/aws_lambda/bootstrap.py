"""What a worker's interpreter runs, as a script: `python -I -S -B -u bootstrap.py PARENT CLIENT RUNTIME HANDLER`.

PARENT is the process to die with, CLIENT is "awslambdaric" or the path of our own client, RUNTIME the folder that
holds the former. Standard library only, and as little of it as can be: every import here is part of each cold start.
"""

import os
import site
import sys

_PR_SET_PDEATHSIG = 1
_SIGKILL = 9


def die_with(parent: int) -> None:
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def run(client: str, handler: str) -> None:
    if client == "awslambdaric":
        from awslambdaric.__main__ import main

        main(["bootstrap", handler])
        return
    from importlib.machinery import SourceFileLoader
    from importlib.util import module_from_spec, spec_from_loader

    loader = SourceFileLoader("lambda_runtime_client", client)
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    module.main(handler)


if __name__ == "__main__":
    _parent, _client, _runtime, _handler = sys.argv[1:]
    die_with(int(_parent))
    sys.path[:0] = [os.environ["LAMBDA_TASK_ROOT"], _runtime]
    site.setquit()  # -S leaves out exit() and quit(), which Lambda's interpreter has
    run(_client, _handler)
