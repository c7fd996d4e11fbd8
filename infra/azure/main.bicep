// Everything that the exporter needs in Azure, in a resource group of its own.
targetScope = 'subscription'

import { addressPrefixesType, alwaysReadyType, settingsType, storageLogType, tagsType } from 'types.bicep'

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

@description('Instances that always run and are always charged, so that nothing waits for a start: of http, or of a function such as function:export_hour.')
param alwaysReady alwaysReadyType[] = []

@description('The outbound network: any address of Azure (open), fixed addresses of a NAT gateway (nat), or nat with private endpoints for the storage of the exporter (private).')
@allowed(['open', 'nat', 'private'])
param network string = 'nat'

@description('The address space of the virtual network, if there is one, and its subnets. The app needs a /27 or larger.')
param addressPrefixes addressPrefixesType = {
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
param settings settingsType = {}

@description('Whether storage is copied to other zones of the region. Set it to false in a region without zones.')
param zoneRedundantStorage bool = true

@description('The number of days after which landing blobs are deleted; 0 keeps them. Backfills need them.')
@minValue(0)
param landingDays int = 0

@description('The number of days after which rejected rows are deleted; 0 keeps them.')
@minValue(0)
param rejectedDays int = 0

@description('The amount of logs a day, in GB, above which no more are stored until the next day; -1 for no limit. Alerts read the logs.')
@minValue(-1)
param dailyLogsMaxGB int = 1

@description('Which requests to blobs and tables of the exporter are logged. Each read, write or delete is a line, and is charged.')
param storageLogs storageLogType[] = ['StorageDelete']

@description('The mail address for alerts; empty sends no mail.')
param alertEmail string = ''

@description('The object id of the operator, a person or a group, who gets roles for data and key; empty for none: az ad signed-in-user show --query id.')
param operatorPrincipalId string = ''

@description('The object ids of those who land data: applications, managed identities, people or groups.')
param landingWriterPrincipalIds string[] = []

@description('Tags for all resources.')
param tags tagsType = {}

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: resourceGroupName
  location: location
  tags: union(tags, { 'azd-env-name': environmentName })
}

module exporter 'exporter.bicep' = {
  scope: group
  params: {
    environmentName: environmentName
    location: location
    instanceMemoryMB: instanceMemoryMB
    instanceCountMax: instanceCountMax
    alwaysReady: alwaysReady
    network: network
    addressPrefixes: addressPrefixes
    outboundAddressCount: outboundAddressCount
    newSecretsKey: newSecretsKey
    settings: settings
    zoneRedundantStorage: zoneRedundantStorage
    landingDays: landingDays
    rejectedDays: rejectedDays
    dailyLogsMaxGB: dailyLogsMaxGB
    storageLogs: storageLogs
    alertEmail: alertEmail
    operatorPrincipalId: operatorPrincipalId
    landingWriterPrincipalIds: landingWriterPrincipalIds
    tags: tags
  }
}

// Names in camel case: Azure changes the case of others. docs/deploy.md makes variables of them, such as FUNCTION_APP.
@description('The resource group.')
output resourceGroup string = group.name

@description('The function app; func azure functionapp publish needs this name.')
output functionApp string = exporter.outputs.functionAppName

@description('The resource id of the function app, the scope of roles for deployments.')
output functionAppId string = exporter.outputs.functionAppId

@description('The URL of the API.')
output apiUrl string = exporter.outputs.apiUrl

@description('The storage account of the exporter; its container landing takes the landing data.')
output storageAccount string = exporter.outputs.storageAccountName

@description('The vault that holds SECRETS-KEY.')
output keyVault string = exporter.outputs.keyVaultName

@description('The addresses that customers allow in their firewalls; empty if the network is open.')
output outboundAddresses string[] = exporter.outputs.outboundAddresses

@description('The client id of the identity of the app, for customers in the same tenant (managed_identity).')
output identityClientId string = exporter.outputs.identityClientId

@description('The principal id of the identity of the app, for their role assignments.')
output identityPrincipalId string = exporter.outputs.identityPrincipalId

@description('The workbook in the portal.')
output workbookUrl string = '${environment().portal}/#@${tenant().tenantId}/resource${exporter.outputs.workbookId}/workbook'
