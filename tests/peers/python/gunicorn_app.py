"""python-engineio for gunicorn with gevent, as a peer for the integration tests.

Messages are echoed, and logged as "message TEXT" on standard error.
"""

import sys

import engineio

# The tests only use polling.
server = engineio.Server(async_mode="gevent", transports=["polling"])


@server.on("message")
def on_message(sid, data):
    sys.stderr.write(f"message {data}\n")
    sys.stderr.flush()
    server.send(sid, data)


app = engineio.WSGIApp(server)
