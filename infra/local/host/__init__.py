"""A stand-in for the Azure Functions host, for development and tests; never deployed.

It loads ``function_app.py`` through Microsoft's own worker library, in a child process, and does around it
what the real host does: HTTP with keys, NCRONTAB timers, queues with leases and poison, timeouts, drain.

    host                 assembles everything below; starts and drains
      web, application   HTTP in; the app's functions, and the host's own endpoints
      timers             when a timer is due; timer_storage has its status and the lock between hosts
      queues             polling and settling; message_lease keeps a message hidden while it is worked on
      invoker            runs one invocation: deadline, log line; outputs sends its messages
        worker_pool, worker_process   the child processes, from the host's side
          worker_child, worker, wire    inside the child: Microsoft's library and what it wants to be fed
    settings, functions, routes, schedule, timespan, keys, storage: what is read once and then only looked at
"""
