"""What each role needs, told from the calls that it makes (see `policies` for the rules)."""

from __future__ import annotations

from toolkit.adapters.aws.policies import Site, Statement

ANY = ("*",)


def inference(site: Site) -> tuple[Statement, ...]:
    """Answers requests: counts them into the bucket, and reads none of it but what is released: never what a model was
    trained on."""
    kept = site.objects("profiles", "captures", "feedback", "service")
    released = site.objects("journal/releases", "cache/journal/releases", "models", "signatures")
    return (
        Statement("Capture", ("s3:PutObject",), kept, "counts, captured predictions and labels"),
        Statement("Written", ("s3:GetObject",), kept, "what was written is looked at, for its time"),
        Statement("Released", ("s3:GetObject",), released, "models from the bucket, and who vouches for them"),
        _lists(site),
        _function_logs(site),
    )


def drift_check(site: Site) -> tuple[Statement, ...]:
    """Reads a window, writes its report, tells people, asks for a retrain."""
    own = site.objects("journal", "models", "reports", "pages", "cache", "leases", "deadletter")
    counts = site.objects("profiles", "service")
    return (
        *_reads(site),
        Statement("Report", ("s3:PutObject",), own, "reports, incidents, rollouts, checkpoints, tickets of jobs"),
        Statement("Compact", ("s3:PutObject",), counts, "the counts of a day gone by become one object"),
        Statement("Expire", ("s3:DeleteObject",), (*counts, *site.objects("captures")), "and live as long as they may"),
        _tells(site),
        _measures(site),
        *_submits(site, "retrain"),
        *_moves(site),
        *_schedules_of(site),
        _function_logs(site),
    )


def job(site: Site) -> tuple[Statement, ...]:
    """Trains: runs a person's code, so it may write a run and what came of it, register that, and decide nothing."""
    own = site.objects("runs", "blobs", "journal/registry", "cache/journal/registry")
    return (
        *_reads(site),
        Statement("Run", ("s3:PutObject",), own, "its run, the model and its files, its version"),
        _large(site.objects("blobs")),
    )


def retrain(site: Site) -> tuple[Statement, ...]:
    """Ingests, trains (in a job of its own), registers, promotes and deploys what it promoted."""
    return (*_state(site), *_jobs(site), *_redeploys(site))


def start(site: Site) -> tuple[Statement, ...]:
    """Fargate, before a job's container runs."""
    return (
        _registry_token(),
        Statement("Image", _PULL, (_repository(site),), "the image that jobs run in"),
        Statement(
            "Logs", ("logs:CreateLogStream", "logs:PutLogEvents"), (site.group(site.names.job_group),),
            "what jobs print",
        ),
    )  # fmt: skip


def scheduler(site: Site) -> tuple[Statement, ...]:
    """EventBridge Scheduler at the time of a schedule."""
    return (
        Statement("Call", ("lambda:InvokeFunction",), (site.functions,), "schedules call functions"),
        Statement("Undelivered", ("sqs:SendMessage",), (_undelivered(site),), "an event that no function took"),
    )


def deployer(site: Site) -> tuple[Statement, ...]:
    """A person or a pipeline with the command line."""
    secrets = (site.arn("secretsmanager", f"secret:{site.secrets}/*"),)
    names = site.names
    return (
        *_state(site),
        Statement(
            "Clean", ("s3:DeleteObject",), site.objects("bundles", "captures", "doctor", "profiles", "service"),
            "destroy, gc, doctor",
        ),
        *_jobs(site),
        Statement("StopJobs", ("batch:TerminateJob",), (_jobs_arn(site),), "Ctrl-C stops the job"),
        *_deploys(site),
        Statement(
            "CallFunctions", ("lambda:InvokeFunction", "lambda:InvokeFunctionUrl"), (site.functions,),
            "invoke calls the endpoint",
        ),
        Statement(
            "RemoveFunctions", ("lambda:DeleteFunction", "logs:DeleteLogGroup"),
            (site.functions, _function_group(site)), "gc and destroy",
        ),
        Statement(
            "ReadLogs", ("logs:FilterLogEvents",), (_function_group(site), site.group(site.metrics_group)),
            "logs of functions; metrics, for status",
        ),
        Statement(
            "Secrets",
            (
                "secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:GetSecretValue",
                "secretsmanager:PutSecretValue", "secretsmanager:RestoreSecret", "secretsmanager:TagResource",
            ),
            secrets, "secrets set, get and rm",
        ),
        *_parameters(site),
        Statement("ListSecrets", ("secretsmanager:ListSecrets",), ANY, "secrets ls; AWS knows no resource for it"),
        _measures(site),
        _tells(site),
        *_doctor(site),
        _registry_token(),
        Statement("PushImage", (*_PULL, *_PUSH), (_repository(site),), f"image push, to {names.repository}"),
    )  # fmt: skip


