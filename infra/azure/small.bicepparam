// For one or a few customers: the smallest installation.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'exporter')
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
param instanceMemoryMB = 512
param instanceCountMax = 40
param network = 'open'
param landingDays = 90
param newSecretsKey = readEnvironmentVariable('NEW_SECRETS_KEY', '')
param alertEmail = readEnvironmentVariable('ALERT_EMAIL', '')
param operatorPrincipalId = readEnvironmentVariable('OPERATOR_PRINCIPAL_ID', '')
