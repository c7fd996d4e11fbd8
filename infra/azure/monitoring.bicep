// Log Analytics and Application Insights.

import { tagsType } from 'types.bicep'

@description('The suffix of the resource names.')
param name string

@description('The region.')
param location string

@description('Tags.')
param tags tagsType

@description('The number of days after which logs are deleted.')
@minValue(30)
@maxValue(730)
param retentionDays int = 90

@description('The amount of logs a day, in GB, above which no more are stored; -1 for no limit.')
param dailyLogsMaxGB int

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' = {
  name: 'log-${name}'
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionDays
    workspaceCapping: {
      dailyQuotaGb: dailyLogsMaxGB
    }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: 'appi-${name}'
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    // Only an identity with a role may write.
    DisableLocalAuth: true
  }
}

@description('The workspace.')
output workspaceId string = workspace.id

@description('Application Insights.')
output applicationInsightsId string = insights.id

@description('The connection string for telemetry. It grants no access: writing needs a role.')
output connectionString string = insights.properties.ConnectionString
