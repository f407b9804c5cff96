output "topics" {
  description = "topics in [targets.<t>.azure]"
  value       = azapi_resource.topic.output.properties.endpoint
}

output "workspace" {
  description = "workspace in [targets.<t>.azure]"
  value       = azapi_resource.workspace.output.properties.customerId
}

output "ingestion" {
  description = "ingestion in [targets.<t>.azure]"
  value       = azapi_resource.rule.output.properties.endpoints.logsIngestion
}

output "rule" {
  description = "rule in [targets.<t>.azure]"
  value       = azapi_resource.rule.output.properties.immutableId
}
