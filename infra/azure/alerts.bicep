// Alert rules. The queries read the log lines of exporter/notify/log_events.py.

import { tagsType } from 'types.bicep'

@description('The suffix of the resource names.')
param name string

@description('The region.')
param location string

@description('Application Insights.')
param applicationInsightsId string

@description('The mail address for alerts; empty: alerts are only shown in the portal.')
param email string

@description('Tags.')
param tags tagsType

@description('The lag of a destination, in minutes, above which an alert fires.')
param lagMinutesMax int = 120

@description('The share of rejected rows of a destination, in percent, above which an alert fires.')
param rejectedPercentMax int = 1

var rules = [
  {
    name: 'behind'
    severity: 2
    title: 'Destination behind'
    description: 'A stream has not exported an hour that closed more than ${lagMinutesMax} minutes ago. See owed_hours and last_error in GET /api/destinations.'
    window: 'PT15M'
    operator: 'GreaterThan'
    splitBy: ['destination']
    query: '''
traces
| where message startswith "stream behind "
| extend facts = parse_json(substring(message, strlen("stream behind ")))
| extend destination = tostring(facts.destination), lag_minutes = toint(facts.lag_minutes)
| where lag_minutes > {lagMinutesMax}
| summarize max(lag_minutes) by destination
'''
  }
  {
    name: 'failing'
    severity: 3
    title: 'Destination failing'
    description: 'The storage of a customer refuses the exporter. GET /api/destinations/{id} shows the error and its fix.'
    window: 'PT30M'
    operator: 'GreaterThan'
    splitBy: ['destination']
    query: '''
traces
| where message startswith "destination failing "
| extend facts = parse_json(substring(message, strlen("destination failing ")))
| summarize ticks = count() by destination = tostring(facts.destination)
| where ticks >= 2
'''
  }
  {
    name: 'pulling'
    severity: 3
    title: 'Source failing'
    description: 'The Export API of a source refuses its keys or does not answer, so its hours stay open. GET /api/sources/{id} shows the error and its fix.'
    window: 'PT30M'
    operator: 'GreaterThan'
    splitBy: ['pulled_from']
    query: '''
traces
| where message startswith "source failing "
| extend facts = parse_json(substring(message, strlen("source failing ")))
| summarize ticks = count() by pulled_from = tostring(facts.source)
| where ticks >= 2
'''
  }
  {
    name: 'unpulled'
    severity: 3
    title: 'Hours of a source failed'
    description: 'Hours of a source cannot be pulled, and no destination of its project gets hours from the oldest of them on until they are. GET /api/sources/{id} lists them in failed_hours, each with its error and fix.'
    window: 'PT30M'
    operator: 'GreaterThan'
    splitBy: ['pulled_from']
    query: '''
traces
| where message startswith "source hours failed "
| extend facts = parse_json(substring(message, strlen("source hours failed ")))
| summarize hours = max(toint(facts.hours)) by pulled_from = tostring(facts.source)
'''
  }
  {
    name: 'poison'
    severity: 2
    title: 'Queue message given up'
    description: 'A queue message failed five times. Its work is still owed and is queued again; the log line "poison" has an error id that leads to the cause.'
    window: 'PT15M'
    operator: 'GreaterThan'
    splitBy: []
    query: '''
traces
| where message startswith "poison "
'''
  }
  {
    name: 'rejected'
    severity: 3
    title: 'Many rows rejected'
    description: 'More than ${rejectedPercentMax} % of the rows of a destination are invalid. The container rejected of the exporter has the rows with their reasons.'
    window: 'PT1H'
    operator: 'GreaterThan'
    splitBy: ['destination']
    query: '''
traces
| where message startswith "hour exported "
| extend facts = parse_json(substring(message, strlen("hour exported ")))
| summarize rejected = sum(tolong(facts.rows.rejected)), read = sum(tolong(facts.rows.read)) by destination = tostring(facts.destination)
| where rejected * 100 > read * {rejectedPercentMax}
'''
  }
  {
    name: 'expiring'
    severity: 3
    title: 'Credentials expire'
    description: 'The shared access signature of a destination expires within two weeks, and its exports stop then. Ask the customer for a new one, and put the destination with it.'
    window: 'PT15M'
    operator: 'GreaterThan'
    splitBy: ['destination']
    query: '''
traces
| where message startswith "credentials expire "
| extend facts = parse_json(substring(message, strlen("credentials expire ")))
| summarize ticks = count() by destination = tostring(facts.destination)
'''
  }
  {
    name: 'unreadable'
    severity: 2
    title: 'Stored row unreadable'
    description: 'The exporter cannot read a row of its own tables; the destination, stream or hour of the row is not exported. The log line "row unreadable" names the row and the reason.'
    window: 'PT15M'
    operator: 'GreaterThan'
    splitBy: ['stored_in', 'row_key']
    query: '''
traces
| where message startswith "row unreadable "
| extend facts = parse_json(substring(message, strlen("row unreadable ")))
| summarize times = count() by stored_in = tostring(facts.table), row_key = tostring(facts.key)
'''
  }
  {
    name: 'stopped'
    severity: 1
    title: 'Exporter stopped: no tick for 15 minutes'
    description: 'The timer of the exporter does not run, so nothing is exported. Check that the function app is running, and its log.'
    window: 'PT15M'
    operator: 'LessThan'
    splitBy: []
    query: '''
traces
| where message startswith "tick {"
'''
  }
]

resource mail 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'ag-${name}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'exports'
    enabled: true
    emailReceivers: [
      {
        name: 'operator'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for rule in rules: {
    name: 'alert-${rule.name}-${name}'
    location: location
    tags: tags
    properties: {
      displayName: rule.title
      description: rule.description
      severity: rule.severity
      enabled: true
      scopes: [applicationInsightsId]
      evaluationFrequency: 'PT5M'
      windowSize: rule.window
      criteria: {
        allOf: [
          {
            query: replace(
              replace(rule.query, '{lagMinutesMax}', string(lagMinutesMax)),
              '{rejectedPercentMax}',
              string(rejectedPercentMax)
            )
            // An alert for each destination, whose mail names it.
            dimensions: map(rule.splitBy, column => { name: column, operator: 'Include', values: ['*'] })
            timeAggregation: 'Count'
            operator: rule.operator
            threshold: rule.operator == 'LessThan' ? 1 : 0
          }
        ]
      }
      autoMitigate: true
      actions: {
        actionGroups: empty(email) ? [] : [mail.id]
      }
    }
  }
]
