"""A package, so that its browser and its app end with the last of its tests and not with all tests."""
