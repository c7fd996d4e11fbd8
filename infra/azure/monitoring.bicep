// Where logs and metrics go.

@description('The second half of the names.')
param name string

@description('Where it is made.')
param location string

@description('Tags.')
param tags object

@description('After how many days logs are deleted.')
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
    // Only the app's identity may write.
    DisableLocalAuth: true
  }
}

@description('Application Insights.')
output applicationInsightsId string = insights.id

@description('Its name.')
output applicationInsightsName string = insights.name

@description('Where telemetry goes. It opens nothing: writing takes a role.')
output connectionString string = insights.properties.ConnectionString
