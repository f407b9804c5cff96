"""Containers of clouds whose functions are containers: what runs in one, and how emulators run it here.

The deployed unit is the function's bundle, byte for byte what other clouds get; the image is the generic one of the
jobs. An adapter's own entry knows where the bundle is, and who may read it.

    bundled    fetches the bundle and becomes its server
    serve      uvicorn on PORT: the bundle's ASGI application where it has one, else its handler, as Lambda calls it
    running    a container as a process of this machine: clean environment, own folder, memory limited, output kept
    instances  as many of one as its calls need: started by a call, sharing calls, ended with the version
"""
