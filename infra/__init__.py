"""What is needed around the app: its Azure resources, and a local stack to develop and test it."""
