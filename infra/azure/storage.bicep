// The storage account of the exporter: queues, tables, landing, rejected rows, state, and the deployed package.
// The exporter creates tables and the containers rejected and export-state when it first needs them. It would create
// the queues too, at its first tick; until then the host would log an error for each at every poll.

import { storageLogType, storageUrlsType, tagsType } from 'types.bicep'

@description('The name of the storage account.')
param name string

@description('The region.')
param location string

@description('Whether public network access is allowed, to callers with a role; otherwise only private endpoints.')
param publicAccess bool

@description('Whether the data is copied to other zones of the region; not every region has zones.')
param zoneRedundant bool

@description('The number of days after which landing blobs are deleted; 0 keeps them.')
param landingDays int

@description('The number of days after which rejected rows are deleted; 0 keeps them.')
param rejectedDays int

@description('The workspace that gets the logs.')
param workspaceId string

@description('Which requests to blobs and tables are logged.')
param logs storageLogType[]

@description('Tags.')
param tags tagsType

@description('The number of days for which deleted blobs can be restored.')
param undeleteDays int = 7

var deploymentContainerName = 'deployments'
// The queues of the functions, and their poison queues.
var queueNames = [
  'export-hours'
  'export-hours-poison'
  'backfill-hours'
  'backfill-hours-poison'
  'backfill-steps'
  'backfill-steps-poison'
  'verify-steps'
  'verify-steps-poison'
  'webhook-calls'
  'webhook-calls-poison'
  'pull-hours'
  'pull-hours-poison'
]
var lifecycles = [
  { container: 'landing', days: landingDays }
  { container: 'rejected', days: rejectedDays }
]
var limited = filter(lifecycles, each => each.days > 0)

resource account 'Microsoft.Storage/storageAccounts@2026-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS'
  }
  properties: {
    accessTier: 'Hot'
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    // Keys are off: every caller needs an identity and a role.
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    publicNetworkAccess: publicAccess ? 'Enabled' : 'Disabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: publicAccess ? 'Allow' : 'Deny'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-06-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: undeleteDays
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: undeleteDays
    }
  }
}

resource landing 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-06-01' = {
  parent: blobs
  name: 'landing'
}

resource deployments 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-06-01' = {
  parent: blobs
  name: deploymentContainerName
}

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2026-06-01' = {
  parent: account
  name: 'default'
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-06-01' = [
  for queueName in queueNames: {
    parent: queueService
    name: queueName
  }
]

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2026-06-01' = {
  parent: account
  name: 'default'
}

// Not of queues: each message would be several lines.
#disable-next-line use-recent-api-versions // the stable version is of 2016
resource blobLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (!empty(logs)) {
  scope: blobs
  name: 'requests'
  properties: {
    workspaceId: workspaceId
    logs: [for each in logs: { category: each, enabled: true }]
  }
}

#disable-next-line use-recent-api-versions // the stable version is of 2016
resource tableLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (!empty(logs)) {
  scope: tableService
  name: 'requests'
  properties: {
    workspaceId: workspaceId
    logs: [for each in logs: { category: each, enabled: true }]
  }
}

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2026-06-01' = if (!empty(limited)) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        for each in limited: {
          name: 'delete-${each.container}'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: ['blockBlob']
              prefixMatch: ['${each.container}/']
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: each.days
                }
              }
            }
          }
        }
      ]
    }
  }
}

@description('The storage account.')
output id string = account.id

@description('The name.')
output name string = account.name

@description('The addresses of its services.')
output urls storageUrlsType = {
  blob: account.properties.primaryEndpoints.blob
  queue: account.properties.primaryEndpoints.queue
  table: account.properties.primaryEndpoints.table
}

@description('The container for the deployment package.')
output deploymentContainerUrl string = '${account.properties.primaryEndpoints.blob}${deployments.name}'
