"""What a Cloud Run service starts: `python -m toolkit.adapters.gcp.container` in the same generic image that jobs use.

The deployed unit is the function's bundle, byte for byte what other clouds get: `__main__` fetches it from the bucket
with the service's own identity, compares its digest, unpacks it and becomes `execution.container.serve`, a process that
sees the bundle and of the image nothing but uvicorn. So a change of code or model needs no image, and a cold start pays
for a download.
"""
