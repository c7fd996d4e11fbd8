"""Texts of one form, looked at end to end: far cheaper than one by one."""

END = "\n"


def in_columns(joined: str, count: int, length: int, signs: dict[int, str]) -> bool:
    """Whether a text is so many lines of the same length, with these signs at these places.

    Each sign is one character, and may stand nowhere else.
    """
    wanted = {**signs, length: END}
    if len(joined) != count * (length + 1) - 1:
        return False
    for sign in set(wanted.values()):
        places = [place for place, each in wanted.items() if each == sign]
        if joined.count(sign) != len(places) * count - (sign == END):
            return False
        if any(joined[place :: length + 1].strip(sign) for place in places):
            return False
    return True
