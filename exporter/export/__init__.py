"""Exporting one hour, from what landed to what readers see."""
