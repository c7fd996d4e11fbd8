// Private endpoints for the storage account and the vault.

import { tagsType } from 'types.bicep'

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
param tags tagsType

var storageSuffix = environment().suffixes.storage
// The suffix of vaults is .vault.azure.net in the public cloud; the zone of their private links has another first word.
var vaultSuffix = replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')
var targets = [
  { kind: 'blob', zone: 'privatelink.blob.${storageSuffix}' }
  { kind: 'queue', zone: 'privatelink.queue.${storageSuffix}' }
  { kind: 'table', zone: 'privatelink.table.${storageSuffix}' }
  { kind: 'vault', zone: 'privatelink${vaultSuffix}' }
]

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for each in targets: {
    name: each.zone
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
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

resource endpoints 'Microsoft.Network/privateEndpoints@2026-03-01' = [
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
            privateLinkServiceId: each.kind == 'vault' ? keyVaultId : storageAccountId
            groupIds: [each.kind]
          }
        }
      ]
    }
  }
]

resource groups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2026-03-01' = [
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
