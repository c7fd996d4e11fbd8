"""The Functions bindings: parse what comes in, call one action, answer.

Annotations here are read by the Functions worker when it indexes the app: it takes real classes only.
"""
