import os

from hypothesis import HealthCheck, settings

from exporter.pipeline.native import scanner

# The same examples on every run: a change that breaks something fails at once, and nothing fails by chance.
settings.register_profile(
    "steady",
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# To look for more, now and then: pytest --hypothesis-profile=search tests/properties
settings.register_profile(
    "search", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")

# make test NATIVE_CODE=off: the same tests without native code. Apps that tests start get the variable, too.
scanner.allow(os.environ.get("NATIVE_CODE", "on") != "off")  # noqa: TID251  the tests' own switch
