// The smallest installation: no network of its own.
using '../../../infra/azure/main.bicep'

param environmentName = 'abc'
param location = 'westeurope'
param network = 'open'
