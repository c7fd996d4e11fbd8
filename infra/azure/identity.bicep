// Who the app is. User-assigned, so that its roles can be there before the app is.

@description('The name of the identity.')
param name string

@description('Where it is made.')
param location string

@description('Tags.')
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
  tags: tags
}

@description('Its resource id.')
output id string = identity.id

@description('What settings and SDKs call it.')
output clientId string = identity.properties.clientId

@description('What role assignments call it.')
output principalId string = identity.properties.principalId
