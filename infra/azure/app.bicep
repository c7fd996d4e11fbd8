// The function app on Flex Consumption. Its package comes by azd, or by func azure functionapp publish.

@description('The name of the function app.')
param name string

@description('Where it is made.')
param location string

@description('The resource id of its identity.')
param identityId string

@description('The client id of its identity.')
param identityClientId string

@description('Our own storage account.')
param storageAccountName string

@description('The container that the package is deployed to.')
param deploymentContainerUrl string

@description('Where SECRETS_KEY is in the vault.')
param encryptionKeyAddress string

@description('Where telemetry goes.')
param applicationInsightsConnectionString string

@description('Memory of an instance in MB.')
param instanceMemoryMB int

@description('How many instances there may be at once.')
param instanceCountMax int

@description('The subnet that outbound traffic goes through; empty for none.')
param subnetId string

@description('Settings of the exporter beside those that are set here.')
param settings object

@description('Tags.')
param tags object

// By identity: no key of the storage account is anywhere. The names are those that the host reads, too.
var ownSettings = {
  AzureWebJobsStorage__accountName: storageAccountName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  SECRETS_KEY: '@Microsoft.KeyVault(SecretUri=${encryptionKeyAddress})'
  // A thread for each message that the host may hand over at once, and as many for all else: most of them wait.
  PYTHON_THREADPOOL_THREAD_COUNT: '96'
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

// Publishing goes by identity; user names and passwords for it are switched off.
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

@description('The function app.')
output name string = app.name

@description('Where the API is.')
output apiUrl string = 'https://${app.properties.defaultHostName}/api'
