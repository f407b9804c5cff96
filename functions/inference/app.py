"""The inference function: the model beside this file, behind API Gateway v2 events (Lambda) or uvicorn (containers).

Lambda     handler "app.handler"
uvicorn    uvicorn app:application
"""

from pathlib import Path

from mangum import Mangum

from toolkit.entry import inference

application = inference.application(Path(__file__).parent)
handler = Mangum(application, lifespan="off")
