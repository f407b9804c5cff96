# Generated: see toolkit/adapters/gcp/operator.

locals {
  # service accounts have 30 characters, pools 32: with a longer stem, toolkit export infra cuts them

  accounts = {
    inference   = "${var.stem}-inference"
    drift-check = "${var.stem}-drift-check"
    job         = "${var.stem}-job"
    retrain     = "${var.stem}-retrain"
    scheduler   = "${var.stem}-scheduler"
    deployer    = "${var.stem}-deployer"
  }
  pool   = "${var.stem}-ci"
  roles  = replace(var.stem, "-", "_")
  topics = startswith(var.stem, "goog") ? "t-${var.stem}" : var.stem
}

data "google_project" "current" {
  project_id = var.google_project
}

data "google_storage_project_service_account" "current" {
  project = var.google_project
}

resource "google_project_service" "apis" {
  for_each = toset([
    "artifactregistry.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "cloudtasks.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
    "sts.googleapis.com",
  ])
  project            = var.google_project
  service            = each.key
  disable_on_destroy = false
}

resource "google_storage_bucket" "bucket" {
  # checkov:skip=CKV_GCP_62:who wrote what is in the journal, tamper-evident; access logs would need a second bucket

  project  = var.google_project
  name     = var.bucket
  location = var.region
  labels = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }

  soft_delete_policy {
    retention_duration_seconds = 2592000
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }

    condition {
      age = 2
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      days_since_noncurrent_time = 30
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_service_account" "inference_account" {
  project      = var.google_project
  account_id   = local.accounts["inference"]
  display_name = "toolkit inference"
  description  = "answers requests (toolkit: project ${var.project}, target ${var.target})"
  depends_on   = [google_project_service.apis]
}

resource "google_service_account" "drift_check_account" {
  project      = var.google_project
  account_id   = local.accounts["drift-check"]
  display_name = "toolkit drift-check"
  description  = "the drift check and the rollouts (toolkit: project ${var.project}, target ${var.target})"
  depends_on   = [google_project_service.apis]
}

resource "google_service_account" "job_account" {
  project      = var.google_project
  account_id   = local.accounts["job"]
  display_name = "toolkit job"
  description  = "jobs that train (toolkit: project ${var.project}, target ${var.target})"
  depends_on   = [google_project_service.apis]
}

resource "google_service_account" "retrain_account" {
  project      = var.google_project
  account_id   = local.accounts["retrain"]
  display_name = "toolkit retrain"
  description  = "the job that retrains and deploys (toolkit: project ${var.project}, target ${var.target})"
  depends_on   = [google_project_service.apis]
}

resource "google_service_account" "scheduler_account" {
  project      = var.google_project
  account_id   = local.accounts["scheduler"]
  display_name = "toolkit scheduler"
  description  = "calls functions at times and for new data (toolkit: project ${var.project}, target ${var.target})"
  depends_on   = [google_project_service.apis]
}

