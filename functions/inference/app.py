"""The inference function: the model beside this file, behind API Gateway v2 events (Lambda) or uvicorn (containers).

Lambda     handler "app.handler"
uvicorn    uvicorn app:application
"""

import gc

gc.disable()  # nothing of what is loaded here becomes garbage: looking for it took 6 % of a start

import typing  # noqa: E402

from toolkit.entry.later import put_off  # noqa: E402

# A sixth of a start: what asyncio and others import for what is never done here. Mangum takes names that `typing` has.
with put_off("ssl", "asyncio.sslproto", "inspect", "ipaddress", "locale", "msgspec.inspect", typing_extensions=typing):
    from pathlib import Path

    from mangum import Mangum

    from toolkit.entry import inference

application = inference.application(Path(__file__).parent)
handler = Mangum(application, lifespan="off")
gc.enable()
