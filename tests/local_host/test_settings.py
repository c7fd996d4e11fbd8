"""host.json, local.settings.json, and the settings that override them."""

import json
import logging
from datetime import timedelta
from pathlib import Path

import pytest

from infra.local.host.errors import HostError
from infra.local.host.host import Host
from infra.local.host.log_levels import LogLevels
from infra.local.host.settings import HostSettings, app_settings, resolved


def write(folder: Path, name: str, document: object) -> Path:
    """Write a JSON file and return its folder."""
    (folder / name).write_text(json.dumps(document))
    return folder


def test_what_host_json_leaves_out_is_as_in_azure(tmp_path: Path) -> None:
    """The time-out of Flex Consumption, the defaults of the queue extension."""
    host = HostSettings.load(write(tmp_path, "host.json", {"version": "2.0"}), {})

    assert host.route_prefix == "api"
    assert host.function_timeout == timedelta(minutes=30)
    assert host.queues.batch_size == 16
    assert host.queues.max_dequeue_count == 5
    assert host.queues.visibility_timeout == timedelta(0)
    assert host.queues.max_polling_interval == timedelta(minutes=1)
    assert host.queues.base64
    assert host.queues.lease_seconds == 600


def test_app_settings_override_host_json_in_any_case(tmp_path: Path) -> None:
    """Whether host.json has the key, has it in another case, or does not have it."""
    document = {"version": "2.0", "extensions": {"queues": {"batchSize": 4, "newBatchThreshold": 1}}}
    overrides = {
        "AzureFunctionsJobHost__extensions__queues__batchSize": "8",
        "AzureFunctionsJobHost__EXTENSIONS__queues__maxdequeuecount": "3",
        "AzureFunctionsJobHost__functionTimeout": "-1",
        "AZUREFUNCTIONSJOBHOST__extensions__http__routePrefix": "",
    }

    host = HostSettings.load(write(tmp_path, "host.json", document), overrides)

    assert (host.queues.batch_size, host.queues.new_batch_threshold) == (8, 1)
    assert host.queues.max_dequeue_count == 3
    assert host.function_timeout is None
    assert host.route_prefix == ""


@pytest.mark.parametrize(
    ("queues", "complaint"),
    [
        ({"batchSize": 33}, "batchSize"),
        ({"batchSize": 0}, "batchSize"),
        ({"newBatchThreshold": -1}, "newBatchThreshold"),
        ({"visibilityTimeout": "30"}, "is not a duration"),
        ({"messageEncoding": "base32"}, "messageEncoding"),
    ],
)
def test_a_wrong_queue_setting_is_named(tmp_path: Path, queues: object, complaint: str) -> None:
    """With the file it is in."""
    write(tmp_path, "host.json", {"version": "2.0", "extensions": {"queues": queues}})

    with pytest.raises(HostError, match=rf"host\.json.*{complaint}"):
        HostSettings.load(tmp_path, {})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "missing"),
        ("{", "not valid JSON"),
        ("[]", "a JSON object"),
        ('{"version": "1.0"}', '"version"'),
    ],
)
def test_an_unusable_host_json_is_an_error_for_a_person(
    tmp_path: Path, text: str | None, complaint: str
) -> None:
    """One line, no traceback."""
    if text is not None:
        (tmp_path / "host.json").write_text(text)

    with pytest.raises(HostError, match=complaint):
        HostSettings.load(tmp_path, {})


def test_the_environment_wins_over_local_settings(tmp_path: Path) -> None:
    """As with func; a byte order mark does not matter."""
    text = json.dumps({"IsEncrypted": False, "Values": {"A": "file", "B": "file", "N": 5}})
    (tmp_path / "local.settings.json").write_text(text, "utf-8-sig")

    assert app_settings(tmp_path, {"A": "environment"}) == {"A": "environment", "B": "file", "N": "5"}


def test_without_local_settings_there_is_the_environment(tmp_path: Path) -> None:
    """The file is optional."""
    assert app_settings(tmp_path, {"A": "environment"}) == {"A": "environment"}


def test_settings_in_percent_signs_are_resolved() -> None:
    """Or named, when they do not exist."""
    assert resolved("%A%-and-%B%", {"A": "1", "B": "2"}) == "1-and-2"
    with pytest.raises(ValueError, match="'%C%' does not resolve"):
        resolved("x-%C%", {})


def test_the_longest_name_that_a_category_begins_with_decides() -> None:
    """As in the host's logging; whatever the case, and the default for all others."""
    levels = LogLevels.parse(
        {"default": "Warning", "Function.tick": "Error", "function.TICK.user": "Information", "Host": "None"}
    )

    assert levels.keeps("Function.tick.User", logging.INFO)
    assert not levels.keeps("Function.tick", logging.WARNING)
    assert not levels.keeps("Function.other.User", logging.INFO)
    assert levels.keeps("Function.other.User", logging.WARNING)
    assert not levels.keeps("Host.Results", logging.CRITICAL)
    assert LogLevels().keeps("Function.tick.User", logging.INFO)
    assert LogLevels.from_json(levels.to_json()) == levels


def test_a_log_level_that_there_is_not_is_named_with_its_category(tmp_path: Path) -> None:
    """Azure does not start either."""
    levels = {"logging": {"logLevel": {"Function.tick": "Loud"}}}

    with pytest.raises(HostError, match=r"Function\.tick: 'Loud' is not a log level"):
        HostSettings.load(write(tmp_path, "host.json", {"version": "2.0", **levels}), {})


def test_the_environment_alone_is_enough(tmp_path: Path) -> None:
    """So a developer's local.settings.json changes no test."""
    write(tmp_path, "local.settings.json", {"Values": {"FUNCTIONS_WORKER_PROCESS_COUNT": "nonsense"}})
    write(tmp_path, "host.json", {"version": "2.0"})

    Host(tmp_path, 0, None, {}, local_settings=False).stop()
