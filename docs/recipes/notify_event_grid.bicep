// Sends an event to a queue of the customer for each hour that is complete: Event Grid tells of the marker's blob.
// The customer deploys it, in the resource group of their storage account.

@description('The storage account with the exported files.')
param storageAccountName string

@description('The container of the destination.')
param containerName string = 'raw'

@description('The queue for the events, in the same storage account; it is created if it does not exist.')
param queueName string = 'complete-hours'

@description('The region of the storage account.')
param location string = resourceGroup().location

resource account 'Microsoft.Storage/storageAccounts@2026-06-01' existing = {
  name: storageAccountName
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices@2026-06-01' = {
  parent: account
  name: 'default'
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-06-01' = {
  parent: queues
  name: queueName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: 'evgt-${storageAccountName}'
  location: location
  properties: {
    source: account.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'complete-hours'
  properties: {
    destination: {
      endpointType: 'StorageQueue'
      properties: {
        resourceId: account.id
        queueName: queue.name
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/${containerName}/'
      subjectEndsWith: '_complete'
      advancedFilters: [
        // A marker of 0 bytes is being removed.
        {
          operatorType: 'NumberGreaterThan'
          key: 'data.contentLength'
          value: 0
        }
      ]
    }
  }
}
