"""An Azure Functions host for development and tests; never deployed.

It loads ``function_app.py`` with Microsoft's own worker library, in a child process. Around the library it
does what the real host does: HTTP with keys, NCRONTAB timers, queues with leases and poison, timeouts, drain.

    host                 builds all that follows; starts and drains
      web, application   the HTTP server; the routing to functions and to the host's own endpoints
      timers             run a function on schedule; timer_storage has the status and the lock between hosts
      queues             poll a queue, delete or return messages; message_lease keeps a message hidden
      invoker            runs one invocation: deadline, log line; outputs sends its messages
        worker_pool, worker_process     the child processes, on the host's side
          worker_child, worker, wire    inside the child: Microsoft's library, its requests and answers
    settings, functions, routes, schedule, timespan, keys, log_levels: read once at the start
    storage              clients for the host's own storage
"""
