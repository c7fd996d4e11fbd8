"""The local stack: storage emulator, functions host, sample data, demo. Development only, never deployed."""
