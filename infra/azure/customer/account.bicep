// A storage account for exports alone, whose firewall lets in the exporter's addresses and those named here.
// An account that is there already is opened by: az storage account network-rule add (docs/deploy.md).

@description('The name of the storage account: 3 to 24 of a-z and 0-9.')
@minLength(3)
@maxLength(24)
param storageAccountName string

@description('Where it is made.')
param location string = resourceGroup().location

@description('The exporter\'s outbound addresses, and those of whoever reads the exports.')
param allowedAddresses array

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: storageAccountName
  location: location
  kind: 'StorageV2'
  sku: {
    name: 'Standard_ZRS'
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
