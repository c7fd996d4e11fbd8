"""Bytes in, bytes out: landing blobs become rows, rows become blocks of files. No I/O, no clock.

    chunks of a blob ─gunzip▶ pieces ─lines▶ lines ─codec▶ rows ─filter, key set▶ rows ─codec, format▶ blocks
                                                     └────────▶ rejected rows

Every step is lazy and pulls a few dozen lines at a time from the step before it. So the memory for an hour of
any size is a few blocks, and 21 to 107 bytes an event for the keys that detect duplicates.
"""
