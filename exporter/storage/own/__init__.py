"""Our own storage account."""
