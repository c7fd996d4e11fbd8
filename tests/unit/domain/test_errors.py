import inspect
import re

from exporter.domain import errors
from exporter.domain.errors import (
    DestinationFault,
    ExportError,
    Fault,
    Invalid,
    NotConfigured,
    Problem,
    Rejected,
)


def test_the_tree_in_the_module_is_the_tree_of_the_classes() -> None:
    """A new error is drawn, too."""
    drawn = set(re.findall(r"^[│├└─ ]*(\w+)(?:  +|$)", errors.__doc__ or "", re.MULTILINE))
    classes = {
        name for name, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, ExportError)
    }

    assert drawn == classes


def test_invalid_input_says_how_many_fields_are_wrong_and_lists_them() -> None:
    """All at once."""
    one, two = Problem("id", "is missing"), Problem("name", "is too long")

    assert str(Invalid(one)) == "1 field is wrong."
    assert str(Invalid(one, two)) == "2 fields are wrong."
    assert Invalid(one, two).problems == (one, two)
    assert Invalid(one).code == "invalid_request"
    assert isinstance(Invalid(one), Rejected)


def test_wrong_settings_are_all_in_the_message() -> None:
    """It goes into the log."""
    error = NotConfigured((Problem("A", "is missing"), Problem("B", "is wrong")))

    assert str(error) == "A: is missing; B: is wrong"


def test_a_fault_of_a_destination_keeps_what_to_do() -> None:
    """Code and message are printed, the fix is shown to the customer."""
    fault = Fault("secret_expired", "The secret expired.", "Make a new one.")

    assert str(DestinationFault(fault)) == "secret_expired: The secret expired."
    assert DestinationFault(fault).fault is fault
