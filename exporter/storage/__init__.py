"""The only code that talks to Azure Storage: our own account, and customers' containers."""
