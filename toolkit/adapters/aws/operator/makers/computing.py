"""What jobs run in: the security group, the compute environment, the queue."""

from __future__ import annotations

from typing import Any

from toolkit.adapters.aws.errors import translated
from toolkit.adapters.aws.operator.makers.making import Client, Properties, named, settled
from toolkit.adapters.aws.operator.things import Thing


class SecurityGroup:
    def __init__(self, client: Client) -> None:
        self._ec2 = client("ec2")

    def id(self, name: str, vpc: str) -> str:
        """ "" if there is none."""
        wanted = [{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [vpc]}]
        with translated(f"look for security group {name}"):
            groups = self._ec2.describe_security_groups(Filters=wanted)["SecurityGroups"]
        return str(groups[0]["GroupId"]) if groups else ""

    def read(self, thing: Thing) -> Properties | None:
        group = self.id(thing.name, thing.properties["VpcId"])
        if not group:
            return None
        with translated(f"look at security group {thing.name}"):
            (seen,) = self._ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
        return {
            "GroupName": seen["GroupName"],
            "GroupDescription": seen["Description"],
            "VpcId": seen["VpcId"],
            "SecurityGroupEgress": [rule for one in seen["IpPermissionsEgress"] for rule in _egress(one)],
            "Tags": seen.get("Tags", []),
        }

    def create(self, thing: Thing) -> None:
        wanted = thing.properties
        tags = [{"ResourceType": "security-group", "Tags": wanted["Tags"]}]
        with translated(f"make security group {thing.name}"):
            self._ec2.create_security_group(
                GroupName=thing.name,
                Description=wanted["GroupDescription"],
                VpcId=wanted["VpcId"],
                TagSpecifications=tags,
            )
        self.update(thing, self.read(thing) or {})

    def update(self, thing: Thing, found: Properties) -> None:
        """AWS gives a new group a rule that lets everything out: it goes."""
        wanted = thing.properties
        group = self.id(thing.name, wanted["VpcId"])
        present = [rule for rule in found.get("SecurityGroupEgress", ()) if rule not in wanted["SecurityGroupEgress"]]
        missing = [rule for rule in wanted["SecurityGroupEgress"] if rule not in found.get("SecurityGroupEgress", ())]
        with translated(f"set the rules of security group {thing.name}"):
            if present:
                gone = [_permission(rule) for rule in present]
                self._ec2.revoke_security_group_egress(GroupId=group, IpPermissions=gone)
            if missing:
                new = [_permission(rule) for rule in missing]
                self._ec2.authorize_security_group_egress(GroupId=group, IpPermissions=new)
            if named(found.get("Tags")) != named(wanted["Tags"]):
                self._ec2.create_tags(Resources=[group], Tags=wanted["Tags"])


def _egress(permission: Properties) -> list[Properties]:
    ports = (
        {} if permission["IpProtocol"] == "-1" else {"FromPort": permission["FromPort"], "ToPort": permission["ToPort"]}
    )
    return [
        {
            "CidrIp": one["CidrIp"],
            "Description": one.get("Description", ""),
            "IpProtocol": permission["IpProtocol"],
            **ports,
        }
        for one in permission.get("IpRanges", ())
    ]


def _permission(rule: Properties) -> Properties:
    ports: Properties = {key: rule[key] for key in ("FromPort", "ToPort") if key in rule}
    words = {"Description": rule["Description"]} if rule["Description"] else {}
    return {"IpProtocol": rule["IpProtocol"], **ports, "IpRanges": [{"CidrIp": rule["CidrIp"], **words}]}


