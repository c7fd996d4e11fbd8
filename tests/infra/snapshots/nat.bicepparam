// The defaults: fixed outbound addresses.
using '../../../infra/azure/main.bicep'

param environmentName = 'abc'
param location = 'westeurope'
