// A virtual network with fixed outbound addresses, for customers' firewalls.

import { addressPrefixesType, tagsType } from 'types.bicep'

@description('The suffix of the resource names.')
param name string

@description('The region.')
param location string

@description('The address space, and the subnets of the app and of the private endpoints.')
param addressPrefixes addressPrefixesType

@description('The number of outbound addresses. Each carries 64,512 concurrent connections.')
param outboundAddressCount int

@description('Tags.')
param tags tagsType

resource outbound 'Microsoft.Network/publicIPAddresses@2026-03-01' = [
  for number in range(1, outboundAddressCount): {
    name: 'pip-${name}-${number}'
    location: location
    tags: tags
    sku: {
      name: 'Standard'
    }
    properties: {
      publicIPAllocationMethod: 'Static'
    }
  }
]

resource gateway 'Microsoft.Network/natGateways@2026-03-01' = {
  name: 'ng-${name}'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIpAddresses: [for number in range(0, outboundAddressCount): { id: outbound[number].id }]
  }
}

resource closed 'Microsoft.Network/networkSecurityGroups@2026-03-01' = {
  name: 'nsg-${name}'
  location: location
  tags: tags
}

resource virtualNetwork 'Microsoft.Network/virtualNetworks@2026-03-01' = {
  name: 'vnet-${name}'
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [addressPrefixes.all]
    }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: addressPrefixes.app
          natGateway: {
            id: gateway.id
          }
          networkSecurityGroup: {
            id: closed.id
          }
          delegations: [
            {
              name: 'flex'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: addressPrefixes.endpoints
          networkSecurityGroup: {
            id: closed.id
          }
        }
      }
    ]
  }
}

resource appSubnet 'Microsoft.Network/virtualNetworks/subnets@2026-03-01' existing = {
  parent: virtualNetwork
  name: 'app'
}

resource endpointSubnet 'Microsoft.Network/virtualNetworks/subnets@2026-03-01' existing = {
  parent: virtualNetwork
  name: 'endpoints'
}

@description('The virtual network.')
output virtualNetworkId string = virtualNetwork.id

@description('The subnet of the app.')
output appSubnetId string = appSubnet.id

@description('The subnet of private endpoints.')
output endpointSubnetId string = endpointSubnet.id

@description('The addresses that customers allow in their firewalls.')
output outboundAddresses string[] = [
  for number in range(0, outboundAddressCount): outbound[number].properties.ipAddress
]
