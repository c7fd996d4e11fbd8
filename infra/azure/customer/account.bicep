// A storage account for exports. Its firewall allows the addresses of the exporter and of its readers.
// For an existing account use: az storage account network-rule add (docs/deploy.md).

@description('The name of the storage account: 3 to 24 characters of a-z and 0-9.')
@minLength(3)
@maxLength(24)
param storageAccountName string

@description('The region.')
param location string = resourceGroup().location

@description('The outbound addresses of the exporter, and the addresses of the readers.')
param allowedAddresses string[]

@description('Whether the data is copied to other zones of the region; not every region has zones.')
param zoneRedundant bool = true

resource account 'Microsoft.Storage/storageAccounts@2026-06-01' = {
  name: storageAccountName
  location: location
  kind: 'StorageV2'
  sku: {
    name: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS'
  }
  properties: {
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: 'Deny'
      ipRules: [
        for address in allowedAddresses: {
          value: address
          action: 'Allow'
        }
      ]
    }
  }
}

@description('The account, for main.bicep.')
output storageAccountName string = account.name
