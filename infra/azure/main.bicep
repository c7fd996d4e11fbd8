// Everything that the exporter needs in Azure, in a resource group of its own.
targetScope = 'subscription'

@description('A short name for this installation; resource names begin with its letters and digits.')
@minLength(3)
@maxLength(64)
param environmentName string

@description('The region of all resources. It must offer Flex Consumption: az functionapp list-flexconsumption-locations.')
param location string

@description('The resource group; it is created if it does not exist.')
param resourceGroupName string = 'rg-${environmentName}'

@description('Memory of an instance in MB: 512, 2048 or 4096. docs/operations.md has the throughput of each.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('The maximum number of instances, all functions together.')
@minValue(40)
@maxValue(1000)
param instanceCountMax int = 100

@description('The outbound network: any address of Azure (open), fixed addresses of a NAT gateway (nat), or nat with private endpoints for the storage of the exporter (private).')
@allowed(['open', 'nat', 'private'])
param network string = 'nat'

@description('The address space of the virtual network, if there is one, and its subnets. The app needs a /27 or larger.')
param addressPrefixes object = {
  all: '10.20.0.0/24'
  app: '10.20.0.0/25'
  endpoints: '10.20.0.128/26'
}

@description('The number of fixed outbound addresses, if there is a NAT gateway.')
@minValue(1)
@maxValue(16)
param outboundAddressCount int = 1

@description('The key that encrypts stored credentials: 32 random bytes in base64. Only for the first deployment; later leave it empty, to keep the key in the vault.')
@secure()
param newSecretsKey string = ''

@description('Further settings of the exporter: see docs/settings.md.')
param settings object = {}

@description('The number of days after which landing blobs are deleted; 0 keeps them. Backfills need them.')
@minValue(0)
param landingDays int = 0

@description('The number of days after which rejected rows are deleted; 0 keeps them.')
@minValue(0)
param rejectedDays int = 0

@description('The mail address for alerts; empty sends no mail.')
param alertEmail string = ''

@description('Tags for all resources.')
param tags object = {}

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: resourceGroupName
  location: location
  tags: union(tags, { 'azd-env-name': environmentName })
}

module exporter 'exporter.bicep' = {
  name: 'exporter'
  scope: group
  params: {
    environmentName: environmentName
    location: location
    instanceMemoryMB: instanceMemoryMB
    instanceCountMax: instanceCountMax
    network: network
    addressPrefixes: addressPrefixes
    outboundAddressCount: outboundAddressCount
    newSecretsKey: newSecretsKey
    settings: settings
    landingDays: landingDays
    rejectedDays: rejectedDays
    alertEmail: alertEmail
    tags: tags
  }
}

@description('The resource group.')
output AZURE_RESOURCE_GROUP string = group.name

@description('The function app; func azure functionapp publish needs this name.')
output FUNCTION_APP string = exporter.outputs.functionAppName

@description('The URL of the API.')
output API_URL string = exporter.outputs.apiUrl

@description('The storage account of the exporter; its container landing takes the landing data.')
output STORAGE_ACCOUNT string = exporter.outputs.storageAccountName

@description('The vault that holds SECRETS-KEY.')
output KEY_VAULT string = exporter.outputs.keyVaultName

@description('The addresses that customers allow in their firewalls; empty if the network is open.')
output OUTBOUND_ADDRESSES array = exporter.outputs.outboundAddresses
