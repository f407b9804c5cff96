# Generated: see toolkit/adapters/azure/operator.

resource "azapi_resource" "group" {
  type      = "Microsoft.Resources/resourceGroups@2024-07-01"
  name      = var.group
  parent_id = "/subscriptions/${var.subscription}"
  location  = var.location
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "account" {
  type      = "Microsoft.Storage/storageAccounts@2026-09-01"
  name      = var.account
  parent_id = azapi_resource.group.id
  location  = var.location
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
  body = {
    kind = "StorageV2"
    sku = {
      name = "Standard_ZRS"
    }
    properties = {
      accessTier                  = "Hot"
      allowBlobPublicAccess       = false
      allowCrossTenantReplication = false
      allowSharedKeyAccess        = false
      encryption = {
        keySource                       = "Microsoft.Storage"
        requireInfrastructureEncryption = true
        services = {
          blob = {
            enabled = true
            keyType = "Account"
          }
          file = {
            enabled = true
            keyType = "Account"
          }
        }
      }
      minimumTlsVersion = "TLS1_2"
      networkAcls = {
        bypass        = "AzureServices"
        defaultAction = "Allow"
      }
      publicNetworkAccess      = "Enabled"
      supportsHttpsTrafficOnly = true
    }
  }
  response_export_values = ["*"]

  lifecycle {
    prevent_destroy = true
  }
}

resource "azapi_resource" "blobs" {
  type      = "Microsoft.Storage/storageAccounts/blobServices@2026-09-01"
  name      = "default"
  parent_id = azapi_resource.account.id
  body = {
    properties = {
      isVersioningEnabled = true
      deleteRetentionPolicy = {
        enabled = true
        days    = 30
      }
      containerDeleteRetentionPolicy = {
        enabled = true
        days    = 30
      }
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "container" {
  type      = "Microsoft.Storage/storageAccounts/blobServices/containers@2026-09-01"
  name      = var.container
  parent_id = azapi_resource.blobs.id
  body = {
    properties = {
      publicAccess = "None"
    }
  }
  response_export_values = ["*"]

  lifecycle {
    prevent_destroy = true
  }
}

resource "azapi_resource" "inference_identity" {
  type      = "Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30"
  name      = "${var.stem}-inference"
  parent_id = azapi_resource.group.id
  location  = var.location
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "drift_check_identity" {
  type      = "Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30"
  name      = "${var.stem}-drift-check"
  parent_id = azapi_resource.group.id
  location  = var.location
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "job_identity" {
  type      = "Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30"
  name      = "${var.stem}-job"
  parent_id = azapi_resource.group.id
  location  = var.location
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "retrain_identity" {
  type      = "Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30"
  name      = "${var.stem}-retrain"
  parent_id = azapi_resource.group.id
  location  = var.location
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "scheduler_identity" {
  type      = "Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30"
  name      = "${var.stem}-scheduler"
  parent_id = azapi_resource.group.id
  location  = var.location
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "vault" {
  type      = "Microsoft.KeyVault/vaults@2026-05-15"
  name      = var.vault
  parent_id = azapi_resource.group.id
  location  = var.location
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
  body = {
    properties = {
      tenantId = var.tenant
      sku = {
        family = "A"
        name   = "standard"
      }
      enableRbacAuthorization   = true
      enableSoftDelete          = true
      enablePurgeProtection     = true
      softDeleteRetentionInDays = 90
      publicNetworkAccess       = "Enabled"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "registry" {
  type      = "Microsoft.ContainerRegistry/registries@2023-07-01"
  name      = var.registry
  parent_id = azapi_resource.group.id
  location  = var.location
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
  body = {
    sku = {
      name = "Standard"
    }
    properties = {
      adminUserEnabled     = false
      anonymousPullEnabled = false
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "workspace" {
  type      = "Microsoft.OperationalInsights/workspaces@2025-07-01"
  name      = "${var.stem}-logs"
  parent_id = azapi_resource.group.id
  location  = var.location
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
  body = {
    properties = {
      sku = {
        name = "PerGB2018"
      }
      retentionInDays = 30
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "table" {
  type      = "Microsoft.OperationalInsights/workspaces/tables@2025-07-01"
  name      = "ToolkitMetrics_CL"
  parent_id = azapi_resource.workspace.id
  body = {
    properties = {
      schema = {
        name = "ToolkitMetrics_CL"
        columns = [
          {
            name = "TimeGenerated"
            type = "dateTime"
          },
          {
            name = "Target"
            type = "string"
          },
          {
            name = "Name"
            type = "string"
          },
          {
            name = "Time"
            type = "dateTime"
          },
          {
            name = "Value"
            type = "real"
          },
          {
            name = "Unit"
            type = "string"
          },
          {
            name = "Labels"
            type = "dynamic"
          },
        ]
      }
      plan = "Analytics"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "rule" {
  type      = "Microsoft.Insights/dataCollectionRules@2023-03-11"
  name      = "${var.stem}-metrics"
  parent_id = azapi_resource.group.id
  location  = var.location
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
  body = {
    kind = "Direct"
    properties = {
      streamDeclarations = {
        Custom-ToolkitMetrics_CL = {
          columns = [
            {
              name = "TimeGenerated"
              type = "datetime"
            },
            {
              name = "Target"
              type = "string"
            },
            {
              name = "Name"
              type = "string"
            },
            {
              name = "Time"
              type = "datetime"
            },
            {
              name = "Value"
              type = "real"
            },
            {
              name = "Unit"
              type = "string"
            },
            {
              name = "Labels"
              type = "dynamic"
            },
          ]
        }
      }
      destinations = {
        logAnalytics = [{
          name                = "workspace"
          workspaceResourceId = azapi_resource.workspace.id
        }]
      }
      dataFlows = [{
        streams      = ["Custom-ToolkitMetrics_CL"]
        destinations = ["workspace"]
        transformKql = "source"
        outputStream = "Custom-ToolkitMetrics_CL"
      }]
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "topic" {
  type      = "Microsoft.EventGrid/topics@2025-02-15"
  name      = "${var.stem}-alerts"
  parent_id = azapi_resource.group.id
  location  = var.location
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
  body = {
    properties = {
      inputSchema              = "CloudEventSchemaV1_0"
      disableLocalAuth         = true
      minimumTlsVersionAllowed = "1.2"
      publicNetworkAccess      = "Enabled"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "environment" {
  type      = "Microsoft.App/managedEnvironments@2026-07-01"
  name      = "${var.stem}-apps"
  parent_id = azapi_resource.group.id
  location  = var.location
  tags = {
    managed-by = "toolkit"
    project    = var.project
    target     = var.target
  }
  body = {
    properties = {
      appLogsConfiguration = {
        destination = "log-analytics"
        logAnalyticsConfiguration = {
          customerId = azapi_resource.workspace.output.properties.customerId
          sharedKey  = data.azapi_resource_action.workspace_keys.output.primarySharedKey
        }
      }
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "read_power" {
  type      = "Microsoft.Authorization/roleDefinitions@2022-04-01"
  name      = uuidv5("url", "${var.subscription}/${var.group}/${var.stem}/read")
  parent_id = "/subscriptions/${var.subscription}"
  body = {
    properties = {
      roleName    = "toolkit ${var.stem} read"
      description = "read and list blobs (toolkit: project ${var.project}, target ${var.target})"
      type        = "CustomRole"
      permissions = [{
        actions        = []
        notActions     = []
        dataActions    = ["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"]
        notDataActions = []
      }]
      assignableScopes = ["/subscriptions/${var.subscription}/resourceGroups/${var.group}"]
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "create_power" {
  type      = "Microsoft.Authorization/roleDefinitions@2022-04-01"
  name      = uuidv5("url", "${var.subscription}/${var.group}/${var.stem}/create")
  parent_id = "/subscriptions/${var.subscription}"
  body = {
    properties = {
      roleName    = "toolkit ${var.stem} create"
      description = "write blobs that are not there yet (toolkit: project ${var.project}, target ${var.target})"
      type        = "CustomRole"
      permissions = [{
        actions        = []
        notActions     = []
        dataActions    = ["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action"]
        notDataActions = []
      }]
      assignableScopes = ["/subscriptions/${var.subscription}/resourceGroups/${var.group}"]
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "overwrite_power" {
  type      = "Microsoft.Authorization/roleDefinitions@2022-04-01"
  name      = uuidv5("url", "${var.subscription}/${var.group}/${var.stem}/overwrite")
  parent_id = "/subscriptions/${var.subscription}"
  body = {
    properties = {
      roleName    = "toolkit ${var.stem} overwrite"
      description = "write blobs over others (toolkit: project ${var.project}, target ${var.target})"
      type        = "CustomRole"
      permissions = [{
        actions        = []
        notActions     = []
        dataActions    = ["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"]
        notDataActions = []
      }]
      assignableScopes = ["/subscriptions/${var.subscription}/resourceGroups/${var.group}"]
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "replace_power" {
  type      = "Microsoft.Authorization/roleDefinitions@2022-04-01"
  name      = uuidv5("url", "${var.subscription}/${var.group}/${var.stem}/replace")
  parent_id = "/subscriptions/${var.subscription}"
  body = {
    properties = {
      roleName    = "toolkit ${var.stem} replace"
      description = "write blobs over others, and remove them (toolkit: project ${var.project}, target ${var.target})"
      type        = "CustomRole"
      permissions = [{
        actions    = []
        notActions = []
        dataActions = [
          "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete",
          "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write",
        ]
        notDataActions = []
      }]
      assignableScopes = ["/subscriptions/${var.subscription}/resourceGroups/${var.group}"]
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "remove_power" {
  type      = "Microsoft.Authorization/roleDefinitions@2022-04-01"
  name      = uuidv5("url", "${var.subscription}/${var.group}/${var.stem}/remove")
  parent_id = "/subscriptions/${var.subscription}"
  body = {
    properties = {
      roleName    = "toolkit ${var.stem} remove"
      description = "remove blobs (toolkit: project ${var.project}, target ${var.target})"
      type        = "CustomRole"
      permissions = [{
        actions        = []
        notActions     = []
        dataActions    = ["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete"]
        notDataActions = []
      }]
      assignableScopes = ["/subscriptions/${var.subscription}/resourceGroups/${var.group}"]
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "tell_power" {
  type      = "Microsoft.Authorization/roleDefinitions@2022-04-01"
  name      = uuidv5("url", "${var.subscription}/${var.group}/${var.stem}/tell")
  parent_id = "/subscriptions/${var.subscription}"
  body = {
    properties = {
      roleName    = "toolkit ${var.stem} tell"
      description = "publish alerts (toolkit: project ${var.project}, target ${var.target})"
      type        = "CustomRole"
      permissions = [{
        actions        = []
        notActions     = []
        dataActions    = ["Microsoft.EventGrid/events/send/action"]
        notDataActions = []
      }]
      assignableScopes = ["/subscriptions/${var.subscription}/resourceGroups/${var.group}"]
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "measure_power" {
  type      = "Microsoft.Authorization/roleDefinitions@2022-04-01"
  name      = uuidv5("url", "${var.subscription}/${var.group}/${var.stem}/measure")
  parent_id = "/subscriptions/${var.subscription}"
  body = {
    properties = {
      roleName    = "toolkit ${var.stem} measure"
      description = "send metrics (toolkit: project ${var.project}, target ${var.target})"
      type        = "CustomRole"
      permissions = [{
        actions        = []
        notActions     = []
        dataActions    = ["Microsoft.Insights/Telemetry/Write"]
        notDataActions = []
      }]
      assignableScopes = ["/subscriptions/${var.subscription}/resourceGroups/${var.group}"]
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "log_power" {
  type      = "Microsoft.Authorization/roleDefinitions@2022-04-01"
  name      = uuidv5("url", "${var.subscription}/${var.group}/${var.stem}/log")
  parent_id = "/subscriptions/${var.subscription}"
  body = {
    properties = {
      roleName    = "toolkit ${var.stem} log"
      description = "read what functions, jobs and metrics wrote (toolkit: project ${var.project}, target ${var.target})"
      type        = "CustomRole"
      permissions = [{
        actions = [
          "Microsoft.OperationalInsights/workspaces/query/Tables.Custom/read",
          "Microsoft.OperationalInsights/workspaces/query/read",
          "Microsoft.OperationalInsights/workspaces/read",
        ]
        notActions     = []
        dataActions    = []
        notDataActions = []
      }]
      assignableScopes = ["/subscriptions/${var.subscription}/resourceGroups/${var.group}"]
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "traffic_power" {
  type      = "Microsoft.Authorization/roleDefinitions@2022-04-01"
  name      = uuidv5("url", "${var.subscription}/${var.group}/${var.stem}/traffic")
  parent_id = "/subscriptions/${var.subscription}"
  body = {
    properties = {
      roleName    = "toolkit ${var.stem} traffic"
      description = "move traffic between versions, publish a version (toolkit: project ${var.project}, target ${var.target})"
      type        = "CustomRole"
      permissions = [{
        actions = [
          "Microsoft.App/containerApps/authConfigs/read",
          "Microsoft.App/containerApps/authConfigs/write",
          "Microsoft.App/containerApps/read",
          "Microsoft.App/containerApps/revisions/read",
          "Microsoft.App/containerApps/write",
          "Microsoft.App/managedEnvironments/join/action",
          "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
          "Microsoft.ManagedIdentity/userAssignedIdentities/read",
        ]
        notActions     = []
        dataActions    = []
        notDataActions = []
      }]
      assignableScopes = ["/subscriptions/${var.subscription}/resourceGroups/${var.group}"]
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "jobs_power" {
  type      = "Microsoft.Authorization/roleDefinitions@2022-04-01"
  name      = uuidv5("url", "${var.subscription}/${var.group}/${var.stem}/jobs")
  parent_id = "/subscriptions/${var.subscription}"
  body = {
    properties = {
      roleName    = "toolkit ${var.stem} jobs"
      description = "make, start and look at jobs, which schedules are too (toolkit: project ${var.project}, target ${var.target})"
      type        = "CustomRole"
      permissions = [{
        actions = [
          "Microsoft.App/jobs/delete",
          "Microsoft.App/jobs/executions/read",
          "Microsoft.App/jobs/read",
          "Microsoft.App/jobs/start/action",
          "Microsoft.App/jobs/write",
          "Microsoft.App/managedEnvironments/join/action",
          "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
          "Microsoft.ManagedIdentity/userAssignedIdentities/read",
        ]
        notActions     = []
        dataActions    = []
        notDataActions = []
      }]
      assignableScopes = ["/subscriptions/${var.subscription}/resourceGroups/${var.group}"]
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "stop_jobs_power" {
  type      = "Microsoft.Authorization/roleDefinitions@2022-04-01"
  name      = uuidv5("url", "${var.subscription}/${var.group}/${var.stem}/stop-jobs")
  parent_id = "/subscriptions/${var.subscription}"
  body = {
    properties = {
      roleName    = "toolkit ${var.stem} stop-jobs"
      description = "stop jobs (toolkit: project ${var.project}, target ${var.target})"
      type        = "CustomRole"
      permissions = [{
        actions        = ["Microsoft.App/jobs/stop/execution/action"]
        notActions     = []
        dataActions    = []
        notDataActions = []
      }]
      assignableScopes = ["/subscriptions/${var.subscription}/resourceGroups/${var.group}"]
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "pull_power" {
  type      = "Microsoft.Authorization/roleDefinitions@2022-04-01"
  name      = uuidv5("url", "${var.subscription}/${var.group}/${var.stem}/pull")
  parent_id = "/subscriptions/${var.subscription}"
  body = {
    properties = {
      roleName    = "toolkit ${var.stem} pull"
      description = "read images (toolkit: project ${var.project}, target ${var.target})"
      type        = "CustomRole"
      permissions = [{
        actions        = ["Microsoft.ContainerRegistry/registries/pull/read"]
        notActions     = []
        dataActions    = []
        notDataActions = []
      }]
      assignableScopes = ["/subscriptions/${var.subscription}/resourceGroups/${var.group}"]
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "inference_read_on_container" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "container>"
  parent_id = azapi_resource.container.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.read_power.id
      principalId      = azapi_resource.inference_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "its bundle, what it wrote, released models"
      condition        = "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'})) OR (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/bundles/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/profiles/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/captures/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/feedback/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/service/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/journal/releases/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/cache/journal/releases/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/models/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/signatures/*'))"
      conditionVersion = "2.0"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "inference_create_on_container" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "container>"
  parent_id = azapi_resource.container.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.create_power.id
      principalId      = azapi_resource.inference_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "counts, captured predictions and labels"
      condition        = "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action'})) OR (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/profiles/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/captures/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/feedback/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/service/*'))"
      conditionVersion = "2.0"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "inference_pull_on_registry" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "registry>"
  parent_id = azapi_resource.registry.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.pull_power.id
      principalId      = azapi_resource.inference_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "the image that it runs in"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "drift_check_read_on_container" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "container>"
  parent_id = azapi_resource.container.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.read_power.id
      principalId      = azapi_resource.drift_check_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "the container is the database"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "drift_check_create_on_container" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "container>"
  parent_id = azapi_resource.container.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.create_power.id
      principalId      = azapi_resource.drift_check_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "reports, incidents, rollouts, what cannot be read, compacted counts"
      condition        = "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action'})) OR (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/journal/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/models/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/reports/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/deadletter/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/profiles/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/service/*'))"
      conditionVersion = "2.0"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "drift_check_overwrite_on_container" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "container>"
  parent_id = azapi_resource.container.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.overwrite_power.id
      principalId      = azapi_resource.drift_check_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "pages, checkpoints, leases"
      condition        = "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write'})) OR (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/pages/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/cache/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/leases/*'))"
      conditionVersion = "2.0"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "drift_check_remove_on_container" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "container>"
  parent_id = azapi_resource.container.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.remove_power.id
      principalId      = azapi_resource.drift_check_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "counts and captures live as long as they may"
      condition        = "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete'})) OR (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/profiles/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/service/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/captures/*'))"
      conditionVersion = "2.0"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "drift_check_tell_on_topic" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "topic>"
  parent_id = azapi_resource.topic.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.tell_power.id
      principalId      = azapi_resource.drift_check_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "alerts"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "drift_check_measure_on_rule" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "rule>"
  parent_id = azapi_resource.rule.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.measure_power.id
      principalId      = azapi_resource.drift_check_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "metrics"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "drift_check_jobs_on_group" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "group>"
  parent_id = azapi_resource.group.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.jobs_power.id
      principalId      = azapi_resource.drift_check_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "submits the retrain, schedules"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "drift_check_traffic_on_group" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "group>"
  parent_id = azapi_resource.group.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.traffic_power.id
      principalId      = azapi_resource.drift_check_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "a rollout's next step, and back"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "drift_check_pull_on_registry" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "registry>"
  parent_id = azapi_resource.registry.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.pull_power.id
      principalId      = azapi_resource.drift_check_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "the image that it runs in"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "job_read_on_container" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "container>"
  parent_id = azapi_resource.container.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.read_power.id
      principalId      = azapi_resource.job_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "the container is the database"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "job_create_on_container" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "container>"
  parent_id = azapi_resource.container.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.create_power.id
      principalId      = azapi_resource.job_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "its run, the model and its files, its version"
      condition        = "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action'})) OR (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/runs/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/blobs/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/journal/registry/*'))"
      conditionVersion = "2.0"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "job_overwrite_on_container" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "container>"
  parent_id = azapi_resource.container.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.overwrite_power.id
      principalId      = azapi_resource.job_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "the registry's checkpoint"
      condition        = "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write'})) OR (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/cache/journal/registry/*'))"
      conditionVersion = "2.0"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "job_pull_on_registry" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "registry>"
  parent_id = azapi_resource.registry.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.pull_power.id
      principalId      = azapi_resource.job_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "the image that it runs in"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "retrain_read_on_container" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "container>"
  parent_id = azapi_resource.container.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.read_power.id
      principalId      = azapi_resource.retrain_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "the container is the database"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "retrain_create_on_container" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "container>"
  parent_id = azapi_resource.container.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.create_power.id
      principalId      = azapi_resource.retrain_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "runs, models, releases, bundles"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "retrain_replace_on_container" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "container>"
  parent_id = azapi_resource.container.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.replace_power.id
      principalId      = azapi_resource.retrain_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "caches, leases, what the index of runs took over"
      condition        = "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete'}) AND !(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write'})) OR (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/cache/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/leases/*' OR @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path] StringLike '${var.prefix}/tail/*'))"
      conditionVersion = "2.0"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "retrain_jobs_on_group" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "group>"
  parent_id = azapi_resource.group.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.jobs_power.id
      principalId      = azapi_resource.retrain_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "starts jobs, schedules"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "retrain_stop_jobs_on_group" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "group>"
  parent_id = azapi_resource.group.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.stop_jobs_power.id
      principalId      = azapi_resource.retrain_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "a job that is cancelled"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "retrain_traffic_on_group" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "group>"
  parent_id = azapi_resource.group.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.traffic_power.id
      principalId      = azapi_resource.retrain_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "versions and traffic"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "retrain_log_on_workspace" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "workspace>"
  parent_id = azapi_resource.workspace.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.log_power.id
      principalId      = azapi_resource.retrain_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "what jobs and functions print"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "retrain_pull_on_registry" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "registry>"
  parent_id = azapi_resource.registry.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.pull_power.id
      principalId      = azapi_resource.retrain_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "the image that it runs in"
    }
  }
  response_export_values = ["*"]
}

resource "azapi_resource" "scheduler_pull_on_registry" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = "registry>"
  parent_id = azapi_resource.registry.id
  body = {
    properties = {
      roleDefinitionId = azapi_resource.pull_power.id
      principalId      = azapi_resource.scheduler_identity.output.properties.principalId
      principalType    = "ServicePrincipal"
      description      = "the image that it runs in"
    }
  }
  response_export_values = ["*"]
}

data "azapi_resource_action" "workspace_keys" {
  type                   = "Microsoft.OperationalInsights/workspaces@2025-07-01"
  resource_id            = azapi_resource.workspace.id
  action                 = "sharedKeys"
  response_export_values = ["primarySharedKey"]
}
