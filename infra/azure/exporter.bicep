// The exporter in one resource group.

@description('A short name for this installation.')
param environmentName string

@description('The region of all resources.')
param location string

@description('Memory of an instance in MB.')
param instanceMemoryMB int

@description('The maximum number of instances.')
param instanceCountMax int

@description('open, nat or private.')
param network string

@description('The address space of the virtual network and its subnets.')
param addressPrefixes object

@description('The number of fixed outbound addresses.')
param outboundAddressCount int

@description('The key that encrypts stored credentials; empty keeps the existing one.')
@secure()
param newSecretsKey string

@description('Further settings of the exporter.')
param settings object

@description('Whether storage is copied to other zones of the region.')
param zoneRedundantStorage bool

@description('The number of days after which landing blobs are deleted; 0 keeps them.')
param landingDays int

@description('The number of days after which rejected rows are deleted; 0 keeps them.')
param rejectedDays int

@description('The mail address for alerts; empty sends no mail.')
param alertEmail string

@description('The object id of the operator; empty for none.')
param operatorPrincipalId string

@description('The object ids of those who land data.')
param landingWriterPrincipalIds array

@description('Tags for all resources.')
param tags object

// Unique, and the same at each deployment.
var suffix = uniqueString(subscription().id, resourceGroup().id, environmentName)
// Every resource name allows lower-case letters and digits. Storage accounts and vaults allow 24 characters; the suffix
// is not shortened, because it distinguishes two installations.
var signs = map(range(0, length(environmentName)), at => toLower(substring(environmentName, at, 1)))
var label = take(join(filter(signs, each => contains('abcdefghijklmnopqrstuvwxyz0123456789', each)), ''), 20)
var name = '${empty(label) ? 'exporter' : label}-${suffix}'
var functionAppName = 'func-${name}'
var storageAccountName = 'st${take(label, 9)}${suffix}'
var keyVaultName = 'kv${take(label, 8)}-${suffix}'
var fixed = network != 'open'
// GET /api/status shows them, for customers' firewalls.
var outbound = fixed ? { OUTBOUND_ADDRESSES: join(addresses.?outputs.outboundAddresses ?? [], ',') } : {}

module identity 'identity.bicep' = {
  name: 'identity'
  params: {
    name: 'id-${name}'
    location: location
    tags: tags
  }
}

module monitoring 'monitoring.bicep' = {
  name: 'monitoring'
  params: {
    name: name
    location: location
    tags: tags
  }
}

module addresses 'network.bicep' = if (fixed) {
  name: 'network'
  params: {
    name: name
    location: location
    addressPrefixes: addressPrefixes
    outboundAddressCount: outboundAddressCount
    tags: tags
  }
}

module storage 'storage.bicep' = {
  name: 'storage'
  params: {
    name: storageAccountName
    location: location
    publicAccess: network != 'private'
    zoneRedundant: zoneRedundantStorage
    landingDays: landingDays
    rejectedDays: rejectedDays
    tags: tags
  }
}

module vault 'vault.bicep' = {
  name: 'vault'
  params: {
    name: keyVaultName
    location: location
    publicAccess: network != 'private'
    newSecretsKey: newSecretsKey
    tags: tags
  }
}

module endpoints 'endpoints.bicep' = if (network == 'private') {
  name: 'endpoints'
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
  name: 'roles'
  params: {
    principalId: identity.outputs.principalId
    storageAccountName: storage.outputs.name
    keyVaultName: vault.outputs.name
    applicationInsightsName: monitoring.outputs.applicationInsightsName
  }
}

module access 'access.bicep' = {
  name: 'access'
  params: {
    operatorPrincipalId: operatorPrincipalId
    landingWriterPrincipalIds: landingWriterPrincipalIds
    storageAccountName: storage.outputs.name
    keyVaultName: vault.outputs.name
  }
}

module app 'app.bicep' = {
  name: 'app'
  params: {
    name: functionAppName
    location: location
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageAccountName: storage.outputs.name
    deploymentContainerUrl: storage.outputs.deploymentContainerUrl
    encryptionKeyAddress: vault.outputs.encryptionKeyAddress
    applicationInsightsConnectionString: monitoring.outputs.connectionString
    instanceMemoryMB: instanceMemoryMB
    instanceCountMax: instanceCountMax
    subnetId: fixed ? addresses.?outputs.appSubnetId ?? '' : ''
    settings: union(outbound, settings)
    tags: tags
  }
  // The roles come first: the app reads package and key when it is deployed.
  dependsOn: [roles, endpoints]
}

module alerts 'alerts.bicep' = {
  name: 'alerts'
  params: {
    name: name
    location: location
    applicationInsightsId: monitoring.outputs.applicationInsightsId
    email: alertEmail
    tags: tags
  }
}

module workbook 'workbook.bicep' = {
  name: 'workbook'
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
output outboundAddresses array = addresses.?outputs.outboundAddresses ?? []
