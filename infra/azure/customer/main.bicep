// What a customer deploys: a container in their storage account, a role with exactly the three data actions that the
// exporter needs, and its assignment to the exporter's service principal on that container.

@description('The existing storage account.')
param storageAccountName string

@description('The container for the exports; it is created if it does not exist.')
param containerName string = 'raw'

@description('The object id of the exporter\'s service principal in this tenant: az ad sp show --id CLIENT_ID --query id.')
param principalId string

resource account 'Microsoft.Storage/storageAccounts@2026-06-01' existing = {
  name: storageAccountName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-06-01' existing = {
  parent: account
  name: 'default'
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-06-01' = {
  parent: blobs
  name: containerName
}

// One definition for each resource group: role names are unique in a tenant.
resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'raw-event-export')
  properties: {
    roleName: 'Raw event export ${uniqueString(resourceGroup().id)}'
    description: 'Reads, writes and deletes blobs, and nothing else: what the export of raw events needs.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write'
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete'
        ]
        notDataActions: []
      }
    ]
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(container.id, principalId, role.id)
  scope: container
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: role.id
  }
}

@description('The value for storage.account_url of the destination.')
output accountUrl string = account.properties.primaryEndpoints.blob

@description('The value for storage.container of the destination.')
output container string = container.name
