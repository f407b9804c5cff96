"""SeaweedFS, an S3 server of one's own: started on free loopback ports with a fresh folder, stopped by process id."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

START_SECONDS = 60.0
# It ends with who started it, even one that was killed: when its standard input closes.
_RUN = '"$@" & cat > /dev/null; kill -9 $!; wait'
KEY, SECRET = "test", "test"


class Seaweed:
    """`address` speaks S3 to whoever has KEY and SECRET. Gone after `stop`."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="toolkit-weed-"))
        identity = {
            "name": "admin",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        }
        (self._folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        names = ("s3", "s3.grpc", "master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc")
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        flags = [
            f"-{name.partition('.')[0]}.port{name[len(name.partition('.')[0]) :]}={p}" for name, p in ports.items()
        ]
        self.address = f"http://127.0.0.1:{ports['s3']}"
        weed = Path(sys.executable).parent / "weed"
        self._log = (self._folder / "log").open("wb")
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _RUN, "sh", weed, "server", f"-dir={self._folder}", "-ip=127.0.0.1",
             "-ip.bind=127.0.0.1", "-s3", *flags,
             f"-s3.config={self._folder / 's3.json'}", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
             "-volume.max=200", "-master.volumeSizeLimitMB=64"],
            # it takes AWS_* for an identity of its own
            env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            stdin=subprocess.PIPE, stdout=self._log, stderr=self._log, cwd=self._folder,
        )  # fmt: skip
        self._wait()

    def stop(self) -> None:
        self._process.communicate()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                urlopen(self.address, timeout=5).close()
            except HTTPError as error:
                error.close()
                return  # it says who it is to talk to: it is there
            except (URLError, OSError):
                time.sleep(0.2)
            else:
                return
        said = (self._folder / "log").read_text(errors="replace")[-1000:]
        self.stop()
        raise RuntimeError(f"weed did not start: {said}")


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
