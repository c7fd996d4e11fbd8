// The managed identity of the app; user-assigned, so that its roles can exist before the app.

import { tagsType } from 'types.bicep'

@description('The name of the identity.')
param name string

@description('The region.')
param location string

@description('Tags.')
param tags tagsType

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('The resource id.')
output id string = identity.id

@description('The client id, for settings and SDKs.')
output clientId string = identity.properties.clientId

@description('The principal id, for role assignments.')
output principalId string = identity.properties.principalId
