// When a person is needed. The queries read the lines that exporter/notify/log_events.py writes.

@description('The second half of the names.')
param name string

@description('Where it is made.')
param location string

@description('Application Insights.')
param applicationInsightsId string

@description('Who is told by mail; empty tells nobody, and the alerts are seen in the portal.')
param email string

@description('Tags.')
param tags object

@description('How far behind a destination may be, in minutes, before somebody is told.')
param lagMinutesMax int = 120

@description('How many rows of a hundred may be rejected in an hour of a destination.')
param rejectedPercentMax int = 1

var rules = [
  {
    name: 'behind'
    severity: 2
    title: 'A destination is behind'
    description: 'A stream owes an hour that was closed more than ${lagMinutesMax} minutes ago.'
    window: 'PT15M'
    operator: 'GreaterThan'
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
    name: 'refuses'
    severity: 3
    title: 'A customer\'s storage refuses the exporter'
    description: 'Its destination is failing; GET /api/destinations/{id} says why, and what to do.'
    window: 'PT30M'
    operator: 'GreaterThan'
    query: '''
traces
| where message startswith "destination refuses "
| extend facts = parse_json(substring(message, strlen("destination refuses ")))
| summarize ticks = count() by destination = tostring(facts.destination)
| where ticks >= 2
'''
  }
  {
    name: 'poison'
    severity: 2
    title: 'A request was given up'
    description: 'A message failed again and again. What it asked for is owed still; the log has the reason.'
    window: 'PT15M'
    operator: 'GreaterThan'
    query: '''
traces
| where message startswith "poison "
'''
  }
  {
    name: 'rejected'
    severity: 3
    title: 'Many rows are rejected'
    description: 'More than ${rejectedPercentMax} % of a destination\'s rows are no proper rows: look into the container rejected.'
    window: 'PT1H'
    operator: 'GreaterThan'
    query: '''
traces
| where message startswith "hour exported "
| extend facts = parse_json(substring(message, strlen("hour exported ")))
| summarize rejected = sum(tolong(facts.rows.rejected)), read = sum(tolong(facts.rows.read)) by destination = tostring(facts.destination)
| where rejected * 100 > read * {rejectedPercentMax}
'''
  }
  {
    name: 'unreadable'
    severity: 2
    title: 'A stored row cannot be read'
    description: 'What it is about, a destination, a stream or an hour, stands still; the line says which row, and why.'
    window: 'PT15M'
    operator: 'GreaterThan'
    query: '''
traces
| where message startswith "row unreadable "
| extend facts = parse_json(substring(message, strlen("row unreadable ")))
| summarize times = count() by stored_in = tostring(facts.table), row_key = tostring(facts.key)
'''
  }
  {
    name: 'still'
    severity: 1
    title: 'The exporter stands still'
    description: 'No tick for 15 minutes: nothing is exported.'
    window: 'PT15M'
    operator: 'LessThan'
    query: '''
traces
| where message startswith "tick {"
'''
  }
]

resource told 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
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

resource alerts 'Microsoft.Insights/scheduledQueryRules@2022-06-15' = [
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
            timeAggregation: 'Count'
            operator: rule.operator
            threshold: rule.operator == 'LessThan' ? 1 : 0
          }
        ]
      }
      autoMitigate: true
      actions: {
        actionGroups: empty(email) ? [] : [told.id]
      }
    }
  }
]
