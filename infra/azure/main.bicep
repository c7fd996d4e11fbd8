// Everything that the exporter needs in Azure, from an empty subscription: a resource group and what is in it.
targetScope = 'subscription'

@description('A short name for this installation; names of resources begin with its letters and digits.')
@minLength(3)
@maxLength(64)
param environmentName string

@description('Where everything is made. Flex Consumption has to be there: az functionapp list-flexconsumption-locations.')
param location string

@description('The resource group, which is made if it is not there.')
param resourceGroupName string = 'rg-${environmentName}'

@description('Memory of an instance in MB: 512, 2048 or 4096. docs/operations.md says what each exports in an hour.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('How many instances there may be at once, of all functions together.')
@minValue(40)
@maxValue(1000)
param instanceCountMax int = 100

@description('How the exporter reaches customers: from any address of Azure (open), from a few fixed addresses through a NAT gateway (nat), or that and our own storage by private endpoints alone (private).')
@allowed(['open', 'nat', 'private'])
param network string = 'nat'

@description('The address space of the virtual network, if there is one, and of its subnets. The app needs a /27 or more.')
param addressPrefixes object = {
  all: '10.20.0.0/24'
  app: '10.20.0.0/25'
  endpoints: '10.20.0.128/26'
}

@description('How many fixed outbound addresses there are, if there is a NAT gateway.')
@minValue(1)
@maxValue(16)
param outboundAddressCount int = 1

@description('The key that encrypts stored credentials: 32 random bytes in base64. Only for the first deployment; leave it empty later, and the one that is in the vault stays.')
@secure()
param newSecretsKey string = ''

@description('Settings of the exporter beside those that this template sets: see docs/settings.md.')
param settings object = {}

@description('After how many days landing blobs are deleted; 0 keeps them. Backfills need them.')
@minValue(0)
param landingDays int = 0

@description('After how many days rejected rows are deleted; 0 keeps them.')
@minValue(0)
param rejectedDays int = 0

@description('Who is told by mail when something needs a person; empty tells nobody.')
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

@description('The function app: func azure functionapp publish takes this name.')
output FUNCTION_APP string = exporter.outputs.functionAppName

@description('Where the API is.')
output API_URL string = exporter.outputs.apiUrl

@description('Our own storage account: landing data goes into its container landing.')
output STORAGE_ACCOUNT string = exporter.outputs.storageAccountName

@description('The vault that holds SECRETS-KEY.')
output KEY_VAULT string = exporter.outputs.keyVaultName

@description('The addresses that customers let in; empty if the network is open.')
output OUTBOUND_ADDRESSES array = exporter.outputs.outboundAddresses
