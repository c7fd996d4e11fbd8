"""Hypothesis's state machines, run as the tests here run them."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


def worlds(machine: type[RuleBasedStateMachine], number: int, steps: int) -> None:
    """Let hypothesis make so many worlds, of so many steps at most."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=number,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
