variable "project" {
  description = "name of the project in toolkit.toml"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.project))
    error_message = "project is not valid."
  }
}

variable "target" {
  description = "name of the target in toolkit.toml"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.target))
    error_message = "target is not valid."
  }
}

variable "stem" {
  description = "what every name begins with: project-target, or as `toolkit export iam` prints it"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.stem))
    error_message = "stem is not valid."
  }
}

variable "bucket" {
  description = "the bucket that is the database"
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket is not valid."
  }
}

variable "prefix" {
  description = "folder in the bucket: the project's name unless prefix is set"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_./-]*$", var.prefix))
    error_message = "prefix is not valid."
  }
}

variable "secrets" {
  description = "folder of the secrets' names: project/target"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_./-]*$", var.secrets))
    error_message = "secrets is not valid."
  }
}

variable "namespace" {
  description = "namespace of the metrics: project/target"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_./-]*$", var.namespace))
    error_message = "namespace is not valid."
  }
}

variable "vpc" {
  description = "where jobs run"
  type        = string
}

variable "subnets" {
  description = "of that VPC, with a way to S3, ECR and CloudWatch"
  type        = list(string)
}
