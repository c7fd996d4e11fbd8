"""A customer's storage, sign-in and webhook."""
