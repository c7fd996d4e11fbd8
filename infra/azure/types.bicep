// The types of parameters that have a form of their own.

@export()
@description('Tags of a resource, by name.')
type tagsType = {
  *: string
}

@export()
@description('App settings, by name; all values are strings.')
type settingsType = {
  *: string
}

@export()
@description('The address space of the virtual network, and its subnets for the app and for private endpoints.')
type addressPrefixesType = {
  all: string
  app: string
  endpoints: string
}

@export()
@description('Instances that always run: for http, or for a function such as function:export_hour.')
type alwaysReadyType = {
  name: string

  @minValue(1)
  instanceCount: int
}

@export()
@description('The addresses of the services of the storage account, with the suffix of its cloud.')
type storageUrlsType = {
  blob: string
  queue: string
  table: string
}

@export()
@description('What is logged of the requests to a storage account.')
type storageLogType = 'StorageRead' | 'StorageWrite' | 'StorageDelete'
