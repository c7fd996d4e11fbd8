// Our own storage: queues and tables of the exporter, landing, rejected rows, state, and the deployed package.
// Tables and the containers rejected and export-state are made by the exporter when it first needs them, and so
// would be the queues, at its first tick; until then the host would complain of each at every poll.

@description('The name of the storage account.')
param name string

@description('Where it is made.')
param location string

@description('Whether it can be reached from anywhere, by those with a role; otherwise by private endpoints alone.')
param publicAccess bool

@description('After how many days landing blobs are deleted; 0 keeps them.')
param landingDays int

@description('After how many days rejected rows are deleted; 0 keeps them.')
param rejectedDays int

@description('Tags.')
param tags object

@description('For how many days deleted blobs can be brought back.')
param undeleteDays int = 7

var deploymentContainerName = 'deployments'
// Those that functions listen to, and where the host puts what it gives up.
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
]
var lifecycles = [
  { container: 'landing', days: landingDays }
  { container: 'rejected', days: rejectedDays }
]
var limited = filter(lifecycles, each => each.days > 0)

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: 'Standard_ZRS'
  }
  properties: {
    accessTier: 'Hot'
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    // Nobody comes in by key: every caller has an identity and a role.
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

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
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

resource landing 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: blobs
  name: 'landing'
}

resource deployments 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: blobs
  name: deploymentContainerName
}

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2023-05-01' = {
  parent: account
  name: 'default'
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2023-05-01' = [
  for queueName in queueNames: {
    parent: queueService
    name: queueName
  }
]

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2023-05-01' = if (!empty(limited)) {
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

@description('Its name.')
output name string = account.name

@description('Where the package is deployed to.')
output deploymentContainerUrl string = '${account.properties.primaryEndpoints.blob}${deployments.name}'
