output "bucket" {
  description = "bucket = ... in [targets.<t>.gcp]"
  value       = google_storage_bucket.bucket.name
}

output "topic" {
  description = "topics = [...] in [targets.<t>.gcp]"
  value       = google_pubsub_topic.alert_topic.id
}

output "deployer" {
  description = "whom to impersonate when deploying"
  value       = google_service_account.deployer_account.email
}

output "repository" {
  description = "where toolkit image push puts the image"
  value       = google_artifact_registry_repository.repository.id
}
