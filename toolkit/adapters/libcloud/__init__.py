"""The long tail of object stores by apache-libcloud: OpenStack Swift, Backblaze, Aliyun, DigitalOcean, on-premises S3,
a folder. For artifacts only.

libcloud's portable calls know no condition: an upload with If-None-Match overwrites silently. So nothing conditional is
claimed or tried here, and a target that names libcloud for its `store` is refused: state needs "of many writers exactly
one wins". As `artifacts` it holds what is large (datasets, models, files of runs), beside a store that holds state:

    [targets.prod.ports]
    artifacts = "libcloud"
    [targets.prod.libcloud]
    driver = "backblaze_b2"
    container = "models"

Files move in ranges and by the drivers' single-request upload: in bounded memory, and what is refused half-way is not
there. The driver of a folder writes in place; `folder` writes beside it first, so that no reader sees half a file.
"""

from toolkit.ports.provider import Provider

PROVIDER = Provider(
    name="libcloud",
    title="apache-libcloud",
    ports={"store": "toolkit.adapters.libcloud.store:open_store"},
    settings="toolkit.adapters.libcloud.settings:LibcloudSettings",
    claims=frozenset({"store.read", "store.write", "store.files", "store.uri"}),
    extra="libcloud",
    needs=dict.fromkeys(("inference", "drift_check"), ("apache-libcloud", "fasteners")),
)
