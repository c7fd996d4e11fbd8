// The side of a customer.
using '../../../infra/azure/customer/main.bicep'

param storageAccountName = 'acme'
param principalId = '00000000-0000-4000-8000-000000000003'
