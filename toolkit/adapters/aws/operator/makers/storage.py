"""The bucket and its policy."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from toolkit.adapters.aws.errors import translated
from toolkit.adapters.aws.operator.makers.making import Client, Properties, found, listed, named
from toolkit.adapters.aws.operator.things import Thing
from toolkit.domain.errors import AlreadyExists


class Bucket:
    """One request a property: each is read and written by itself."""

    ABSENT = (
        "NoSuchTagSet", "NoSuchLifecycleConfiguration", "NoSuchBucketPolicy", "OwnershipControlsNotFoundError",
        "NoSuchPublicAccessBlockConfiguration", "ServerSideEncryptionConfigurationNotFoundError",
    )  # fmt: skip

    def __init__(self, client: Client) -> None:
        self._s3 = client("s3")

    def read(self, thing: Thing) -> Properties | None:
        name = thing.name
        if found(f"look at bucket {name}", lambda: self._s3.head_bucket(Bucket=name), ("404",)) is None:
            return None
        return {
            "BucketName": name,
            "BucketEncryption": self._encryption(name),
            "LifecycleConfiguration": {
                "Rules": [_rule(rule) for rule in self._get("lifecycle_configuration", name, "Rules")]
            },
            "OwnershipControls": {"Rules": self._get("ownership_controls", name, "OwnershipControls").get("Rules", [])},
            "PublicAccessBlockConfiguration": self._public(name),
            "VersioningConfiguration": {"Status": self._get("versioning", name, "Status") or "Suspended"},
            "Tags": self._get("tagging", name, "TagSet") or [],
        }

    def create(self, thing: Thing) -> None:
        place = self._s3.meta.region_name
        where = {} if place == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": place}}
        with suppress(AlreadyExists), translated(f"make bucket {thing.name}", place):
            self._s3.create_bucket(Bucket=thing.name, **where)
        self.update(thing, {})

    def update(self, thing: Thing, found: Properties) -> None:
        wanted = thing.properties
        writes = {
            "PublicAccessBlockConfiguration": self._s3.put_public_access_block,
            "OwnershipControls": self._s3.put_bucket_ownership_controls,
            "BucketEncryption": self._s3.put_bucket_encryption,
            "VersioningConfiguration": self._s3.put_bucket_versioning,
            "LifecycleConfiguration": self._s3.put_bucket_lifecycle_configuration,
            "Tags": self._s3.put_bucket_tagging,
        }
        arguments = {
            "BucketEncryption": {"ServerSideEncryptionConfiguration": _encryption_words(wanted["BucketEncryption"])},
            "LifecycleConfiguration": {
                "LifecycleConfiguration": {"Rules": [_rule_words(r) for r in wanted["LifecycleConfiguration"]["Rules"]]}
            },
            "Tags": {"Tagging": {"TagSet": listed({**named(found.get("Tags")), **named(wanted["Tags"])})}},
        }
        for name, write in writes.items():
            if found.get(name) != wanted[name]:
                with translated(f"set {name} of bucket {thing.name}"):
                    write(Bucket=thing.name, **arguments.get(name, {name: wanted[name]}))

    def _get(self, what: str, name: str, key: str) -> Any:
        call = getattr(self._s3, f"get_bucket_{what}")
        reply = found(f"read the {what} of bucket {name}", lambda: call(Bucket=name), self.ABSENT)
        return (reply or {}).get(key, {})

    def _public(self, name: str) -> Any:
        what = f"read the public access block of bucket {name}"
        reply = found(what, lambda: self._s3.get_public_access_block(Bucket=name), self.ABSENT)
        return (reply or {}).get("PublicAccessBlockConfiguration", {})

    def _encryption(self, name: str) -> Any:
        rules = self._get("encryption", name, "ServerSideEncryptionConfiguration").get("Rules", [])
        defaults = [rule["ApplyServerSideEncryptionByDefault"] for rule in rules]
        plain = [{"SSEAlgorithm": default["SSEAlgorithm"]} for default in defaults]
        return {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": one} for one in plain]}


def _encryption_words(wanted: Properties) -> Properties:
    rules = wanted["ServerSideEncryptionConfiguration"]
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]} for rule in rules]}


def _rule(rule: Properties) -> Properties:
    """CloudFormation calls S3's ID Id and has the prefix outside the filter."""
    plain = {key: value for key, value in rule.items() if key not in {"ID", "Filter", "Prefix"}}
    prefix = rule.get("Filter", {}).get("Prefix", rule.get("Prefix", ""))
    return {"Id": rule["ID"], "Status": plain.pop("Status"), "Prefix": prefix, **plain}


def _rule_words(rule: Properties) -> Properties:
    plain = {key: value for key, value in rule.items() if key not in {"Id", "Prefix"}}
    return {"ID": rule["Id"], "Filter": {"Prefix": rule["Prefix"]}, **plain}


class BucketPolicy:
    def __init__(self, client: Client) -> None:
        self._s3 = client("s3")

    def read(self, thing: Thing) -> Properties | None:
        reply = found(
            f"read the policy of bucket {thing.name}",
            lambda: self._s3.get_bucket_policy(Bucket=thing.name),
            ("NoSuchBucketPolicy", "NoSuchBucket"),
        )
        return {"Bucket": thing.name, "PolicyDocument": json.loads(reply["Policy"])} if reply else None

    def create(self, thing: Thing) -> None:
        text = json.dumps(thing.properties["PolicyDocument"])
        with translated(f"set the policy of bucket {thing.name}"):
            self._s3.put_bucket_policy(Bucket=thing.name, Policy=text)

    def update(self, thing: Thing, found: Properties) -> None:
        self.create(thing)
