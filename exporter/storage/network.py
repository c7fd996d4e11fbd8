"""The first cause of an error at the connection, in words that repeat no URL: a URL may hold a signature."""

from azure.core.exceptions import AzureError


def root_cause(error: AzureError) -> BaseException:
    """Return the first cause, such as "Connection refused": what was made of it repeats URLs."""
    root: BaseException = error.inner_exception or error
    while nested := _nested(root):
        root = nested
    return root


def words_of(root: BaseException) -> str:
    """Return what a first cause says."""
    if type(root).__module__.partition(".")[0] in ("azure", "requests", "urllib3"):
        return type(root).__name__
    return getattr(root, "strerror", None) or str(root)


def _nested(error: BaseException) -> BaseException | None:
    """Return what an error of requests or urllib3 wraps; each of them keeps it in a place of its own."""
    candidates = (error.__cause__, getattr(error, "reason", None), *error.args)
    return next((each for each in candidates if isinstance(each, BaseException)), None)
