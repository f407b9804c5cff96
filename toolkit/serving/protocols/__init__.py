"""The protocols that clients already speak, on the same model, validator, limits and capture as /predict.

    routes       the table: path, method, which file answers; whose error shape; the model and version in a path
    reading      what several protocols share: rows by position, columns, pandas' split; `table` reads and writes CSV
    refusing     what their errors share: the status and the sentence
    v2           Open Inference Protocol v2 (Triton, KServe, MLServer); `tensors` reads and writes its tensors
    tensorflow   TensorFlow Serving's REST API
    sagemaker    /ping and /invocations: SageMaker's JSON, CSV and JSON lines, MLflow's scoring bodies
    vertex       the routes that Vertex AI names in AIP_PREDICT_ROUTE and AIP_HEALTH_ROUTE
    azure        Azure ML's /score
    described    all of them for the OpenAPI document

Each is a pure translation: their request becomes records or columns, `Validator` decides what is right, `App.predicted`
answers, counts and captures, and the answer takes their shape. None checks a value by itself, so all refuse the same
rows for the same reason, and the reason arrives in their own error shape.

Rules. What a protocol calls a bad request is 400 there (ours is 422). A number that does not fit is refused and never
rounded. Ids for /feedback come in the items of a prediction, and where a protocol has no place for them, in the header
`x-prediction-id`: row i of the answer is `<x-prediction-id>-<i>`. Nothing of this package is imported before a path
asks for it: an endpoint that only speaks /predict starts without it.
"""