resource "google_service_account" "deployer_account" {
  project      = var.google_project
  account_id   = local.accounts["deployer"]
  display_name = "toolkit deployer"
  description  = "people and pipelines with the command line (toolkit: project ${var.project}, target ${var.target})"
  depends_on   = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "read_power" {
  project     = var.google_project
  role_id     = "${local.roles}.read"
  title       = "toolkit read"
  description = "read objects (toolkit: project ${var.project}, target ${var.target})"
  permissions = ["storage.objects.get"]
  stage       = "GA"
  depends_on  = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "list_power" {
  project     = var.google_project
  role_id     = "${local.roles}.list"
  title       = "toolkit list"
  description = "see which objects there are (toolkit: project ${var.project}, target ${var.target})"
  permissions = ["storage.objects.list"]
  stage       = "GA"
  depends_on  = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "create_power" {
  project     = var.google_project
  role_id     = "${local.roles}.create"
  title       = "toolkit create"
  description = "write objects that are not there yet (toolkit: project ${var.project}, target ${var.target})"
  permissions = ["storage.objects.create"]
  stage       = "GA"
  depends_on  = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "replace_power" {
  project     = var.google_project
  role_id     = "${local.roles}.replace"
  title       = "toolkit replace"
  description = "write objects over others, and remove them (toolkit: project ${var.project}, target ${var.target})"
  permissions = [
    "storage.objects.create",
    "storage.objects.delete",
  ]
  stage      = "GA"
  depends_on = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "remove_power" {
  project     = var.google_project
  role_id     = "${local.roles}.remove"
  title       = "toolkit remove"
  description = "remove objects (toolkit: project ${var.project}, target ${var.target})"
  permissions = ["storage.objects.delete"]
  stage       = "GA"
  depends_on  = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "notify_power" {
  project     = var.google_project
  role_id     = "${local.roles}.notify"
  title       = "toolkit notify"
  description = "have new objects told, see how the bucket is set up; IAM knows no smaller right for the first (toolkit: project ${var.project}, target ${var.target})"
  permissions = [
    "storage.buckets.get",
    "storage.buckets.update",
  ]
  stage      = "GA"
  depends_on = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "tell_power" {
  project     = var.google_project
  role_id     = "${local.roles}.tell"
  title       = "toolkit tell"
  description = "publish alerts (toolkit: project ${var.project}, target ${var.target})"
  permissions = ["pubsub.topics.publish"]
  stage       = "GA"
  depends_on  = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "measure_power" {
  project     = var.google_project
  role_id     = "${local.roles}.measure"
  title       = "toolkit measure"
  description = "write metrics and their log (toolkit: project ${var.project}, target ${var.target})"
  permissions = [
    "logging.logEntries.create",
    "monitoring.timeSeries.create",
  ]
  stage      = "GA"
  depends_on = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "log_power" {
  project     = var.google_project
  role_id     = "${local.roles}.log"
  title       = "toolkit log"
  description = "read what functions, jobs and metrics wrote (toolkit: project ${var.project}, target ${var.target})"
  permissions = ["logging.logEntries.list"]
  stage       = "GA"
  depends_on  = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "traffic_power" {
  project     = var.google_project
  role_id     = "${local.roles}.traffic"
  title       = "toolkit traffic"
  description = "move traffic between versions, publish a version of a service that is there (toolkit: project ${var.project}, target ${var.target})"
  permissions = [
    "run.operations.get",
    "run.revisions.get",
    "run.revisions.list",
    "run.services.get",
    "run.services.getIamPolicy",
    "run.services.list",
    "run.services.setIamPolicy",
    "run.services.update",
  ]
  stage      = "GA"
  depends_on = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "deploy_power" {
  project     = var.google_project
  role_id     = "${local.roles}.deploy"
  title       = "toolkit deploy"
  description = "make and remove services and versions (toolkit: project ${var.project}, target ${var.target})"
  permissions = [
    "run.revisions.delete",
    "run.services.create",
    "run.services.delete",
  ]
  stage      = "GA"
  depends_on = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "call_power" {
  project     = var.google_project
  role_id     = "${local.roles}.call"
  title       = "toolkit call"
  description = "call functions (toolkit: project ${var.project}, target ${var.target})"
  permissions = ["run.routes.invoke"]
  stage       = "GA"
  depends_on  = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "jobs_power" {
  project     = var.google_project
  role_id     = "${local.roles}.jobs"
  title       = "toolkit jobs"
  description = "start jobs, look at them and stop them (toolkit: project ${var.project}, target ${var.target})"
  permissions = [
    "run.executions.cancel",
    "run.executions.get",
    "run.jobs.create",
    "run.jobs.delete",
    "run.jobs.get",
    "run.jobs.list",
    "run.jobs.run",
    "run.operations.get",
    "run.tasks.list",
  ]
  stage      = "GA"
  depends_on = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "schedules_power" {
  project     = var.google_project
  role_id     = "${local.roles}.schedules"
  title       = "toolkit schedules"
  description = "schedules of functions (toolkit: project ${var.project}, target ${var.target})"
  permissions = [
    "cloudscheduler.jobs.create",
    "cloudscheduler.jobs.delete",
    "cloudscheduler.jobs.enable",
    "cloudscheduler.jobs.fullView",
    "cloudscheduler.jobs.get",
    "cloudscheduler.jobs.list",
    "cloudscheduler.jobs.pause",
    "cloudscheduler.jobs.update",
  ]
  stage      = "GA"
  depends_on = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "events_power" {
  project     = var.google_project
  role_id     = "${local.roles}.events"
  title       = "toolkit events"
  description = "queue events that nobody waits for (toolkit: project ${var.project}, target ${var.target})"
  permissions = ["cloudtasks.tasks.create"]
  stage       = "GA"
  depends_on  = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "watches_power" {
  project     = var.google_project
  role_id     = "${local.roles}.watches"
  title       = "toolkit watches"
  description = "have a function called for new objects (toolkit: project ${var.project}, target ${var.target})"
  permissions = [
    "pubsub.subscriptions.create",
    "pubsub.subscriptions.delete",
    "pubsub.subscriptions.get",
    "pubsub.subscriptions.update",
    "pubsub.topics.attachSubscription",
  ]
  stage      = "GA"
  depends_on = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "secrets_power" {
  project     = var.google_project
  role_id     = "${local.roles}.secrets"
  title       = "toolkit secrets"
  description = "secrets of the target (toolkit: project ${var.project}, target ${var.target})"
  permissions = [
    "secretmanager.secrets.delete",
    "secretmanager.secrets.get",
    "secretmanager.versions.access",
    "secretmanager.versions.add",
    "secretmanager.versions.destroy",
    "secretmanager.versions.list",
  ]
  stage      = "GA"
  depends_on = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "keep_power" {
  project     = var.google_project
  role_id     = "${local.roles}.keep"
  title       = "toolkit keep"
  description = "make secrets, list them (toolkit: project ${var.project}, target ${var.target})"
  permissions = [
    "secretmanager.secrets.create",
    "secretmanager.secrets.list",
  ]
  stage      = "GA"
  depends_on = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "pull_power" {
  project     = var.google_project
  role_id     = "${local.roles}.pull"
  title       = "toolkit pull"
  description = "read images (toolkit: project ${var.project}, target ${var.target})"
  permissions = ["artifactregistry.repositories.downloadArtifacts"]
  stage       = "GA"
  depends_on  = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "push_power" {
  project     = var.google_project
  role_id     = "${local.roles}.push"
  title       = "toolkit push"
  description = "push images (toolkit: project ${var.project}, target ${var.target})"
  permissions = [
    "artifactregistry.repositories.downloadArtifacts",
    "artifactregistry.repositories.uploadArtifacts",
    "artifactregistry.tags.create",
    "artifactregistry.tags.get",
    "artifactregistry.tags.list",
    "artifactregistry.versions.get",
  ]
  stage      = "GA"
  depends_on = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "act_power" {
  project     = var.google_project
  role_id     = "${local.roles}.act"
  title       = "toolkit act"
  description = "start what runs as this account (toolkit: project ${var.project}, target ${var.target})"
  permissions = ["iam.serviceAccounts.actAs"]
  stage       = "GA"
  depends_on  = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "doctor_power" {
  project     = var.google_project
  role_id     = "${local.roles}.doctor"
  title       = "toolkit doctor"
  description = "doctor: what is there (toolkit: project ${var.project}, target ${var.target})"
  permissions = [
    "artifactregistry.repositories.get",
    "iam.serviceAccounts.get",
    "resourcemanager.projects.get",
    "serviceusage.services.get",
    "serviceusage.services.list",
  ]
  stage      = "GA"
  depends_on = [google_project_service.apis]
}

resource "google_artifact_registry_repository" "repository" {
  # checkov:skip=CKV_GCP_84:the image holds public packages only; Google encrypts it with its own keys

  project       = var.google_project
  location      = var.region
  repository_id = "${var.stem}-image"
  format        = "DOCKER"
  description   = "the image of jobs and functions"
  labels = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
  depends_on = [google_project_service.apis]

  docker_config {
    immutable_tags = true
  }
}

resource "google_pubsub_topic" "alert_topic" {
  # checkov:skip=CKV_GCP_83:alerts and names of objects; Google encrypts them with its own keys

  project = var.google_project
  name    = "${local.topics}-alerts"
  labels = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
  depends_on = [google_project_service.apis]
}

resource "google_pubsub_topic" "data_topic" {
  # checkov:skip=CKV_GCP_83:alerts and names of objects; Google encrypts them with its own keys

  project = var.google_project
  name    = "${local.topics}-new-data"
  labels = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
  depends_on = [google_project_service.apis]
}

resource "google_cloud_tasks_queue" "queue" {
  project    = var.google_project
  location   = var.region
  name       = "${var.stem}-events"
  depends_on = [google_project_service.apis]
}

resource "google_storage_bucket_iam_member" "bucket_read_inference" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.read_power.id
  member = google_service_account.inference_account.member

  condition {
    title      = "its bundle, what it wrote, released models"
    expression = "resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/bundles/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/profiles/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/captures/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/feedback/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/service/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/journal/releases/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/cache/journal/releases/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/models/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/signatures/\")"
  }
}

resource "google_storage_bucket_iam_member" "bucket_list_deployer" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.list_power.id
  member = google_service_account.deployer_account.member
}

resource "google_storage_bucket_iam_member" "bucket_list_drift_check" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.list_power.id
  member = google_service_account.drift_check_account.member
}

resource "google_storage_bucket_iam_member" "bucket_list_inference" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.list_power.id
  member = google_service_account.inference_account.member
}

resource "google_storage_bucket_iam_member" "bucket_list_job" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.list_power.id
  member = google_service_account.job_account.member
}

resource "google_storage_bucket_iam_member" "bucket_list_retrain" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.list_power.id
  member = google_service_account.retrain_account.member
}

resource "google_storage_bucket_iam_member" "bucket_create_inference" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.create_power.id
  member = google_service_account.inference_account.member

  condition {
    title      = "counts, captured predictions and labels"
    expression = "resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/profiles/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/captures/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/feedback/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/service/\")"
  }
}

resource "google_storage_bucket_iam_member" "bucket_read_deployer" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.read_power.id
  member = google_service_account.deployer_account.member

  condition {
    title      = "the bucket is the database"
    expression = "resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/\")"
  }
}

resource "google_storage_bucket_iam_member" "bucket_read_drift_check" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.read_power.id
  member = google_service_account.drift_check_account.member

  condition {
    title      = "the bucket is the database"
    expression = "resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/\")"
  }
}

resource "google_storage_bucket_iam_member" "bucket_read_job" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.read_power.id
  member = google_service_account.job_account.member

  condition {
    title      = "the bucket is the database"
    expression = "resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/\")"
  }
}

resource "google_storage_bucket_iam_member" "bucket_read_retrain" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.read_power.id
  member = google_service_account.retrain_account.member

  condition {
    title      = "the bucket is the database"
    expression = "resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/\")"
  }
}

resource "google_storage_bucket_iam_member" "bucket_create_drift_check" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.create_power.id
  member = google_service_account.drift_check_account.member

  condition {
    title      = "reports, incidents, rollouts, what cannot be read, compacted counts"
    expression = "resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/journal/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/models/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/reports/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/deadletter/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/profiles/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/service/\")"
  }
}

resource "google_storage_bucket_iam_member" "bucket_replace_drift_check" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.replace_power.id
  member = google_service_account.drift_check_account.member

  condition {
    title      = "pages, checkpoints, leases"
    expression = "resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/pages/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/cache/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/leases/\")"
  }
}

resource "google_storage_bucket_iam_member" "bucket_remove_drift_check" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.remove_power.id
  member = google_service_account.drift_check_account.member

  condition {
    title      = "counts and captures live as long as they may"
    expression = "resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/profiles/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/service/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/captures/\")"
  }
}

resource "google_storage_bucket_iam_member" "bucket_create_job" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.create_power.id
  member = google_service_account.job_account.member

  condition {
    title      = "its run, the model and its files, its version"
    expression = "resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/runs/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/blobs/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/journal/registry/\")"
  }
}

resource "google_storage_bucket_iam_member" "bucket_replace_job" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.replace_power.id
  member = google_service_account.job_account.member

  condition {
    title      = "the registry's checkpoint"
    expression = "resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/cache/journal/registry/\")"
  }
}

resource "google_storage_bucket_iam_member" "bucket_create_deployer" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.create_power.id
  member = google_service_account.deployer_account.member

  condition {
    title      = "runs, models, releases, bundles"
    expression = "resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/\")"
  }
}

resource "google_storage_bucket_iam_member" "bucket_create_retrain" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.create_power.id
  member = google_service_account.retrain_account.member

  condition {
    title      = "runs, models, releases, bundles"
    expression = "resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/\")"
  }
}

resource "google_storage_bucket_iam_member" "bucket_replace_deployer" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.replace_power.id
  member = google_service_account.deployer_account.member

  condition {
    title      = "caches, leases, pages, what the index of runs took over"
    expression = "resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/cache/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/leases/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/pages/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/tail/\")"
  }
}

resource "google_storage_bucket_iam_member" "bucket_replace_retrain" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.replace_power.id
  member = google_service_account.retrain_account.member

  condition {
    title      = "caches, leases, pages, what the index of runs took over"
    expression = "resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/cache/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/leases/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/pages/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/tail/\")"
  }
}

resource "google_storage_bucket_iam_member" "bucket_replace_deployer_2" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.replace_power.id
  member = google_service_account.deployer_account.member

  condition {
    title      = "doctor, destroy, gc"
    expression = "resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/doctor/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/bundles/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/captures/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/profiles/\") || resource.name.startsWith(\"projects/_/buckets/${var.bucket}/objects/${var.prefix}/service/\")"
  }
}

resource "google_storage_bucket_iam_member" "bucket_notify_deployer" {
  bucket = google_storage_bucket.bucket.name
  role   = google_project_iam_custom_role.notify_power.id
  member = google_service_account.deployer_account.member
}

resource "google_pubsub_topic_iam_member" "alerts_tell_deployer" {
  project = var.google_project
  topic   = google_pubsub_topic.alert_topic.name
  role    = google_project_iam_custom_role.tell_power.id
  member  = google_service_account.deployer_account.member
}

resource "google_pubsub_topic_iam_member" "alerts_tell_drift_check" {
  project = var.google_project
  topic   = google_pubsub_topic.alert_topic.name
  role    = google_project_iam_custom_role.tell_power.id
  member  = google_service_account.drift_check_account.member
}

resource "google_project_iam_member" "project_measure_deployer" {
  project = var.google_project
  role    = google_project_iam_custom_role.measure_power.id
  member  = google_service_account.deployer_account.member
}

resource "google_project_iam_member" "project_measure_drift_check" {
  project = var.google_project
  role    = google_project_iam_custom_role.measure_power.id
  member  = google_service_account.drift_check_account.member
}

resource "google_project_iam_member" "project_jobs_deployer" {
  project = var.google_project
  role    = google_project_iam_custom_role.jobs_power.id
  member  = google_service_account.deployer_account.member
}

resource "google_project_iam_member" "project_jobs_drift_check" {
  project = var.google_project
  role    = google_project_iam_custom_role.jobs_power.id
  member  = google_service_account.drift_check_account.member
}

resource "google_project_iam_member" "project_jobs_retrain" {
  project = var.google_project
  role    = google_project_iam_custom_role.jobs_power.id
  member  = google_service_account.retrain_account.member
}

resource "google_project_iam_member" "project_traffic_deployer" {
  project = var.google_project
  role    = google_project_iam_custom_role.traffic_power.id
  member  = google_service_account.deployer_account.member
}

resource "google_project_iam_member" "project_traffic_drift_check" {
  project = var.google_project
  role    = google_project_iam_custom_role.traffic_power.id
  member  = google_service_account.drift_check_account.member
}

resource "google_project_iam_member" "project_traffic_retrain" {
  project = var.google_project
  role    = google_project_iam_custom_role.traffic_power.id
  member  = google_service_account.retrain_account.member
}

resource "google_project_iam_member" "project_schedules_deployer" {
  project = var.google_project
  role    = google_project_iam_custom_role.schedules_power.id
  member  = google_service_account.deployer_account.member
}

resource "google_project_iam_member" "project_schedules_drift_check" {
  project = var.google_project
  role    = google_project_iam_custom_role.schedules_power.id
  member  = google_service_account.drift_check_account.member
}

resource "google_project_iam_member" "project_schedules_retrain" {
  project = var.google_project
  role    = google_project_iam_custom_role.schedules_power.id
  member  = google_service_account.retrain_account.member
}

resource "google_project_iam_member" "project_log_deployer" {
  project = var.google_project
  role    = google_project_iam_custom_role.log_power.id
  member  = google_service_account.deployer_account.member
}

resource "google_project_iam_member" "project_log_retrain" {
  project = var.google_project
  role    = google_project_iam_custom_role.log_power.id
  member  = google_service_account.retrain_account.member
}

resource "google_project_iam_member" "project_deploy_deployer" {
  project = var.google_project
  role    = google_project_iam_custom_role.deploy_power.id
  member  = google_service_account.deployer_account.member
}

resource "google_project_iam_member" "project_call_deployer" {
  project = var.google_project
  role    = google_project_iam_custom_role.call_power.id
  member  = google_service_account.deployer_account.member
}

resource "google_project_iam_member" "project_events_deployer" {
  project = var.google_project
  role    = google_project_iam_custom_role.events_power.id
  member  = google_service_account.deployer_account.member
}

resource "google_project_iam_member" "project_watches_deployer" {
  project = var.google_project
  role    = google_project_iam_custom_role.watches_power.id
  member  = google_service_account.deployer_account.member
}

resource "google_project_iam_member" "project_secrets_deployer" {
  project = var.google_project
  role    = google_project_iam_custom_role.secrets_power.id
  member  = google_service_account.deployer_account.member

  condition {
    title      = "secrets of this target"
    expression = "resource.name.startsWith(\"projects/${data.google_project.current.number}/secrets/${var.stem}--\")"
  }
}

resource "google_project_iam_member" "project_keep_deployer" {
  project = var.google_project
  role    = google_project_iam_custom_role.keep_power.id
  member  = google_service_account.deployer_account.member
}

resource "google_project_iam_member" "project_doctor_deployer" {
  project = var.google_project
  role    = google_project_iam_custom_role.doctor_power.id
  member  = google_service_account.deployer_account.member
}

resource "google_service_account_iam_member" "retrain_account_act_drift_check" {
  service_account_id = google_service_account.retrain_account.name
  role               = google_project_iam_custom_role.act_power.id
  member             = google_service_account.drift_check_account.member
}

resource "google_service_account_iam_member" "inference_account_act_deployer" {
  service_account_id = google_service_account.inference_account.name
  role               = google_project_iam_custom_role.act_power.id
  member             = google_service_account.deployer_account.member
}

resource "google_service_account_iam_member" "inference_account_act_drift_check" {
  service_account_id = google_service_account.inference_account.name
  role               = google_project_iam_custom_role.act_power.id
  member             = google_service_account.drift_check_account.member
}

resource "google_service_account_iam_member" "inference_account_act_retrain" {
  service_account_id = google_service_account.inference_account.name
  role               = google_project_iam_custom_role.act_power.id
  member             = google_service_account.retrain_account.member
}

resource "google_service_account_iam_member" "drift_check_account_act_deployer" {
  service_account_id = google_service_account.drift_check_account.name
  role               = google_project_iam_custom_role.act_power.id
  member             = google_service_account.deployer_account.member
}

resource "google_service_account_iam_member" "drift_check_account_act_drift_check" {
  service_account_id = google_service_account.drift_check_account.name
  role               = google_project_iam_custom_role.act_power.id
  member             = google_service_account.drift_check_account.member
}

resource "google_service_account_iam_member" "drift_check_account_act_retrain" {
  service_account_id = google_service_account.drift_check_account.name
  role               = google_project_iam_custom_role.act_power.id
  member             = google_service_account.retrain_account.member
}

resource "google_service_account_iam_member" "scheduler_account_act_deployer" {
  service_account_id = google_service_account.scheduler_account.name
  role               = google_project_iam_custom_role.act_power.id
  member             = google_service_account.deployer_account.member
}

resource "google_service_account_iam_member" "scheduler_account_act_drift_check" {
  service_account_id = google_service_account.scheduler_account.name
  role               = google_project_iam_custom_role.act_power.id
  member             = google_service_account.drift_check_account.member
}

resource "google_service_account_iam_member" "scheduler_account_act_retrain" {
  service_account_id = google_service_account.scheduler_account.name
  role               = google_project_iam_custom_role.act_power.id
  member             = google_service_account.retrain_account.member
}

resource "google_service_account_iam_member" "job_account_act_deployer" {
  service_account_id = google_service_account.job_account.name
  role               = google_project_iam_custom_role.act_power.id
  member             = google_service_account.deployer_account.member
}

resource "google_service_account_iam_member" "job_account_act_retrain" {
  service_account_id = google_service_account.job_account.name
  role               = google_project_iam_custom_role.act_power.id
  member             = google_service_account.retrain_account.member
}

resource "google_artifact_registry_repository_iam_member" "repository_pull_deployer" {
  project    = var.google_project
  location   = var.region
  repository = google_artifact_registry_repository.repository.name
  role       = google_project_iam_custom_role.pull_power.id
  member     = google_service_account.deployer_account.member
}

resource "google_artifact_registry_repository_iam_member" "repository_pull_retrain" {
  project    = var.google_project
  location   = var.region
  repository = google_artifact_registry_repository.repository.name
  role       = google_project_iam_custom_role.pull_power.id
  member     = google_service_account.retrain_account.member
}

resource "google_artifact_registry_repository_iam_member" "repository_push_deployer" {
  project    = var.google_project
  location   = var.region
  repository = google_artifact_registry_repository.repository.name
  role       = google_project_iam_custom_role.push_power.id
  member     = google_service_account.deployer_account.member
}

resource "google_pubsub_topic_iam_member" "data_publisher_storage_agent" {
  project = var.google_project
  topic   = google_pubsub_topic.data_topic.name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${data.google_storage_project_service_account.current.email_address}"
}

resource "google_iam_workload_identity_pool" "pool" {
  count                     = var.pipeline == "" ? 0 : 1
  project                   = var.google_project
  workload_identity_pool_id = local.pool
  display_name              = "toolkit"
  description               = "toolkit: project ${var.project}, target ${var.target}"
  depends_on                = [google_project_service.apis]
}

resource "google_iam_workload_identity_pool_provider" "pool_provider" {
  # checkov:skip=CKV_GCP_125:the claim is repo:owner/name:environment:target, which checkov cannot see in variables

  count                              = var.pipeline == "" ? 0 : 1
  project                            = var.google_project
  workload_identity_pool_id          = google_iam_workload_identity_pool.pool[0].workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  display_name                       = "GitHub"
  attribute_mapping = {
    "google.subject"       = "assertion.sub"
    "attribute.repository" = "assertion.repository"
  }
  attribute_condition = "assertion.sub == 'repo:${var.pipeline}:environment:${var.target}'"
  depends_on          = [google_project_service.apis]

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account_iam_member" "deployer_account_workloadidentityuser_pipeline" {
  count              = var.pipeline == "" ? 0 : 1
  service_account_id = google_service_account.deployer_account.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.pool[0].name}/attribute.repository/${var.pipeline}"
}

