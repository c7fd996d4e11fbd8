// Private endpoints for the storage account and the vault.

@description('The suffix of the resource names.')
param name string

@description('The region.')
param location string

@description('The virtual network.')
param virtualNetworkId string

@description('The subnet of the endpoints.')
param subnetId string

@description('The storage account of the exporter.')
param storageAccountId string

@description('The vault.')
param keyVaultId string

@description('Tags.')
param tags object

var storageSuffix = environment().suffixes.storage
var targets = [
  { kind: 'blob', resource: storageAccountId, zone: 'privatelink.blob.${storageSuffix}' }
  { kind: 'queue', resource: storageAccountId, zone: 'privatelink.queue.${storageSuffix}' }
  { kind: 'table', resource: storageAccountId, zone: 'privatelink.table.${storageSuffix}' }
  { kind: 'vault', resource: keyVaultId, zone: 'privatelink.vaultcore.azure.net' }
]

resource zones 'Microsoft.Network/privateDnsZones@2020-06-01' = [
  for each in targets: {
    name: each.zone
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2020-06-01' = [
  for (each, number) in targets: {
    parent: zones[number]
    name: 'link-${name}'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: virtualNetworkId
      }
    }
  }
]

resource endpoints 'Microsoft.Network/privateEndpoints@2023-11-01' = [
  for each in targets: {
    name: 'pe-${each.kind}-${name}'
    location: location
    tags: tags
    properties: {
      subnet: {
        id: subnetId
      }
      privateLinkServiceConnections: [
        {
          name: each.kind
          properties: {
            privateLinkServiceId: each.resource
            groupIds: [each.kind]
          }
        }
      ]
    }
  }
]

resource groups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2023-11-01' = [
  for (each, number) in targets: {
    parent: endpoints[number]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: each.kind
          properties: {
            privateDnsZoneId: zones[number].id
          }
        }
      ]
    }
  }
]
