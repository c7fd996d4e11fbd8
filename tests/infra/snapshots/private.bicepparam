// Everything there is, with each parameter that adds a resource.
using '../../../infra/azure/main.bicep'

param environmentName = 'abc'
param location = 'westeurope'
param network = 'private'
param alertEmail = 'operator@example.net'
param alwaysReady = [{ name: 'http', instanceCount: 1 }]
param dailyLogsMaxGB = 7
param landingDays = 90
param landingWriterPrincipalIds = ['00000000-0000-4000-8000-000000000002']
param operatorPrincipalId = '00000000-0000-4000-8000-000000000001'
param settings = { SETTLE_MINUTES: '20', SECRETS_KEY: 'not this one' }
param storageLogs = ['StorageWrite', 'StorageDelete']
