"""Queue functions: each message until it is deleted, or moved to the poison queue."""

import base64
import os
import signal
import time

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from tests.local_host.host_process import HostProcess, StartHost, eventually


def begins(host: HostProcess, text: str) -> list[int]:
    """Return the dequeue count of every attempt at a message."""
    return [note["count"] for note in host.notes("work", event="begin", text=text)]


def poison(storage: str, queue: QueueClient) -> list[str]:
    """Return the texts in the poison queue, as they are stored."""
    with QueueClient.from_connection_string(storage, f"{queue.queue_name}-poison") as client:
        try:
            return [message.content for message in client.peek_messages(32)]
        except ResourceNotFoundError:
            return []


def is_empty(queue: QueueClient) -> bool:
    """Return whether a queue has no messages, not even hidden ones."""
    return queue.get_queue_properties().approximate_message_count == 0


def test_a_message_is_worked_on_once_and_deleted(start_host: StartHost, queue: QueueClient) -> None:
    """Even in a queue that another program creates after the host has started."""
    host = start_host()
    queue.create_queue()
    queue.send_message("hello")

    eventually(lambda: host.notes("work", event="end", text="hello"))
    eventually(lambda: is_empty(queue))
    assert begins(host, "hello") == [1]
    assert "storage cannot be reached" not in host.output


def test_a_failed_message_comes_back_after_a_while(start_host: StartHost, queue: QueueClient) -> None:
    """After ``visibilityTimeout``, which is a second here."""
    host = start_host()
    queue.create_queue()
    queue.send_message("fail 1")

    eventually(lambda: host.notes("work", event="end", text="fail 1"))
    first, second = host.notes("work", event="begin", text="fail 1")
    assert (first["count"], second["count"]) == (1, 2)
    assert second["at"] - first["at"] >= 0.9


def test_a_message_that_keeps_failing_becomes_poison(
    start_host: StartHost, queue: QueueClient, storage: str
) -> None:
    """After ``maxDequeueCount`` attempts, two here. The text is copied unchanged."""
    host = start_host()
    queue.create_queue()
    queue.send_message("fail 9")

    eventually(lambda: "moved to" in host.output)
    eventually(lambda: is_empty(queue))
    assert begins(host, "fail 9") == [1, 2]
    assert poison(storage, queue) == ["ZmFpbCA5"]


def test_a_message_that_cannot_be_decoded_is_poison_at_once(
    start_host: StartHost, queue: QueueClient, storage: str
) -> None:
    """It is not base64, or not base64 of UTF-8 text. No function gets it."""
    host = start_host()
    queue.create_queue()
    unreadable = ["not base64!", base64.b64encode(b"\xff\xfe").decode()]
    with QueueClient.from_connection_string(storage, queue.queue_name) as plain:
        for text in unreadable:
            plain.send_message(text)

    eventually(lambda: host.output.count("cannot be decoded") == len(unreadable))
    eventually(lambda: is_empty(queue))
    assert poison(storage, queue) == unreadable
    assert host.notes("work") == []


def test_without_an_encoding_a_function_of_bytes_sees_every_message(
    start_host: StartHost, queue: QueueClient, storage: str
) -> None:
    """Whatever its content. Its keys replace no property of the message."""
    host = start_host(settings={"AzureFunctionsJobHost__extensions__queues__messageEncoding": "none"})
    texts = ["", "not base64!", "{", '{"insertionTime": "yesterday", "dequeueCount": "often"}', "<é>\u2028"]
    with QueueClient.from_connection_string(storage, f"{queue.queue_name}-bytes") as plain:
        plain.create_queue()
        for text in texts:
            plain.send_message(text)

    eventually(lambda: len(host.notes("crunch")) == len(texts))
    assert sorted(note["text"] for note in host.notes("crunch", count=1)) == sorted(texts)


def test_a_key_of_a_json_message_can_keep_a_function_of_texts_from_running(
    start_host: StartHost, queue: QueueClient, storage: str
) -> None:
    """The key is not a valid time: the worker fails before it calls the function."""
    host = start_host(settings={"AzureFunctionsJobHost__extensions__queues__messageEncoding": "none"})
    queue.create_queue()
    with QueueClient.from_connection_string(storage, queue.queue_name) as plain:
        plain.send_message('{"insertionTime": "yesterday"}')

    eventually(lambda: poison(storage, queue))
    assert host.notes("work") == []


