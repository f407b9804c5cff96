variable "project" {
  description = "name of the project in toolkit.toml"
  type        = string
}

variable "target" {
  description = "name of the target in toolkit.toml"
  type        = string
}

variable "stem" {
  description = "what every name begins with: project-target, as `toolkit export iam` shows it"
  type        = string
}

variable "subscription" {
  description = "the id of the subscription"
  type        = string
}

variable "group" {
  description = "the resource group that everything is in"
  type        = string
}

variable "location" {
  description = "where everything is, like westeurope"
  type        = string
}

variable "account" {
  description = "the storage account: 3-24 of a-z and 0-9, the world's"
  type        = string
}

variable "container" {
  description = "the blob container that is the database"
  type        = string
}

variable "prefix" {
  description = "folder in the container: the project's name unless prefix is set"
  type        = string
}

variable "vault" {
  description = "the Key Vault: 3-24 characters, the world's"
  type        = string
}

variable "registry" {
  description = "the container registry: 5-50 of letters and digits, the world's"
  type        = string
}

variable "tenant" {
  description = "the id of the Entra tenant"
  type        = string
}
