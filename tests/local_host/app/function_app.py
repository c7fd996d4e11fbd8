"""A small app for the host's tests. It writes its invocations to a journal, one JSON object a line."""

import json
import logging
import os
import time

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


def note(function: str, **facts: object) -> None:
    """Append a line to the journal: short enough for one write, so that lines do not mix."""
    line = json.dumps({"function": function, "pid": os.getpid(), "at": time.time(), **facts})  # noqa: TID251  an app in tests
    with open(os.environ["JOURNAL"], "a", encoding="utf-8") as journal:  # noqa: TID251, PTH123  an app in tests
        journal.write(line + "\n")


@app.route("echo/{word}/{number:int?}")
def echo(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with everything in the request."""
    seen = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route": dict(req.route_params),
        "body": req.get_body().decode(),
    }
    response = func.HttpResponse(json.dumps(seen), mimetype="application/json", headers={"X-Echo": "yes"})
    response.headers.add("Set-Cookie", "a=1; Path=/; HttpOnly")
    return response


@app.route("open", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def open_door(req: func.HttpRequest) -> func.HttpResponse:
    """Require no key."""
    logging.getLogger("app").info("a request by %s", req.method)
    logging.getLogger("azure.core").info("a record of a library")
    return func.HttpResponse("welcome")


@app.route("boss", auth_level=func.AuthLevel.ADMIN)
def boss(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  the binding wants it
    """Require the master key."""
    return func.HttpResponse("at your service")


@app.route("broken", auth_level=func.AuthLevel.ANONYMOUS)
def broken(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  the binding wants it
    """Fail."""
    raise RuntimeError("out of order")


@app.route("malformed", auth_level=func.AuthLevel.ANONYMOUS)
def malformed(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  the binding wants it
    """Return an answer that the host cannot read."""
    return func.HttpResponse("no", status_code="none at all")  # type: ignore[arg-type]  # the mistake


@app.route("slow", auth_level=func.AuthLevel.ANONYMOUS)
def slow(req: func.HttpRequest) -> func.HttpResponse:
    """Run as many seconds as the request says."""
    note("slow", event="begin")
    time.sleep(float(req.params["seconds"]))
    note("slow", event="end")
    return func.HttpResponse("at last")


@app.route("enqueue", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@app.queue_output(arg_name="out", queue_name="%QUEUE%", connection="AzureWebJobsStorage")
def enqueue(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
    """Queue the body."""
    out.set(req.get_body().decode())
    return func.HttpResponse(status_code=202)


@app.queue_trigger(arg_name="msg", queue_name="%QUEUE%", connection="AzureWebJobsStorage")
def work(msg: func.QueueMessage) -> None:
    """Do what the message says: sleep so long, or fail or die so many times."""
    text = msg.get_body().decode()
    note("work", event="begin", text=text, id=msg.id, count=msg.dequeue_count)
    verb, _, argument = text.partition(" ")
    if verb == "sleep":
        time.sleep(float(argument))
    if verb == "die" and (msg.dequeue_count or 0) <= int(argument):
        os._exit(3)
    if verb == "fail" and (msg.dequeue_count or 0) <= int(argument):
        raise RuntimeError("as asked")
    note("work", event="end", text=text)


@app.queue_trigger(
    arg_name="msg",
    queue_name="%QUEUE%-bytes",
    connection="AzureWebJobsStorage",
    data_type=func.DataType.BINARY,
)
def crunch(msg: func.QueueMessage) -> None:
    """Note the message."""
    note("crunch", text=msg.get_body().decode(), count=msg.dequeue_count)


@app.timer_trigger(arg_name="timer", schedule="%SCHEDULE%")
def tick(timer: func.TimerRequest) -> None:
    """Note the run."""
    note("tick", past_due=timer.past_due, status=getattr(timer, "schedule_status"))  # noqa: B009  not in the base class
    time.sleep(float(os.environ.get("TICK_SECONDS", "0")))  # noqa: TID251  an app in tests


@app.timer_trigger(arg_name="timer", schedule="0 0 0 30 2 *")
def never(timer: func.TimerRequest) -> None:
    """Have a schedule that no date matches."""


@app.queue_trigger(arg_name="msg", queue_name="%NO_SUCH_SETTING%", connection="AzureWebJobsStorage")
def unresolved(msg: func.QueueMessage) -> None:
    """Name a queue by a setting that does not exist."""


@app.route("admin/own", auth_level=func.AuthLevel.ANONYMOUS)
def forbidden_route(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  the binding wants it
    """Have a route that the host reserves."""
    return func.HttpResponse("never")


@app.route("order/{what}", auth_level=func.AuthLevel.ANONYMOUS)
def aa_any(req: func.HttpRequest) -> func.HttpResponse:
    """Come first by name."""
    return func.HttpResponse(f"any {req.route_params['what']}")


@app.route("order/exact", auth_level=func.AuthLevel.ANONYMOUS)
def zz_exact(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  the binding wants it
    """Have the more specific route, and never be called."""
    return func.HttpResponse("exact")
