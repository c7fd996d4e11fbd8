// For many or large customers: fixed addresses, private endpoints for the storage of the exporter.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'exporter')
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
param instanceMemoryMB = 4096
// As many as a new subscription may have of this size in a region: docs/deploy.md.
param instanceCountMax = 125
param network = 'private'
param outboundAddressCount = 3
param landingDays = 365
param rejectedDays = 365
param newSecretsKey = readEnvironmentVariable('NEW_SECRETS_KEY', '')
param alertEmail = readEnvironmentVariable('ALERT_EMAIL', '')
param operatorPrincipalId = readEnvironmentVariable('OPERATOR_PRINCIPAL_ID', '')