_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
_PUSH = ("ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart")


def _parameters(site: Site) -> tuple[Statement, ...]:
    """Nothing where no name is kept there."""
    if not site.parameters:
        return ()
    return (
        Statement(
            "Parameters", ("ssm:AddTagsToResource", "ssm:DeleteParameter", "ssm:GetParameters", "ssm:PutParameter"),
            (site.arn("ssm", f"parameter/{site.secrets}/*"),), "secrets set, get, ls and rm of what is no secret",
        ),
    )  # fmt: skip


def _reads(site: Site) -> tuple[Statement, ...]:
    return (Statement("ReadState", ("s3:GetObject",), site.objects(), "the bucket is the database"), _lists(site))


def _lists(site: Site) -> Statement:
    seen = {"StringLikeIfExists": {"s3:prefix": f"{site.prefix}/*"}} if site.prefix else {}
    return Statement("ListState", ("s3:ListBucket",), (site.bucket_arn,), "and what is not there is a 404", seen)


def _state(site: Site) -> tuple[Statement, ...]:
    """All that a command may write; the journal's own rules are the bucket's."""
    return (
        *_reads(site),
        Statement("WriteState", ("s3:PutObject",), site.objects(), "runs, models, releases, bundles"),
        Statement("Compact", ("s3:DeleteObject",), site.objects("cache", "tail"), "what the index of runs took over"),
        _large(site.objects("blobs", "bundles")),
    )


def _large(where: tuple[str, ...]) -> Statement:
    return Statement("LargeFiles", ("s3:AbortMultipartUpload",), where, "an upload in parts that failed is cleared")


def _tells(site: Site) -> Statement:
    return Statement("Alert", ("sns:Publish",), (site.arn("sns", site.names.topic), *site.topics), "alerts")


def _measures(site: Site) -> Statement:
    group = site.group(site.metrics_group)
    return Statement("Measure", ("logs:CreateLogStream", "logs:PutLogEvents"), (group,), "metrics")


def _function_logs(site: Site) -> Statement:
    return Statement("Logs", ("logs:CreateLogStream", "logs:PutLogEvents"), (_function_group(site),), "what it prints")


def _function_group(site: Site) -> str:
    """The names go on, so that it is the group and what lies in it."""
    return site.arn("logs", f"log-group:{site.names.function_group(site.names.functions)}*")


