// The workbook: the log lines that the alerts read, as tables and charts.

import { tagsType } from 'types.bicep'

@description('The name, a GUID.')
param name string

@description('The title in the portal.')
param title string

@description('The region.')
param location string

@description('Application Insights.')
param applicationInsightsId string

@description('Tags.')
param tags tagsType

var exported = '''
traces
| where message startswith "hour exported "
| extend facts = parse_json(substring(message, strlen("hour exported ")))
| extend destination = tostring(facts.destination), rows = facts.rows, seconds = facts.seconds
'''
var charts = [
  {
    title: 'Lag of each destination, in minutes'
    visualization: 'timechart'
    query: '''
traces
| where message startswith "stream behind "
| extend facts = parse_json(substring(message, strlen("stream behind ")))
| summarize max(toint(facts.lag_minutes)) by tostring(facts.destination), bin(timestamp, 5m)
'''
  }
  {
    title: 'Owed hours of each destination, upper bound'
    visualization: 'timechart'
    query: '''
traces
| where message startswith "stream behind "
| extend facts = parse_json(substring(message, strlen("stream behind ")))
| summarize max(toint(facts.hours_max)) by tostring(facts.destination), bin(timestamp, 5m)
'''
  }
  {
    title: 'Rows exported'
    visualization: 'timechart'
    query: '${exported}| summarize sum(tolong(rows.exported)) by destination, bin(timestamp, 1h)'
  }
  {
    title: 'Bytes exported'
    visualization: 'timechart'
    query: '${exported}| summarize sum(tolong(facts.bytes)) by destination, bin(timestamp, 1h)'
  }
  {
    title: 'Rows rejected'
    visualization: 'timechart'
    query: '${exported}| summarize sum(tolong(rows.rejected)) by destination, bin(timestamp, 1h)'
  }
  {
    title: 'Duration of an hour by step, in seconds, and storage calls'
    visualization: 'table'
    query: '${exported}| summarize hours = count(), inventory = avg(todouble(seconds.inventory)), stage = avg(todouble(seconds.stage)), commit = avg(todouble(seconds.commit)), calls = avg(toint(facts.calls)) by destination'
  }
  {
    title: 'Failures by code'
    visualization: 'table'
    query: '''
traces
| where message startswith "hour failed "
| extend facts = parse_json(substring(message, strlen("hour failed ")))
| summarize failures = count(), newest = max(timestamp) by destination = tostring(facts.destination), code = tostring(facts.code)
'''
  }
  {
    title: 'Rows pulled'
    visualization: 'timechart'
    query: '''
traces
| where message startswith "hour pulled "
| extend facts = parse_json(substring(message, strlen("hour pulled ")))
| summarize sum(tolong(facts.new_rows)) by tostring(facts.source), bin(timestamp, 1h)
'''
  }
  {
    title: 'Failed pulls by code'
    visualization: 'table'
    query: '''
traces
| where message startswith "pull failed "
| extend facts = parse_json(substring(message, strlen("pull failed ")))
| summarize failures = count(), newest = max(timestamp) by pulled_from = tostring(facts.source), code = tostring(facts.code)
'''
  }
  {
    title: 'Failing sources'
    visualization: 'table'
    query: '''
traces
| where message startswith "source failing "
| extend facts = parse_json(substring(message, strlen("source failing ")))
| summarize ticks = count(), newest = max(timestamp) by pulled_from = tostring(facts.source)
'''
  }
  {
    title: 'Unreadable stored rows'
    visualization: 'table'
    query: '''
traces
| where message startswith "row unreadable "
| extend facts = parse_json(substring(message, strlen("row unreadable ")))
| summarize times = count(), newest = max(timestamp) by stored_in = tostring(facts.table), row_key = tostring(facts.key), why = tostring(facts.why)
'''
  }
  {
    title: 'Secrets that are encrypted with a new key'
    visualization: 'table'
    query: '''
traces
| where message startswith "secrets renewed "
| extend facts = parse_json(substring(message, strlen("secrets renewed ")))
| summarize renewed = sum(toint(facts.renewed)), left_at_most = max(toint(facts.left)) by bin(timestamp, 15m)
'''
  }
  {
    title: 'Changes of destinations and backfills'
    visualization: 'table'
    query: '''
traces
| where message startswith "change made "
| extend facts = parse_json(substring(message, strlen("change made ")))
| summarize changes = count(), newest = max(timestamp) by destination = tostring(facts.destination), action = tostring(facts.action), key = tostring(facts.key), principal = tostring(facts.principal)
'''
  }
  {
    title: 'Created landing containers'
    visualization: 'table'
    query: '''
traces
| where message startswith "landing created "
| summarize times = count(), newest = max(timestamp) by cloud_RoleName
'''
  }
  {
    title: 'Ticks'
    visualization: 'timechart'
    query: '''
traces
| where message startswith "tick {"
| extend facts = parse_json(substring(message, strlen("tick ")))
| summarize ticks = count(), queued = sum(toint(facts.queued)) by bin(timestamp, 15m)
'''
  }
]

var items = [
  for (chart, number) in charts: {
    type: 3
    name: 'chart ${number}'
    content: {
      version: 'KqlItem/1.0'
      title: chart.title
      query: chart.query
      size: 0
      timeContext: {
        durationMs: 86400000
      }
      queryType: 0
      resourceType: 'microsoft.insights/components'
      crossComponentResources: [applicationInsightsId]
      visualization: chart.visualization
    }
  }
]
var content = {
  version: 'Notebook/1.0'
  items: items
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: title
    category: 'workbook'
    sourceId: applicationInsightsId
    serializedData: string(content)
  }
}

@description('The resource id of the workbook.')
output id string = workbook.id
