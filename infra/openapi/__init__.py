"""The OpenAPI document as a file, and the linters that check it."""
