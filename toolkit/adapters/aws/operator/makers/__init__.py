"""How each type of thing is read, made and changed by SDK, and never deleted.

`read` gives back the properties in the words of `things`, those of them that AWS keeps, so that what is there and what
should be are compared as they stand; None: there is none.
"""

from __future__ import annotations

from collections.abc import Callable

from toolkit.adapters.aws.operator.makers import computing, identity, services, storage
from toolkit.adapters.aws.operator.makers.making import Client, Maker


def makers(client: Client, arn: Callable[[str, str], str]) -> dict[str, Maker]:
    """Type -> its maker. `arn(service, resource)` is an ARN of this account and region."""
    return {
        "AWS::S3::Bucket": storage.Bucket(client),
        "AWS::S3::BucketPolicy": storage.BucketPolicy(client),
        "AWS::IAM::Role": identity.Role(client),
        "AWS::EC2::SecurityGroup": computing.SecurityGroup(client),
        "AWS::Batch::ComputeEnvironment": computing.ComputeEnvironment(client),
        "AWS::Batch::JobQueue": computing.JobQueue(client),
        "AWS::ECR::Repository": services.Repository(client),
        "AWS::SNS::Topic": services.Topic(client, arn),
        "AWS::SNS::Subscription": services.Subscription(client),
        "AWS::SQS::Queue": services.Queue(client),
        "AWS::Scheduler::ScheduleGroup": services.ScheduleGroup(client),
        "AWS::Logs::LogGroup": services.LogGroup(client, arn),
    }