resource "google_project_service" "batch_apis" {
  for_each           = toset(var.batch ? ["batch.googleapis.com", "compute.googleapis.com"] : [])
  project            = var.google_project
  service            = each.key
  disable_on_destroy = false
}

resource "google_project_iam_custom_role" "batch_power" {
  count       = var.batch ? 1 : 0
  project     = var.google_project
  role_id     = "${local.roles}.batch"
  title       = "toolkit batch"
  description = "start jobs of Batch, look at them and stop them (toolkit: project ${var.project}, target ${var.target})"
  permissions = [
    "batch.jobs.create",
    "batch.jobs.delete",
    "batch.jobs.get",
    "batch.jobs.list",
    "batch.tasks.list",
  ]
  stage      = "GA"
  depends_on = [google_project_service.apis]
}

resource "google_project_iam_custom_role" "report_power" {
  count       = var.batch ? 1 : 0
  project     = var.google_project
  role_id     = "${local.roles}.report"
  title       = "toolkit report"
  description = "run tasks of Batch: tell how they go, write what they print (toolkit: project ${var.project}, target ${var.target})"
  permissions = [
    "batch.states.report",
    "logging.logEntries.create",
  ]
  stage      = "GA"
  depends_on = [google_project_service.apis]
}

resource "google_project_iam_member" "project_batch_deployer" {
  count   = var.batch ? 1 : 0
  project = var.google_project
  role    = google_project_iam_custom_role.batch_power[0].id
  member  = google_service_account.deployer_account.member
}

resource "google_project_iam_member" "project_batch_drift_check" {
  count   = var.batch ? 1 : 0
  project = var.google_project
  role    = google_project_iam_custom_role.batch_power[0].id
  member  = google_service_account.drift_check_account.member
}

resource "google_project_iam_member" "project_batch_retrain" {
  count   = var.batch ? 1 : 0
  project = var.google_project
  role    = google_project_iam_custom_role.batch_power[0].id
  member  = google_service_account.retrain_account.member
}

resource "google_project_iam_member" "project_report_job" {
  count   = var.batch ? 1 : 0
  project = var.google_project
  role    = google_project_iam_custom_role.report_power[0].id
  member  = google_service_account.job_account.member
}

resource "google_project_iam_member" "project_report_retrain" {
  count   = var.batch ? 1 : 0
  project = var.google_project
  role    = google_project_iam_custom_role.report_power[0].id
  member  = google_service_account.retrain_account.member
}

resource "google_artifact_registry_repository_iam_member" "repository_pull_job" {
  count      = var.batch ? 1 : 0
  project    = var.google_project
  location   = var.region
  repository = google_artifact_registry_repository.repository.name
  role       = google_project_iam_custom_role.pull_power.id
  member     = google_service_account.job_account.member
}
