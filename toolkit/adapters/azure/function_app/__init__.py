"""What runs in Container Apps, in the same generic image that jobs use; and `served`, in Azure Functions.

    __main__   `python -m toolkit.adapters.azure.function_app`: fetches the function's bundle from the storage account
               with the app's own identity, compares its digest, unpacks it and becomes `execution.container.serve`
    deliver    hands an event to a function: what a scheduled job runs, and the job of events nobody waits for
    identity   tokens of the managed identity, with the standard library
    served     `function_app.py` of a package for Azure Functions, behind AsgiFunctionApp; imported there alone
    timers     what its timer triggers are told, and the time that a call of one is for

So a change of code or model needs no image, and a cold start pays for a download.
"""