class ComputeEnvironment:
    LINKED = "batch.amazonaws.com"

    def __init__(self, client: Client) -> None:
        self._batch, self._iam = client("batch"), client("iam")

    def read(self, thing: Thing) -> Properties | None:
        seen = self._seen(thing.name)
        if seen is None:
            return None
        resources = seen["computeResources"]
        return {
            "ComputeEnvironmentName": seen["computeEnvironmentName"],
            "Type": seen["type"],
            "State": seen["state"],
            "ComputeResources": {
                "Type": resources["type"],
                "MaxvCpus": resources["maxvCpus"],
                "Subnets": sorted(resources["subnets"]),
                "SecurityGroupIds": resources["securityGroupIds"],
            },
            "Tags": seen.get("tags", {}),
        }

    def create(self, thing: Thing) -> None:
        wanted = thing.properties
        resources = wanted["ComputeResources"]
        with translated(f"make compute environment {thing.name}"):
            self._batch.create_compute_environment(
                computeEnvironmentName=thing.name,
                type=wanted["Type"],
                state=wanted["State"],
                computeResources=_batch_words(resources) | {"type": resources["Type"]},
                serviceRole=self._linked_role(),
                tags=wanted["Tags"],
            )
        self._wait(thing.name)

    def update(self, thing: Thing, found: Properties) -> None:
        resources = _batch_words(thing.properties["ComputeResources"])
        with translated(f"change compute environment {thing.name}"):
            self._batch.update_compute_environment(
                computeEnvironment=thing.name, state=thing.properties["State"], computeResources=resources
            )
            self._batch.tag_resource(
                resourceArn=self._seen(thing.name)["computeEnvironmentArn"], tags=thing.properties["Tags"]
            )
        self._wait(thing.name)

    def _seen(self, name: str) -> Any:
        with translated(f"look at compute environment {name}"):
            seen = self._batch.describe_compute_environments(computeEnvironments=[name])["computeEnvironments"]
        return next((one for one in seen if one.get("status") != "DELETED"), None)

    def _wait(self, name: str) -> None:
        settled(f"compute environment {name}", lambda: self._seen(name)["status"] == "VALID")

    def _linked_role(self) -> str:
        """The role that Batch itself works with; AWS makes it, one an account, with a policy of its own."""
        with translated("look for the role of AWS Batch"):
            there = self._iam.list_roles(PathPrefix=f"/aws-service-role/{self.LINKED}/")["Roles"]
            role = there[0] if there else self._iam.create_service_linked_role(AWSServiceName=self.LINKED)["Role"]
        return str(role["Arn"])


def _batch_words(resources: Properties) -> Properties:
    return {
        "maxvCpus": resources["MaxvCpus"],
        "subnets": resources["Subnets"],
        "securityGroupIds": resources["SecurityGroupIds"],
    }


class JobQueue:
    def __init__(self, client: Client) -> None:
        self._batch = client("batch")

    def read(self, thing: Thing) -> Properties | None:
        seen = self._seen(thing.name)
        if seen is None:
            return None
        orders = [
            {"Order": one["order"], "ComputeEnvironment": one["computeEnvironment"]}
            for one in seen["computeEnvironmentOrder"]
        ]
        return {
            "JobQueueName": seen["jobQueueName"],
            "Priority": seen["priority"],
            "State": seen["state"],
            "ComputeEnvironmentOrder": orders,
            "Tags": seen.get("tags", {}),
        }

    def create(self, thing: Thing) -> None:
        with translated(f"make job queue {thing.name}"):
            self._batch.create_job_queue(jobQueueName=thing.name, tags=thing.properties["Tags"], **self._words(thing))
        settled(f"job queue {thing.name}", lambda: self._seen(thing.name)["status"] == "VALID")

    def update(self, thing: Thing, found: Properties) -> None:
        with translated(f"change job queue {thing.name}"):
            self._batch.update_job_queue(jobQueue=thing.name, **self._words(thing))
            self._batch.tag_resource(resourceArn=self._seen(thing.name)["jobQueueArn"], tags=thing.properties["Tags"])

    def _seen(self, name: str) -> Any:
        with translated(f"look at job queue {name}"):
            return next(iter(self._batch.describe_job_queues(jobQueues=[name])["jobQueues"]), None)

    def _words(self, thing: Thing) -> Properties:
        wanted = thing.properties
        orders = [
            {"order": one["Order"], "computeEnvironment": one["ComputeEnvironment"]}
            for one in wanted["ComputeEnvironmentOrder"]
        ]
        return {"state": wanted["State"], "priority": wanted["Priority"], "computeEnvironmentOrder": orders}