def _submits(site: Site, role: str) -> tuple[Statement, ...]:
    """Jobs that run as `role`."""
    definitions = site.arn("batch", f"job-definition/{site.names.job_definition}*")
    queues = [site.arn("batch", f"job-queue/{name}") for name in dict.fromkeys((site.names.queue, *site.queues))]
    return (
        Statement(
            "SubmitJobs", ("batch:RegisterJobDefinition", "batch:SubmitJob", "batch:TagResource"),
            (definitions, *queues, _jobs_arn(site)), "a job, its definition and its tags",
        ),
        Statement(
            "FindJobs", ("batch:DescribeJobDefinitions", "batch:DescribeJobs", "batch:ListJobs"), ANY,
            "one submission is one job; AWS knows no resource for these",
        ),
        Statement(
            "PassJobRoles", ("iam:PassRole",), (site.role(role), site.role("start")),
            "a job runs as its role", {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
    )  # fmt: skip


def _jobs(site: Site) -> tuple[Statement, ...]:
    group = site.group(site.names.job_group)
    return (
        *_submits(site, "job"),
        Statement("ReadJobLogs", ("logs:GetLogEvents",), (group,), "what jobs print"),
    )


def _moves(site: Site) -> tuple[Statement, ...]:
    """Traffic between the versions that are there."""
    return (
        Statement(
            "Traffic",
            (
                "lambda:GetAlias", "lambda:GetFunction", "lambda:GetFunctionUrlConfig", "lambda:ListVersionsByFunction",
                "lambda:UpdateAlias",
            ),
            (site.functions,), "which versions answer, and moving that",
        ),
    )  # fmt: skip


def _schedules_of(site: Site) -> tuple[Statement, ...]:
    """The drift check's schedule, and that of a rollout while there is one: who advances it ends it."""
    return (
        Statement(
            "Schedules",
            (
                "scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:GetSchedule",
                "scheduler:UpdateSchedule",
            ),
            (_schedules(site),), "schedules of the target",
        ),
        Statement(
            "PassSchedulerRole", ("iam:PassRole",), (site.role("scheduler"),), "a schedule calls as its role",
            {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}},
        ),
    )  # fmt: skip


def _redeploys(site: Site) -> tuple[Statement, ...]:
    """A new version of functions that are there."""
    return (
        *_moves(site),
        Statement(
            "Versions",
            ("lambda:PublishVersion", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration"),
            (site.functions,), "a new version of a function",
        ),
        Statement("FindFunctions", ("lambda:ListFunctions",), ANY, "AWS knows no resource for it"),
        Statement(
            "FunctionLogs", ("logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:TagResource"),
            (_function_group(site),), "their logs, kept for so long",
        ),
        Statement(
            "PassFunctionRoles", ("iam:PassRole",), tuple(site.role(role) for role in ("inference", "drift-check")),
            "a function runs as its role", {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
        ),
        *_schedules_of(site),
        Statement("FindSchedules", ("scheduler:ListSchedules",), ANY, "AWS knows no resource for it"),
        Statement("SeeWatches", ("s3:GetBucketNotification",), (site.bucket_arn,), "who is told of new data"),
    )  # fmt: skip


def _deploys(site: Site) -> tuple[Statement, ...]:
    return (
        *_redeploys(site),
        Statement(
            "Functions",
            (
                "lambda:CreateAlias", "lambda:CreateFunction", "lambda:CreateFunctionUrlConfig",
                "lambda:PutFunctionConcurrency", "lambda:TagResource",
            ),
            (site.functions,), "a function, its alias and its URL",
        ),
        Statement(
            "LetCall", ("lambda:AddPermission", "lambda:RemovePermission", "lambda:UpdateFunctionUrlConfig"),
            (site.functions,), 'serve.auth = "public", and back; S3 may call the drift check',
        ),
        Statement("Watches", ("s3:PutBucketNotification",), (site.bucket_arn,), "S3 tells the drift check of new data"),
    )  # fmt: skip


def _doctor(site: Site) -> tuple[Statement, ...]:
    """What doctor asks; it does without an answer that it may not have."""
    roles = tuple(site.role(role) for role in ("inference", "drift-check", "job", "start"))
    return (
        Statement(
            "LookAtBucket", ("s3:GetBucketPublicAccessBlock", "s3:GetBucketVersioning"), (site.bucket_arn,), "doctor"
        ),
        Statement("LookAtRoles", ("iam:GetRole",), roles, "doctor"),
        Statement("LookAtSelf", ("iam:SimulatePrincipalPolicy",), (site.role("deployer"),), "doctor"),
        Statement("LookAtImage", ("ecr:DescribeImages",), (_repository(site),), "doctor"),
        Statement(
            "LookAtAccount",
            (
                "batch:DescribeComputeEnvironments", "batch:DescribeJobQueues", "lambda:GetAccountSettings",
                "logs:DescribeLogGroups",
            ),
            ANY, "doctor; AWS knows no resource for these",
        ),
    )  # fmt: skip


def _registry_token() -> Statement:
    return Statement("Registry", ("ecr:GetAuthorizationToken",), ANY, "AWS knows no resource for it")


def _repository(site: Site) -> str:
    return site.arn("ecr", f"repository/{site.names.repository}")


def _undelivered(site: Site) -> str:
    return site.arn("sqs", site.names.undelivered)


def _schedules(site: Site) -> str:
    return site.arn("scheduler", f"schedule/{site.names.schedule_group}/*")


def _jobs_arn(site: Site) -> str:
    """Jobs have no name of theirs in their ARN."""
    return site.arn("batch", "job/*")
