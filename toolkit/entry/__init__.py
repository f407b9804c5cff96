"""What a cloud starts: the inference application, the drift tick, the batch job. One file each.

An entry is told everything by one variable, TOOLKIT_RUNTIME (`domain.specs.Runtime`), opens the ports it needs and
calls the floor that does the work. It holds no logic of its own, so that a function and a laptop run the same code.
Entries start cold in front of a waiting user: `inference` loads no configuration, no pydantic and no SDK that it does
not need, and a test compares what it imports with a list.
"""
