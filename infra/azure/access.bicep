// The roles of people and of sources. The owner of a subscription has no right to data: reading a queue, a table or a
// blob needs one of these. docs/deploy.md says who gets them.

@description('The object id of the operator, a person or a group; empty for none.')
param operatorPrincipalId string

@description('The object ids of those who land data: applications, managed identities, people or groups.')
param landingWriterPrincipalIds string[]

@description('The storage account of the exporter.')
param storageAccountName string

@description('The vault.')
param keyVaultName string

var blobContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe' // Storage Blob Data Contributor: reads, writes and deletes
var operatorRoles = [
  blobContributor
  '974c5e8b-45b9-4653-ba55-5f855dd0fb88' // Storage Queue Data Contributor: looks at queues and clears them
  '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3' // Storage Table Data Contributor: repairs and deletes rows
]
var secretsOfficer = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7' // Key Vault Secrets Officer: rotates SECRETS_KEY

resource account 'Microsoft.Storage/storageAccounts@2026-06-01' existing = {
  name: storageAccountName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-06-01' existing = {
  parent: account
  name: 'default'
}

resource landing 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-06-01' existing = {
  parent: blobs
  name: 'landing'
}

resource vault 'Microsoft.KeyVault/vaults@2026-05-15' existing = {
  name: keyVaultName
}

resource ofOperator 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in empty(operatorPrincipalId) ? [] : operatorRoles: {
    name: guid(account.id, operatorPrincipalId, role)
    scope: account
    properties: {
      principalId: operatorPrincipalId
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

resource ofOperatorOnVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorPrincipalId)) {
  name: guid(vault.id, operatorPrincipalId, secretsOfficer)
  scope: vault
  properties: {
    principalId: operatorPrincipalId
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', secretsOfficer)
  }
}

resource ofWriters 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for writer in landingWriterPrincipalIds: {
    name: guid(landing.id, writer, blobContributor)
    scope: landing
    properties: {
      principalId: writer
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobContributor)
    }
  }
]
