"""The inference function: the model beside this file, behind API Gateway v2 events (Lambda) or uvicorn (containers).

Lambda     handler "app.handler"
uvicorn    uvicorn app:application
"""

import gc

gc.disable()  # nothing of what is loaded here becomes garbage: looking for it took 6 % of a start

from pathlib import Path  # noqa: E402

from mangum import Mangum  # noqa: E402

from toolkit.entry import inference  # noqa: E402

application = inference.application(Path(__file__).parent)
handler = Mangum(application, lifespan="off")
gc.enable()
