"""The only code that knows the Azure SDKs: our own account, and customers' containers."""
