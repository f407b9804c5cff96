# Generated: see toolkit/adapters/aws/operator.

data "aws_caller_identity" "current" {
}

data "aws_region" "current" {
}

data "aws_partition" "current" {
}

resource "aws_s3_bucket" "bucket" {
  # checkov:skip=CKV_AWS_18:who wrote what is in the journal, tamper-evident; access logs would need a second bucket
  # checkov:skip=CKV_AWS_144:a second region is a choice of cost; toolkit's own copy moves a project between clouds
  # checkov:skip=CKV_AWS_145:S3's own keys: a customer key costs per request and adds a way to lose the journal
  # checkov:skip=CKV2_AWS_62:functions are called by schedules; nothing listens to the bucket

  bucket = var.bucket
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "bucket" {
  bucket = aws_s3_bucket.bucket.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "bucket" {
  bucket = aws_s3_bucket.bucket.id

  rule {
    id     = "stale-uploads"
    status = "Enabled"

    filter {
      prefix = ""
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {
      prefix = ""
    }

    noncurrent_version_expiration {
      noncurrent_days = 30
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "bucket" {
  bucket = aws_s3_bucket.bucket.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "bucket" {
  bucket                  = aws_s3_bucket.bucket.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "bucket" {
  bucket = aws_s3_bucket.bucket.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_policy" "bucket_policy" {
  bucket = aws_s3_bucket.bucket.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "TlsOnly"
        Effect = "Deny"
        Principal = {
          AWS = "*"
        }
        Action = ["s3:*"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/*",
        ]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
      {
        Sid    = "JournalIsCreateOnly"
        Effect = "Deny"
        Principal = {
          AWS = "*"
        }
        Action   = ["s3:PutObject"]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/journal/*"]
        Condition = {
          Null = {
            "s3:if-none-match" = "true"
          }
          Bool = {
            "s3:ObjectCreationOperation" = "true"
          }
        }
      },
      {
        Sid    = "JournalStays"
        Effect = "Deny"
        Principal = {
          AWS = "*"
        }
        Action = [
          "s3:DeleteObject",
          "s3:DeleteObjectVersion",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/journal/*"]
      },
    ]
  })
}

resource "aws_iam_role" "inference_role" {
  name = "${var.stem}-inference"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "Service"
      Effect = "Allow"
      Principal = {
        Service = "lambda.amazonaws.com"
      }
      Action = ["sts:AssumeRole"]
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = data.aws_caller_identity.current.account_id
        }
        ArnLike = {
          "aws:SourceArn" = "arn:${data.aws_partition.current.partition}:lambda:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:function:${var.stem}-*"
        }
      }
    }]
  })
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
}

resource "aws_iam_role_policy" "inference_role" {
  name = "toolkit"
  role = aws_iam_role.inference_role.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Capture"
        Effect = "Allow"
        Action = ["s3:PutObject"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/profiles/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/captures/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/feedback/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/service/*",
        ]
      },
      {
        Sid    = "Written"
        Effect = "Allow"
        Action = ["s3:GetObject"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/profiles/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/captures/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/feedback/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/service/*",
        ]
      },
      {
        Sid    = "Released"
        Effect = "Allow"
        Action = ["s3:GetObject"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/journal/releases/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/cache/journal/releases/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/models/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/signatures/*",
        ]
      },
      {
        Sid      = "ListState"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}"]
        Condition = {
          StringLikeIfExists = {
            "s3:prefix" = "${var.prefix}/*"
          }
        }
      },
      {
        Sid    = "Logs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogStream",
          "logs:PutLogEvents",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:log-group:/aws/lambda/${var.stem}-*"]
      },
    ]
  })
}

resource "aws_iam_role" "drift_check_role" {
  name = "${var.stem}-drift-check"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "Service"
      Effect = "Allow"
      Principal = {
        Service = "lambda.amazonaws.com"
      }
      Action = ["sts:AssumeRole"]
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = data.aws_caller_identity.current.account_id
        }
        ArnLike = {
          "aws:SourceArn" = "arn:${data.aws_partition.current.partition}:lambda:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:function:${var.stem}-*"
        }
      }
    }]
  })
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
}

resource "aws_iam_role_policy" "drift_check_role" {
  name = "toolkit"
  role = aws_iam_role.drift_check_role.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ReadState"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/*"]
      },
      {
        Sid      = "ListState"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}"]
        Condition = {
          StringLikeIfExists = {
            "s3:prefix" = "${var.prefix}/*"
          }
        }
      },
      {
        Sid    = "Report"
        Effect = "Allow"
        Action = ["s3:PutObject"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/journal/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/models/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/reports/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/pages/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/cache/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/leases/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/deadletter/*",
        ]
      },
      {
        Sid    = "Compact"
        Effect = "Allow"
        Action = ["s3:PutObject"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/profiles/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/service/*",
        ]
      },
      {
        Sid    = "Expire"
        Effect = "Allow"
        Action = ["s3:DeleteObject"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/profiles/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/service/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/captures/*",
        ]
      },
      {
        Sid      = "Alert"
        Effect   = "Allow"
        Action   = ["sns:Publish"]
        Resource = ["arn:${data.aws_partition.current.partition}:sns:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:${var.stem}-alerts"]
      },
      {
        Sid    = "Measure"
        Effect = "Allow"
        Action = [
          "logs:CreateLogStream",
          "logs:PutLogEvents",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:log-group:/toolkit/${var.namespace}:*"]
      },
      {
        Sid    = "SubmitJobs"
        Effect = "Allow"
        Action = [
          "batch:RegisterJobDefinition",
          "batch:SubmitJob",
          "batch:TagResource",
        ]
        Resource = [
          "arn:${data.aws_partition.current.partition}:batch:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:job-definition/${var.stem}-job-*",
          "arn:${data.aws_partition.current.partition}:batch:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:job-queue/${var.stem}-jobs",
          "arn:${data.aws_partition.current.partition}:batch:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:job/*",
        ]
      },
      {
        Sid    = "FindJobs"
        Effect = "Allow"
        Action = [
          "batch:DescribeJobDefinitions",
          "batch:DescribeJobs",
          "batch:ListJobs",
        ]
        Resource = ["*"]
      },
      {
        Sid    = "PassJobRoles"
        Effect = "Allow"
        Action = ["iam:PassRole"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.stem}-retrain",
          "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.stem}-start",
        ]
        Condition = {
          StringEquals = {
            "iam:PassedToService" = "ecs-tasks.amazonaws.com"
          }
        }
      },
      {
        Sid    = "Traffic"
        Effect = "Allow"
        Action = [
          "lambda:GetAlias",
          "lambda:GetFunction",
          "lambda:GetFunctionUrlConfig",
          "lambda:ListVersionsByFunction",
          "lambda:UpdateAlias",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:lambda:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:function:${var.stem}-*"]
      },
      {
        Sid    = "Schedules"
        Effect = "Allow"
        Action = [
          "scheduler:CreateSchedule",
          "scheduler:DeleteSchedule",
          "scheduler:GetSchedule",
          "scheduler:UpdateSchedule",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:scheduler:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:schedule/${var.stem}/*"]
      },
      {
        Sid      = "PassSchedulerRole"
        Effect   = "Allow"
        Action   = ["iam:PassRole"]
        Resource = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.stem}-scheduler"]
        Condition = {
          StringEquals = {
            "iam:PassedToService" = "scheduler.amazonaws.com"
          }
        }
      },
      {
        Sid    = "Logs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogStream",
          "logs:PutLogEvents",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:log-group:/aws/lambda/${var.stem}-*"]
      },
    ]
  })
}

resource "aws_iam_role" "job_role" {
  name = "${var.stem}-job"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "Service"
      Effect = "Allow"
      Principal = {
        Service = "ecs-tasks.amazonaws.com"
      }
      Action = ["sts:AssumeRole"]
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = data.aws_caller_identity.current.account_id
        }
        ArnLike = {
          "aws:SourceArn" = "arn:${data.aws_partition.current.partition}:ecs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:*"
        }
      }
    }]
  })
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
}

resource "aws_iam_role_policy" "job_role" {
  name = "toolkit"
  role = aws_iam_role.job_role.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ReadState"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/*"]
      },
      {
        Sid      = "ListState"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}"]
        Condition = {
          StringLikeIfExists = {
            "s3:prefix" = "${var.prefix}/*"
          }
        }
      },
      {
        Sid    = "Run"
        Effect = "Allow"
        Action = ["s3:PutObject"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/runs/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/blobs/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/journal/registry/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/cache/journal/registry/*",
        ]
      },
      {
        Sid      = "LargeFiles"
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload"]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/blobs/*"]
      },
    ]
  })
}

resource "aws_iam_role" "retrain_role" {
  name = "${var.stem}-retrain"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "Service"
      Effect = "Allow"
      Principal = {
        Service = "ecs-tasks.amazonaws.com"
      }
      Action = ["sts:AssumeRole"]
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = data.aws_caller_identity.current.account_id
        }
        ArnLike = {
          "aws:SourceArn" = "arn:${data.aws_partition.current.partition}:ecs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:*"
        }
      }
    }]
  })
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
}

resource "aws_iam_role_policy" "retrain_role" {
  name = "toolkit"
  role = aws_iam_role.retrain_role.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ReadState"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/*"]
      },
      {
        Sid      = "ListState"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}"]
        Condition = {
          StringLikeIfExists = {
            "s3:prefix" = "${var.prefix}/*"
          }
        }
      },
      {
        Sid      = "WriteState"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/*"]
      },
      {
        Sid    = "Compact"
        Effect = "Allow"
        Action = ["s3:DeleteObject"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/cache/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/tail/*",
        ]
      },
      {
        Sid    = "LargeFiles"
        Effect = "Allow"
        Action = ["s3:AbortMultipartUpload"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/blobs/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/bundles/*",
        ]
      },
      {
        Sid    = "SubmitJobs"
        Effect = "Allow"
        Action = [
          "batch:RegisterJobDefinition",
          "batch:SubmitJob",
          "batch:TagResource",
        ]
        Resource = [
          "arn:${data.aws_partition.current.partition}:batch:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:job-definition/${var.stem}-job-*",
          "arn:${data.aws_partition.current.partition}:batch:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:job-queue/${var.stem}-jobs",
          "arn:${data.aws_partition.current.partition}:batch:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:job/*",
        ]
      },
      {
        Sid    = "FindJobs"
        Effect = "Allow"
        Action = [
          "batch:DescribeJobDefinitions",
          "batch:DescribeJobs",
          "batch:ListJobs",
        ]
        Resource = ["*"]
      },
      {
        Sid    = "PassJobRoles"
        Effect = "Allow"
        Action = ["iam:PassRole"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.stem}-job",
          "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.stem}-start",
        ]
        Condition = {
          StringEquals = {
            "iam:PassedToService" = "ecs-tasks.amazonaws.com"
          }
        }
      },
      {
        Sid      = "ReadJobLogs"
        Effect   = "Allow"
        Action   = ["logs:GetLogEvents"]
        Resource = ["arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:log-group:/toolkit/${var.stem}/jobs:*"]
      },
      {
        Sid    = "Traffic"
        Effect = "Allow"
        Action = [
          "lambda:GetAlias",
          "lambda:GetFunction",
          "lambda:GetFunctionUrlConfig",
          "lambda:ListVersionsByFunction",
          "lambda:UpdateAlias",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:lambda:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:function:${var.stem}-*"]
      },
      {
        Sid    = "Versions"
        Effect = "Allow"
        Action = [
          "lambda:PublishVersion",
          "lambda:UpdateFunctionCode",
          "lambda:UpdateFunctionConfiguration",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:lambda:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:function:${var.stem}-*"]
      },
      {
        Sid      = "FindFunctions"
        Effect   = "Allow"
        Action   = ["lambda:ListFunctions"]
        Resource = ["*"]
      },
      {
        Sid    = "FunctionLogs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogGroup",
          "logs:PutRetentionPolicy",
          "logs:TagResource",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:log-group:/aws/lambda/${var.stem}-*"]
      },
      {
        Sid    = "PassFunctionRoles"
        Effect = "Allow"
        Action = ["iam:PassRole"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.stem}-inference",
          "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.stem}-drift-check",
        ]
        Condition = {
          StringEquals = {
            "iam:PassedToService" = "lambda.amazonaws.com"
          }
        }
      },
      {
        Sid    = "Schedules"
        Effect = "Allow"
        Action = [
          "scheduler:CreateSchedule",
          "scheduler:DeleteSchedule",
          "scheduler:GetSchedule",
          "scheduler:UpdateSchedule",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:scheduler:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:schedule/${var.stem}/*"]
      },
      {
        Sid      = "PassSchedulerRole"
        Effect   = "Allow"
        Action   = ["iam:PassRole"]
        Resource = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.stem}-scheduler"]
        Condition = {
          StringEquals = {
            "iam:PassedToService" = "scheduler.amazonaws.com"
          }
        }
      },
      {
        Sid      = "FindSchedules"
        Effect   = "Allow"
        Action   = ["scheduler:ListSchedules"]
        Resource = ["*"]
      },
      {
        Sid      = "SeeWatches"
        Effect   = "Allow"
        Action   = ["s3:GetBucketNotification"]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}"]
      },
    ]
  })
}

resource "aws_iam_role" "start_role" {
  name = "${var.stem}-start"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "Service"
      Effect = "Allow"
      Principal = {
        Service = "ecs-tasks.amazonaws.com"
      }
      Action = ["sts:AssumeRole"]
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = data.aws_caller_identity.current.account_id
        }
        ArnLike = {
          "aws:SourceArn" = "arn:${data.aws_partition.current.partition}:ecs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:*"
        }
      }
    }]
  })
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
}

resource "aws_iam_role_policy" "start_role" {
  name = "toolkit"
  role = aws_iam_role.start_role.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Registry"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = ["*"]
      },
      {
        Sid    = "Image"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability",
          "ecr:BatchGetImage",
          "ecr:GetDownloadUrlForLayer",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:ecr:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:repository/${var.stem}-image"]
      },
      {
        Sid    = "Logs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogStream",
          "logs:PutLogEvents",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:log-group:/toolkit/${var.stem}/jobs:*"]
      },
    ]
  })
}

resource "aws_iam_role" "scheduler_role" {
  name = "${var.stem}-scheduler"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "Service"
      Effect = "Allow"
      Principal = {
        Service = "scheduler.amazonaws.com"
      }
      Action = ["sts:AssumeRole"]
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = data.aws_caller_identity.current.account_id
        }
        ArnLike = {
          "aws:SourceArn" = "arn:${data.aws_partition.current.partition}:scheduler:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:schedule-group/${var.stem}"
        }
      }
    }]
  })
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
}

resource "aws_iam_role_policy" "scheduler_role" {
  name = "toolkit"
  role = aws_iam_role.scheduler_role.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Call"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = ["arn:${data.aws_partition.current.partition}:lambda:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:function:${var.stem}-*"]
      },
      {
        Sid      = "Undelivered"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = ["arn:${data.aws_partition.current.partition}:sqs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:${var.stem}-undelivered"]
      },
    ]
  })
}

resource "aws_iam_role" "deployer_role" {
  name = "${var.stem}-deployer"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "Account"
      Effect = "Allow"
      Principal = {
        AWS = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"
      }
      Action = ["sts:AssumeRole"]
    }]
  })
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
}

resource "aws_iam_role_policy" "deployer_role" {
  name = "toolkit"
  role = aws_iam_role.deployer_role.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ReadState"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/*"]
      },
      {
        Sid      = "ListState"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}"]
        Condition = {
          StringLikeIfExists = {
            "s3:prefix" = "${var.prefix}/*"
          }
        }
      },
      {
        Sid      = "WriteState"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/*"]
      },
      {
        Sid    = "Compact"
        Effect = "Allow"
        Action = ["s3:DeleteObject"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/cache/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/tail/*",
        ]
      },
      {
        Sid    = "LargeFiles"
        Effect = "Allow"
        Action = ["s3:AbortMultipartUpload"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/blobs/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/bundles/*",
        ]
      },
      {
        Sid    = "Clean"
        Effect = "Allow"
        Action = ["s3:DeleteObject"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/bundles/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/captures/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/doctor/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/profiles/*",
          "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/${var.prefix}/service/*",
        ]
      },
      {
        Sid    = "SubmitJobs"
        Effect = "Allow"
        Action = [
          "batch:RegisterJobDefinition",
          "batch:SubmitJob",
          "batch:TagResource",
        ]
        Resource = [
          "arn:${data.aws_partition.current.partition}:batch:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:job-definition/${var.stem}-job-*",
          "arn:${data.aws_partition.current.partition}:batch:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:job-queue/${var.stem}-jobs",
          "arn:${data.aws_partition.current.partition}:batch:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:job/*",
        ]
      },
      {
        Sid    = "FindJobs"
        Effect = "Allow"
        Action = [
          "batch:DescribeJobDefinitions",
          "batch:DescribeJobs",
          "batch:ListJobs",
        ]
        Resource = ["*"]
      },
      {
        Sid    = "PassJobRoles"
        Effect = "Allow"
        Action = ["iam:PassRole"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.stem}-job",
          "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.stem}-start",
        ]
        Condition = {
          StringEquals = {
            "iam:PassedToService" = "ecs-tasks.amazonaws.com"
          }
        }
      },
      {
        Sid      = "ReadJobLogs"
        Effect   = "Allow"
        Action   = ["logs:GetLogEvents"]
        Resource = ["arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:log-group:/toolkit/${var.stem}/jobs:*"]
      },
      {
        Sid      = "StopJobs"
        Effect   = "Allow"
        Action   = ["batch:TerminateJob"]
        Resource = ["arn:${data.aws_partition.current.partition}:batch:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:job/*"]
      },
      {
        Sid    = "Traffic"
        Effect = "Allow"
        Action = [
          "lambda:GetAlias",
          "lambda:GetFunction",
          "lambda:GetFunctionUrlConfig",
          "lambda:ListVersionsByFunction",
          "lambda:UpdateAlias",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:lambda:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:function:${var.stem}-*"]
      },
      {
        Sid    = "Versions"
        Effect = "Allow"
        Action = [
          "lambda:PublishVersion",
          "lambda:UpdateFunctionCode",
          "lambda:UpdateFunctionConfiguration",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:lambda:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:function:${var.stem}-*"]
      },
      {
        Sid      = "FindFunctions"
        Effect   = "Allow"
        Action   = ["lambda:ListFunctions"]
        Resource = ["*"]
      },
      {
        Sid    = "FunctionLogs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogGroup",
          "logs:PutRetentionPolicy",
          "logs:TagResource",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:log-group:/aws/lambda/${var.stem}-*"]
      },
      {
        Sid    = "PassFunctionRoles"
        Effect = "Allow"
        Action = ["iam:PassRole"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.stem}-inference",
          "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.stem}-drift-check",
        ]
        Condition = {
          StringEquals = {
            "iam:PassedToService" = "lambda.amazonaws.com"
          }
        }
      },
      {
        Sid    = "Schedules"
        Effect = "Allow"
        Action = [
          "scheduler:CreateSchedule",
          "scheduler:DeleteSchedule",
          "scheduler:GetSchedule",
          "scheduler:UpdateSchedule",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:scheduler:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:schedule/${var.stem}/*"]
      },
      {
        Sid      = "PassSchedulerRole"
        Effect   = "Allow"
        Action   = ["iam:PassRole"]
        Resource = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.stem}-scheduler"]
        Condition = {
          StringEquals = {
            "iam:PassedToService" = "scheduler.amazonaws.com"
          }
        }
      },
      {
        Sid      = "FindSchedules"
        Effect   = "Allow"
        Action   = ["scheduler:ListSchedules"]
        Resource = ["*"]
      },
      {
        Sid      = "SeeWatches"
        Effect   = "Allow"
        Action   = ["s3:GetBucketNotification"]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}"]
      },
      {
        Sid    = "Functions"
        Effect = "Allow"
        Action = [
          "lambda:CreateAlias",
          "lambda:CreateFunction",
          "lambda:CreateFunctionUrlConfig",
          "lambda:PutFunctionConcurrency",
          "lambda:TagResource",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:lambda:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:function:${var.stem}-*"]
      },
      {
        Sid    = "LetCall"
        Effect = "Allow"
        Action = [
          "lambda:AddPermission",
          "lambda:RemovePermission",
          "lambda:UpdateFunctionUrlConfig",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:lambda:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:function:${var.stem}-*"]
      },
      {
        Sid      = "Watches"
        Effect   = "Allow"
        Action   = ["s3:PutBucketNotification"]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}"]
      },
      {
        Sid    = "CallFunctions"
        Effect = "Allow"
        Action = [
          "lambda:InvokeFunction",
          "lambda:InvokeFunctionUrl",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:lambda:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:function:${var.stem}-*"]
      },
      {
        Sid    = "RemoveFunctions"
        Effect = "Allow"
        Action = [
          "lambda:DeleteFunction",
          "logs:DeleteLogGroup",
        ]
        Resource = [
          "arn:${data.aws_partition.current.partition}:lambda:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:function:${var.stem}-*",
          "arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:log-group:/aws/lambda/${var.stem}-*",
        ]
      },
      {
        Sid    = "ReadLogs"
        Effect = "Allow"
        Action = ["logs:FilterLogEvents"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:log-group:/aws/lambda/${var.stem}-*",
          "arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:log-group:/toolkit/${var.namespace}:*",
        ]
      },
      {
        Sid    = "Secrets"
        Effect = "Allow"
        Action = [
          "secretsmanager:CreateSecret",
          "secretsmanager:DeleteSecret",
          "secretsmanager:GetSecretValue",
          "secretsmanager:PutSecretValue",
          "secretsmanager:RestoreSecret",
          "secretsmanager:TagResource",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:secret:${var.secrets}/*"]
      },
      {
        Sid      = "ListSecrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:ListSecrets"]
        Resource = ["*"]
      },
      {
        Sid    = "Measure"
        Effect = "Allow"
        Action = [
          "logs:CreateLogStream",
          "logs:PutLogEvents",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:log-group:/toolkit/${var.namespace}:*"]
      },
      {
        Sid      = "Alert"
        Effect   = "Allow"
        Action   = ["sns:Publish"]
        Resource = ["arn:${data.aws_partition.current.partition}:sns:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:${var.stem}-alerts"]
      },
      {
        Sid    = "LookAtBucket"
        Effect = "Allow"
        Action = [
          "s3:GetBucketPublicAccessBlock",
          "s3:GetBucketVersioning",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}"]
      },
      {
        Sid    = "LookAtRoles"
        Effect = "Allow"
        Action = ["iam:GetRole"]
        Resource = [
          "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.stem}-inference",
          "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.stem}-drift-check",
          "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.stem}-job",
          "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.stem}-start",
        ]
      },
      {
        Sid      = "LookAtSelf"
        Effect   = "Allow"
        Action   = ["iam:SimulatePrincipalPolicy"]
        Resource = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.stem}-deployer"]
      },
      {
        Sid      = "LookAtImage"
        Effect   = "Allow"
        Action   = ["ecr:DescribeImages"]
        Resource = ["arn:${data.aws_partition.current.partition}:ecr:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:repository/${var.stem}-image"]
      },
      {
        Sid    = "LookAtAccount"
        Effect = "Allow"
        Action = [
          "batch:DescribeComputeEnvironments",
          "batch:DescribeJobQueues",
          "lambda:GetAccountSettings",
          "logs:DescribeLogGroups",
        ]
        Resource = ["*"]
      },
      {
        Sid      = "Registry"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = ["*"]
      },
      {
        Sid    = "PushImage"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability",
          "ecr:BatchGetImage",
          "ecr:GetDownloadUrlForLayer",
          "ecr:CompleteLayerUpload",
          "ecr:InitiateLayerUpload",
          "ecr:PutImage",
          "ecr:UploadLayerPart",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:ecr:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:repository/${var.stem}-image"]
      },
    ]
  })
}

resource "aws_security_group" "job_security_group" {
  # checkov:skip=CKV2_AWS_5:the compute environment attaches it to every job

  name        = "${var.stem}-jobs"
  description = "toolkit jobs: nothing comes in, HTTPS goes out"
  vpc_id      = var.vpc
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }

  egress {
    cidr_blocks = ["0.0.0.0/0"]
    description = "S3, the registry and package indexes"
    from_port   = 443
    protocol    = "tcp"
    to_port     = 443
  }
}

resource "aws_batch_compute_environment" "compute_environment" {
  name  = "${var.stem}-jobs"
  type  = "MANAGED"
  state = "ENABLED"
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }

  compute_resources {
    type               = "FARGATE"
    max_vcpus          = 64
    subnets            = var.subnets
    security_group_ids = [aws_security_group.job_security_group.id]
  }
}

resource "aws_batch_job_queue" "job_queue" {
  name     = "${var.stem}-jobs"
  priority = 1
  state    = "ENABLED"
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }

  compute_environment_order {
    order               = 1
    compute_environment = aws_batch_compute_environment.compute_environment.arn
  }
}

resource "aws_ecr_repository" "repository" {
  # checkov:skip=CKV_AWS_136:the image holds public packages only; ECR encrypts it with its own keys

  name                 = "${var.stem}-image"
  image_tag_mutability = "IMMUTABLE"
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_sns_topic" "alert_topic" {
  name              = "${var.stem}-alerts"
  kms_master_key_id = "alias/aws/sns"
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
}

resource "aws_sqs_queue" "undelivered" {
  # checkov:skip=CKV_AWS_27:SQS encrypts it with its own keys

  name                      = "${var.stem}-undelivered"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
}

resource "aws_scheduler_schedule_group" "schedule_group" {
  name = var.stem
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
}

resource "aws_cloudwatch_log_group" "job_logs" {
  # checkov:skip=CKV_AWS_158:logs hold no features and no secrets; CloudWatch encrypts them with its own keys
  # checkov:skip=CKV_AWS_338:90 days: what has to outlive that is in the journal

  name              = "/toolkit/${var.stem}/jobs"
  retention_in_days = 90
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
}

resource "aws_cloudwatch_log_group" "metrics" {
  # checkov:skip=CKV_AWS_158:logs hold no features and no secrets; CloudWatch encrypts them with its own keys
  # checkov:skip=CKV_AWS_338:90 days: what has to outlive that is in the journal

  name              = "/toolkit/${var.namespace}"
  retention_in_days = 90
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
}
