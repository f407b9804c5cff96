"""One folder a provider, the same file names in each: store jobs functions schedules secrets alerts metrics settings.

A new cloud, start to end:

1. `adapters/<name>/__init__.py`: `PROVIDER = Provider(...)`: the ports it offers as "module:function" strings, its
   claims (`domain/capabilities.py`), its limits, its pip extra and what of that a function needs. No SDK import here:
   folders are discovered with `pkgutil.iter_modules` and this module is read to answer `toolkit doctor` and to plan.
2. `settings.py`: a pydantic model of `[targets.<t>.<name>]`. Credentials never: the SDK's own default chain.
3. One file a port with `open_<port>(settings)`; the SDK is imported in the function that uses it; `errors.py` holds the
   one table from SDK codes to our errors.
4. `tests/conformance/test_<name>.py`: one subclass per suite of `toolkit/testing/`.
5. One extras line in pyproject.toml, and `infra/<name>/` if an operator has to prepare something.
6. Where it can be played on this machine: `emulators.py` and `emulator/`, on `toolkit/execution`. `toolkit dev -t
   <name>-local`, the pytest fixture `cloud("<name>")` and the journeys (a word in their TARGETS) are there with it.

Adapters import ports, domain and execution only, and never each other.
"""
