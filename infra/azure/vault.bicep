// The vault that holds SECRETS_KEY. Without that key, stored credentials of customers are lost: it cannot be purged.

@description('The name of the vault.')
param name string

@description('Where it is made.')
param location string

@description('Whether it can be reached from anywhere, by those with a role; otherwise by private endpoint alone.')
param publicAccess bool

@description('The key, for the first deployment; empty leaves the one that is there.')
@secure()
param newSecretsKey string

@description('Tags.')
param tags object

var secretsKeyName = 'SECRETS-KEY'

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
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

resource secretsKey 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(newSecretsKey)) {
  parent: vault
  name: secretsKeyName
  properties: {
    value: newSecretsKey
    contentType: 'SECRETS_KEY: 32 bytes in base64, several separated by commas'
  }
}

@description('The vault.')
output id string = vault.id

@description('Its name.')
output name string = vault.name

@description('Where the key is: always its newest version.')
output encryptionKeyAddress string = '${vault.properties.vaultUri}secrets/${secretsKeyName}'
