"""Every line of events that these tests decode is read by native code, too."""

from tests.support.two_ways import compared, each_way

__all__ = ("compared", "each_way")
