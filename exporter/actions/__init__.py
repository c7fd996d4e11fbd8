"""One module for each thing the product does. What an action needs of the world is in ``ports``."""
