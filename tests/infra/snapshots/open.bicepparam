// The smallest installation: no network of its own, in a region without zones.
using '../../../infra/azure/main.bicep'

param environmentName = 'abc'
param location = 'westeurope'
param network = 'open'
param zoneRedundantStorage = false
