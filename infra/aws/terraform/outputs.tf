output "bucket" {
  description = "bucket = ... in [targets.<t>.aws]"
  value       = aws_s3_bucket.bucket.id
}

output "topic" {
  description = "topics = [...] in [targets.<t>.aws]"
  value       = aws_sns_topic.alert_topic.arn
}

output "deployer" {
  description = "role_arn of the AWS profile that deploys"
  value       = aws_iam_role.deployer_role.arn
}

output "repository" {
  description = "where toolkit image push puts the job image"
  value       = aws_ecr_repository.repository.repository_url
}
