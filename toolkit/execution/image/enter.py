"""Run as a file, by this interpreter: `python -I -S enter.py SPEC`. Becomes a process of an image; imports nothing of
ours, since after the chroot there is nothing of ours to import.

SPEC is JSON: {"root", "cwd", "uid", "gid", "argv", "env"}. Namespaces first, as far as the system allows: a private
mount namespace so that /proc, /dev and /sys can be lent to the image and vanish with the process; without root a user
namespace in which we are the image's user. Then chroot, user, and the program. Exit code 125 and one line on standard
error where that is refused, 127 where the program is not in the image.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import Any

NEW_NAMESPACE, NEW_USER = 0x00020000, 0x10000000
BIND, RECURSIVE, PRIVATE = 4096, 16384, 1 << 18
NO_NEW_PRIVILEGES = 38
LENT = ("/proc", "/dev", "/sys")
REFUSED, MISSING = 125, 127
MARK = "TOOLKIT_PROCESS_MARK"  # by which whoever started us finds what we start
libc = ctypes.CDLL(None, use_errno=True)


def call(function: Any, *arguments: object) -> None:
    if function(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def own_user(uid: int, gid: int) -> None:
    """A user namespace in which this process is `uid`: what an ordinary user needs to change its root."""
    mine, group = os.geteuid(), os.getegid()
    call(libc.unshare, NEW_USER | NEW_NAMESPACE)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {mine} 1"), ("gid_map", f"{gid} {group} 1")):
        with open(f"/proc/self/{name}", "w") as stream:  # noqa: PTH123
            stream.write(text)


def lend(root: str) -> None:
    """Bind this machine's /proc, /dev and /sys into the root, for this process only. Best effort: without them most
    programs still run."""
    try:
        call(libc.mount, b"none", b"/", None, RECURSIVE | PRIVATE, None)
        for name in LENT:
            target = root + name
            if os.path.isdir(target) and not os.path.islink(target):  # noqa: PTH112, PTH114
                call(libc.mount, name.encode(), os.fsencode(target), None, BIND | RECURSIVE, None)
    except OSError:
        pass


def main(spec: dict[str, Any]) -> int:
    root, uid, gid = spec["root"], spec["uid"], spec["gid"]
    try:
        if os.geteuid() == 0:
            try:
                call(libc.unshare, NEW_NAMESPACE)
            except OSError:
                pass  # a container without that right: chroot alone
            else:
                lend(root)
        else:
            own_user(uid, gid)
            lend(root)
        os.chroot(root)
        os.chdir(spec["cwd"])
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
        libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    except OSError as error:
        sys.stderr.write(f"cannot run an unpacked image here: {error}\n")
        return REFUSED
    mark = {name: os.environ[name] for name in (MARK,) if name in os.environ}
    try:
        os.execve(spec["argv"][0], spec["argv"], {**spec["env"], **mark})  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"cannot start {spec['argv'][0]} of the image: {error}\n")
        return MISSING


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
