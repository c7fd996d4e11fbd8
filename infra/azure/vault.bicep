// The vault for SECRETS_KEY. Without that key the stored credentials are lost, so the vault cannot be purged.

import { tagsType } from 'types.bicep'

@description('The name of the vault.')
param name string

@description('The region.')
param location string

@description('Whether public network access is allowed, to callers with a role; otherwise only the private endpoint.')
param publicAccess bool

@description('The key, for the first deployment; empty keeps the existing one.')
@secure()
param newSecretsKey string

@description('The workspace that gets the audit log.')
param workspaceId string

@description('Tags.')
param tags tagsType

var secretsKeyName = 'SECRETS-KEY'

resource vault 'Microsoft.KeyVault/vaults@2026-05-15' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    publicNetworkAccess: publicAccess ? 'Enabled' : 'Disabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: publicAccess ? 'Allow' : 'Deny'
    }
  }
}

resource secretsKey 'Microsoft.KeyVault/vaults/secrets@2026-05-15' = if (!empty(newSecretsKey)) {
  parent: vault
  name: secretsKeyName
  properties: {
    value: newSecretsKey
    contentType: 'SECRETS_KEY: 32 bytes in base64, several separated by commas'
  }
}

// Who read or changed the key.
#disable-next-line use-recent-api-versions // the stable version is of 2016
resource auditLog 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'audit', enabled: true }]
  }
}

@description('The vault.')
output id string = vault.id

@description('The name.')
output name string = vault.name

@description('The URL of the key, without a version: always the newest.')
output encryptionKeyAddress string = '${vault.properties.vaultUri}secrets/${secretsKeyName}'
