// The exporter in one resource group.

import { addressPrefixesType, alwaysReadyType, settingsType, storageLogType, tagsType } from 'types.bicep'

@description('A short name for this installation.')
param environmentName string

@description('The region of all resources.')
param location string

@description('Memory of an instance in MB.')
param instanceMemoryMB int

@description('The maximum number of instances.')
param instanceCountMax int

@description('Instances that always run.')
param alwaysReady alwaysReadyType[]

@description('open, nat or private.')
param network string

@description('The address space of the virtual network and its subnets.')
param addressPrefixes addressPrefixesType

@description('The number of fixed outbound addresses.')
param outboundAddressCount int

@description('The key that encrypts stored credentials; empty keeps the existing one.')
@secure()
param newSecretsKey string

@description('Further settings of the exporter.')
param settings settingsType

@description('Whether storage is copied to other zones of the region.')
param zoneRedundantStorage bool

@description('The number of days after which landing blobs are deleted; 0 keeps them.')
param landingDays int

@description('The number of days after which rejected rows are deleted; 0 keeps them.')
param rejectedDays int

@description('The amount of logs a day, in GB, above which no more are stored; -1 for no limit.')
param dailyLogsMaxGB int

@description('Which requests to blobs and tables are logged.')
param storageLogs storageLogType[]

@description('The mail address for alerts; empty sends no mail.')
param alertEmail string

@description('The object id of the operator; empty for none.')
param operatorPrincipalId string

@description('The object ids of those who land data.')
param landingWriterPrincipalIds string[]

@description('Tags for all resources.')
param tags tagsType

// Unique, and the same at each deployment.
var suffix = uniqueString(subscription().id, resourceGroup().id, environmentName)
// Every resource name allows lower-case letters and digits. Storage accounts and vaults allow 24 characters; the suffix
// is not shortened, because it distinguishes two installations.
var signs = map(range(0, length(environmentName)), at => toLower(substring(environmentName, at, 1)))
var label = take(join(filter(signs, each => contains('abcdefghijklmnopqrstuvwxyz0123456789', each)), ''), 20)
var name = '${empty(label) ? 'exporter' : label}-${suffix}'
// Known before anything is deployed, so that what-if shows the role assignments.
var identityName = 'id-${name}'
var applicationInsightsName = 'appi-${name}'
var functionAppName = 'func-${name}'
var storageAccountName = 'st${take(label, 9)}${suffix}'
var keyVaultName = 'kv${take(label, 8)}-${suffix}'
var fixed = network != 'open'
// GET /api/status shows them, for customers' firewalls.
var outbound = fixed ? { OUTBOUND_ADDRESSES: join(addresses.?outputs.outboundAddresses ?? [], ',') } : {}

module identity 'identity.bicep' = {
  params: {
    name: identityName
    location: location
    tags: tags
  }
}

module monitoring 'monitoring.bicep' = {
  params: {
    name: name
    location: location
    dailyLogsMaxGB: dailyLogsMaxGB
    tags: tags
  }
}

module addresses 'network.bicep' = if (fixed) {
  params: {
    name: name
    location: location
    addressPrefixes: addressPrefixes
    outboundAddressCount: outboundAddressCount
    tags: tags
  }
}

module storage 'storage.bicep' = {
  params: {
    name: storageAccountName
    location: location
    publicAccess: network != 'private'
    zoneRedundant: zoneRedundantStorage
    landingDays: landingDays
    rejectedDays: rejectedDays
    workspaceId: monitoring.outputs.workspaceId
    logs: storageLogs
    tags: tags
  }
}

module vault 'vault.bicep' = {
  params: {
    name: keyVaultName
    location: location
    publicAccess: network != 'private'
    newSecretsKey: newSecretsKey
    workspaceId: monitoring.outputs.workspaceId
    tags: tags
  }
}

module endpoints 'endpoints.bicep' = if (network == 'private') {
  params: {
    name: name
    location: location
    virtualNetworkId: addresses.?outputs.virtualNetworkId ?? ''
    subnetId: addresses.?outputs.endpointSubnetId ?? ''
    storageAccountId: storage.outputs.id
    keyVaultId: vault.outputs.id
    tags: tags
  }
}

module roles 'roles.bicep' = {
  params: {
    identityName: identityName
    principalId: identity.outputs.principalId
    storageAccountName: storageAccountName
    keyVaultName: keyVaultName
    applicationInsightsName: applicationInsightsName
  }
  dependsOn: [storage, vault, monitoring]
}

module access 'access.bicep' = {
  params: {
    operatorPrincipalId: operatorPrincipalId
    landingWriterPrincipalIds: landingWriterPrincipalIds
    storageAccountName: storageAccountName
    keyVaultName: keyVaultName
  }
  dependsOn: [storage, vault]
}

module app 'app.bicep' = {
  params: {
    name: functionAppName
    location: location
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageUrls: storage.outputs.urls
    deploymentContainerUrl: storage.outputs.deploymentContainerUrl
    encryptionKeyAddress: vault.outputs.encryptionKeyAddress
    applicationInsightsConnectionString: monitoring.outputs.connectionString
    applicationInsightsId: monitoring.outputs.applicationInsightsId
    instanceMemoryMB: instanceMemoryMB
    instanceCountMax: instanceCountMax
    alwaysReady: alwaysReady
    subnetId: fixed ? addresses.?outputs.appSubnetId ?? '' : ''
    settings: union(outbound, settings)
    tags: tags
  }
  // The roles come first: the app reads package and key when it is deployed.
  dependsOn: [roles, endpoints]
}

module alerts 'alerts.bicep' = {
  params: {
    name: name
    location: location
    applicationInsightsId: monitoring.outputs.applicationInsightsId
    email: alertEmail
    tags: tags
  }
}

module workbook 'workbook.bicep' = {
  params: {
    name: guid(resourceGroup().id, 'workbook')
    title: 'Exports of ${environmentName}'
    location: location
    applicationInsightsId: monitoring.outputs.applicationInsightsId
    tags: tags
  }
}

@description('The function app.')
output functionAppName string = app.outputs.name

@description('The resource id of the function app.')
output functionAppId string = app.outputs.id

@description('The client id of the identity.')
output identityClientId string = identity.outputs.clientId

@description('The principal id of the identity.')
output identityPrincipalId string = identity.outputs.principalId

@description('The resource id of the workbook.')
output workbookId string = workbook.outputs.id

@description('The URL of the API.')
output apiUrl string = app.outputs.apiUrl

@description('The storage account of the exporter.')
output storageAccountName string = storage.outputs.name

@description('The vault.')
output keyVaultName string = vault.outputs.name

@description('The addresses that customers allow in their firewalls; empty if the network is open.')
output outboundAddresses string[] = addresses.?outputs.outboundAddresses ?? []
