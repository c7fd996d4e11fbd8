"""Checks texts of one fixed form together, joined: much faster than one by one."""

END = "\n"


def in_columns(joined: str, count: int, length: int, signs: dict[int, str]) -> bool:
    """Whether a text is ``count`` lines of ``length`` characters with these signs at these places.

    Each sign is one character; it may occur at other places, too.
    """
    if len(joined) != count * (length + 1) - 1 or joined.count(END) != count - 1:
        return False
    return not any(joined[place :: length + 1].strip(sign) for place, sign in [*signs.items(), (length, END)])
