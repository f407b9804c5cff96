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
  description = "what every name begins with: project-target, as `toolkit export iam` shows it"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.stem))
    error_message = "stem is not valid."
  }
}

variable "google_project" {
  description = "the Google Cloud project's id"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.google_project))
    error_message = "google_project is not valid."
  }
}

variable "region" {
  description = "where the bucket, functions and jobs are"
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is not valid."
  }
}

variable "bucket" {
  description = "the bucket that is the database"
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", var.bucket))
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

variable "pipeline" {
  description = "owner/name of the GitHub repository that deploys; empty: none"
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9-]+/[A-Za-z0-9._-]+)?$", var.pipeline))
    error_message = "pipeline is not valid."
  }
}

variable "batch" {
  description = "whether jobs may run by Batch: true where batch = \"needed\" or \"always\" in [targets.<t>.gcp]"
  type        = bool
  default     = false
}
