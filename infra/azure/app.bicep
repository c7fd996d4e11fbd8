// The function app on Flex Consumption. azd or func azure functionapp publish deploys its package.

import { alwaysReadyType, settingsType, storageUrlsType, tagsType } from 'types.bicep'

@description('The name of the function app.')
param name string

@description('The region.')
param location string

@description('The resource id of the managed identity.')
param identityId string

@description('The client id of the managed identity.')
param identityClientId string

@description('The addresses of the services of the storage account of the exporter.')
param storageUrls storageUrlsType

@description('The container for the deployment package.')
param deploymentContainerUrl string

@description('The URL of the secret SECRETS_KEY in the vault.')
param encryptionKeyAddress string

@description('The connection string for telemetry.')
param applicationInsightsConnectionString string

@description('The resource id of Application Insights, where the log is.')
param applicationInsightsId string

@description('Memory of an instance in MB.')
param instanceMemoryMB int

@description('The maximum number of instances.')
param instanceCountMax int

@description('Instances that always run.')
param alwaysReady alwaysReadyType[]

@description('The subnet for outbound traffic; empty for none.')
param subnetId string

@description('Further settings of the exporter.')
param settings settingsType

@description('Tags.')
param tags tagsType

// The token service and the portal of the cloud that this is deployed to, and the log; others may be set.
var defaultSettings = {
  ENTRA_AUTHORITY: environment().authentication.loginEndpoint
  AZURE_PORTAL: environment().portal
  LOG_ANALYTICS_RESOURCE_ID: applicationInsightsId
}
// Identity-based: no setting has a storage key. The Functions host reads the same names. Addresses in place of the name of
// the account, because host and app would complete a name with the suffix of the public cloud.
var ownSettings = {
  AzureWebJobsStorage__blobServiceUri: storageUrls.blob
  AzureWebJobsStorage__queueServiceUri: storageUrls.queue
  AzureWebJobsStorage__tableServiceUri: storageUrls.table
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  SECRETS_KEY: '@Microsoft.KeyVault(SecretUri=${encryptionKeyAddress})'
  // One thread for each message that the host delivers at once, and as many for everything else; most wait.
  PYTHON_THREADPOOL_THREAD_COUNT: '108'
  APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    tier: 'FlexConsumption'
    name: 'FC1'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'exporter' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      http20Enabled: true
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: deploymentContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: instanceCountMax
        alwaysReady: alwaysReady
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
    }
  }
}

resource appSettings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(defaultSettings, settings, ownSettings)
}

// Publishing needs an identity; basic authentication is off.
resource ftpPublishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scmPublishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

@description('The resource id of the function app.')
output id string = app.id

@description('The function app.')
output name string = app.name

@description('The URL of the API.')
output apiUrl string = 'https://${app.properties.defaultHostName}/api'
