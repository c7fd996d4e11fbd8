// Log Analytics and Application Insights.

@description('The suffix of the resource names.')
param name string

@description('The region.')
param location string

@description('Tags.')
param tags object

@description('The number of days after which logs are deleted.')
@minValue(30)
@maxValue(730)
param retentionDays int = 90

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: 'log-${name}'
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionDays
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

@description('Application Insights.')
output applicationInsightsId string = insights.id

@description('The name.')
output applicationInsightsName string = insights.name

@description('The connection string for telemetry. It grants no access: writing needs a role.')
output connectionString string = insights.properties.ConnectionString
