"""Run an image without a container host: its layers unpacked, its entrypoint started with that folder as its root.

    unpack   layout -> root folder: digests checked, whiteouts carried out, nothing written outside
    enter    the process's first steps: namespaces where they are allowed, chroot, the image's user
    running  start a service or a job of an unpacked image, wait for its port, end it

What a container host would add and this does not: a network of its own (the process sees this machine's, and is told by
TOOLKIT_BIND to listen on loopback), resource limits (the caller's: `execution.process`) and seccomp. It needs root or
user namespaces, and Linux; elsewhere it says so.
"""
