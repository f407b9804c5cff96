"""Azure: Blob Storage as the bucket, Functions and Container Apps, Key Vault, Event Grid, Log Analytics.

The container is reached by azure-storage-blob, all else by azure-core and REST. Credentials are those that
DefaultAzureCredential finds (`az login`, a workload's federated ones, a managed identity's).

`errors` is the one table from Azure's codes to ours, `client` the one place where credentials meet requests,
`emulator` plays all of it on this machine: Azurite as the storage account, the rest by a server of ours that holds
every request to the models of Azure's own SDKs.
"""

from toolkit.ports.provider import Provider

PROVIDER = Provider(
    name="azure",
    title="Microsoft Azure",
    ports={},
    settings="toolkit.adapters.azure.settings:AzureSettings",
    claims=frozenset(),
    extra="azure",
    emulators={"azure": "toolkit.adapters.azure.emulators:azure"},
    limits={},
)
