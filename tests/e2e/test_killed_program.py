"""A program that starts the app and its storage can be killed: nothing that it has started goes on."""

import subprocess
import sys
from pathlib import Path

import psutil

from infra.local import azurite

ENDED_SECONDS_MAX = 20.0
PROGRAM = """
import sys
import time
from pathlib import Path

from infra.local import azurite, stack

with (
    azurite.running() as endpoints,
    stack.running_app(stack.settings_for(endpoints), port=int(sys.argv[1]), log=Path(sys.argv[2])),
):
    print("running", flush=True)
    time.sleep(600)
"""


def test_storage_and_app_end_with_the_program_that_started_them(tmp_path: Path) -> None:
    """``kill -9``: Azurite, the host and its worker end."""
    port = azurite.free_ports(1)[0]
    command = [sys.executable, "-c", PROGRAM, str(port), str(tmp_path / "app.log")]
    project = Path(azurite.__file__).parents[2]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True) as program:  # noqa: S603  our own
        assert program.stdout is not None
        assert program.stdout.readline() == "running\n"
        started = psutil.Process(program.pid).children(recursive=True)
        program.kill()

    _, alive = psutil.wait_procs(started, ENDED_SECONDS_MAX)
    for each in alive:
        each.kill()
    assert len(started) >= len(["Azurite", "host", "worker"])
    assert alive == []
