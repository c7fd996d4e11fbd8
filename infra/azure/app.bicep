// The function app on Flex Consumption. azd or func azure functionapp publish deploys its package.

@description('The name of the function app.')
param name string

@description('The region.')
param location string

@description('The resource id of the managed identity.')
param identityId string

@description('The client id of the managed identity.')
param identityClientId string

@description('The storage account of the exporter.')
param storageAccountName string

@description('The container for the deployment package.')
param deploymentContainerUrl string

@description('The URL of the secret SECRETS_KEY in the vault.')
param encryptionKeyAddress string

@description('The connection string for telemetry.')
param applicationInsightsConnectionString string

@description('Memory of an instance in MB.')
param instanceMemoryMB int

@description('The maximum number of instances.')
param instanceCountMax int

@description('The subnet for outbound traffic; empty for none.')
param subnetId string

@description('Further settings of the exporter.')
param settings object

@description('Tags.')
param tags object

// Identity-based: no setting has a storage key. The Functions host reads the same names.
var ownSettings = {
  AzureWebJobsStorage__accountName: storageAccountName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  SECRETS_KEY: '@Microsoft.KeyVault(SecretUri=${encryptionKeyAddress})'
  // One thread for each message that the host delivers at once, and as many for everything else; most wait.
  PYTHON_THREADPOOL_THREAD_COUNT: '108'
  APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
}

resource plan 'Microsoft.Web/serverfarms@2023-12-01' = {
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

resource app 'Microsoft.Web/sites@2023-12-01' = {
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
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
    }
  }
}

resource appSettings 'Microsoft.Web/sites/config@2023-12-01' = {
  parent: app
  name: 'appsettings'
  properties: union(settings, ownSettings)
}

// Publishing needs an identity; basic authentication is off.
resource ftpPublishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2023-12-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scmPublishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2023-12-01' = {
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
