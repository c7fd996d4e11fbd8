"""Bytes in, bytes out: landing blobs become rows, rows become gzip blocks. No I/O, no clock.

    pieces of a blob ─gunzip▶ pieces ─lines▶ lines ─decode▶ rows ─keep, seen▶ rows ─encode, pack▶ blocks
                                                      └────────▶ rejected rows

Every step is lazy and takes from the one before it, a few dozen lines at a time, so an hour of any size needs
the memory of a few blocks, and 21 to 107 bytes for each event, by which its duplicate would be known.
"""