def test_an_empty_message_is_a_message(start_host: StartHost, queue: QueueClient) -> None:
    """Like any other."""
    host = start_host()
    queue.create_queue()
    queue.send_message("")

    eventually(lambda: host.notes("work", event="end", text=""))


def test_a_message_stays_hidden_while_its_function_runs(start_host: StartHost, queue: QueueClient) -> None:
    """Its lease is renewed: a run much longer than the lease is still the only one."""
    host = start_host(settings={"FUNCTIONS_LOCAL_LEASE_SECONDS": "2"})
    queue.create_queue()
    queue.send_message("sleep 3.5")

    eventually(lambda: host.notes("work", event="end"))
    eventually(lambda: is_empty(queue))
    assert begins(host, "sleep 3.5") == [1]


def test_with_a_batch_of_one_messages_follow_each_other(start_host: StartHost, queue: QueueClient) -> None:
    """``batchSize`` 1 and ``newBatchThreshold`` 0: never two at a time."""
    host = start_host()
    queue.create_queue()
    for number in range(3):
        queue.send_message(f"sleep 0.{number + 1}")

    eventually(lambda: len(host.notes("work", event="end")) == 3)
    assert [note["event"] for note in host.notes("work")] == ["begin", "end"] * 3


def test_messages_of_an_output_binding_are_queued(start_host: StartHost) -> None:
    """The queue is created, and its listener polls at once. An array becomes several messages."""
    host = start_host()

    assert host.ask("POST", "/api/enqueue", b'["one", {"two":2}]').status == 202

    eventually(lambda: len(host.notes("work", event="end")) == 2)
    assert [note["text"] for note in host.notes("work", event="end")] == ["one", '{\n  "two": 2\n}']


def test_keys_of_a_json_message_replace_its_properties(start_host: StartHost) -> None:
    """A trap of the real host, too: the id is the one in the body."""
    host = start_host()

    host.ask("POST", "/api/enqueue", b'{"id": "mine", "dequeueCount": 7}')

    eventually(lambda: host.notes("work", event="begin", id="mine", count=7))


def test_a_queue_function_can_be_run_by_hand(start_host: StartHost) -> None:
    """With a text instead of a message."""
    host = start_host()

    assert host.ask("POST", "/admin/functions/work", b'{"input": "by hand"}').status == 202

    eventually(lambda: host.notes("work", event="end", text="by hand"))


def test_a_message_whose_worker_ends_itself_is_tried_again(start_host: StartHost, queue: QueueClient) -> None:
    """Like a failed one: after the delay, by a new worker process."""
    host = start_host()
    queue.create_queue()
    queue.send_message("die 1")

    eventually(lambda: host.notes("work", event="end", text="die 1"))
    first, second = host.notes("work", event="begin", text="die 1")
    assert (first["count"], second["count"]) == (1, 2)
    assert first["pid"] != second["pid"]
    assert "ended with exit code 3" in host.output


def test_a_message_whose_worker_is_killed_is_tried_again(start_host: StartHost, queue: QueueClient) -> None:
    """Soon, not only when the lease ends."""
    host = start_host()
    queue.create_queue()
    queue.send_message("sleep 1")
    begun = eventually(lambda: host.notes("work", event="begin"))[0]
    started = time.monotonic()
    os.kill(begun["pid"], signal.SIGKILL)

    eventually(lambda: host.notes("work", event="end"))
    assert begins(host, "sleep 1") == [1, 2]
    assert time.monotonic() - started < 10
    assert "was killed by signal 9" in host.output


def test_host_json_drops_the_hosts_records_of_a_function_and_keeps_the_functions_own(
    start_host: StartHost, queue: QueueClient
) -> None:
    """By category. The host logs a failed invocation as an error, which is above a warning."""
    levels = "AzureFunctionsJobHost__logging__logLevel__"
    host = start_host(settings={f"{levels}Function.work": "Warning", f"{levels}Azure.Core": "Error"})
    eventually(lambda: host.ask("GET", "/api/open").status == 200)
    queue.create_queue()
    queue.send_message("fail 1")

    eventually(lambda: is_empty(queue) and host.notes("work", event="end"))
    assert "work: failed" in host.output
    assert "work: succeeded" not in host.output
    assert "does not exist" not in host.output
    assert "a request by GET" in host.output


def test_a_missing_queue_is_logged(start_host: StartHost, queue: QueueClient) -> None:
    """At every poll, as the real host's SDK does, unless host.json drops it."""
    host = start_host()

    eventually(
        lambda: host.output.count(f"Azure.Core: 404, the queue {queue.queue_name} does not exist\n") > 1
    )
