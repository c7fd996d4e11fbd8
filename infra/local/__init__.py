"""The local stack: storage emulator, functions host, sample data, demo. For development; never deployed."""
