"""python-engineio on aiohttp for tests/peers/lasting, which kills it. It logs
each message before it does anything else.
Usage: lasting_server.py PORT LOG GENERATION

Listens on PORT of 127.0.0.1 and prints one line, {"port":N}, on standard
output. Each received text is appended to the file LOG as
"GENERATION SID TEXT", in a single synchronous write, and so is the end of each
session, as "GENERATION SID closed". Texts whose last digit is 0 are echoed.
The server exits when its standard input ends.
"""

import asyncio
import json
import os
import socket
import sys
import threading

import engineio
from aiohttp import web


def engine(path, generation):
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    eio = engineio.AsyncServer(
        async_mode="aiohttp", ping_interval=1, ping_timeout=2
    )

    @eio.on("message")
    async def message(sid, text):
        os.write(log, f"{generation} {sid} {text}\n".encode())
        if text.endswith("0"):
            await eio.send(sid, text)

    @eio.on("disconnect")
    async def disconnect(sid, reason):
        os.write(log, f"{generation} {sid} closed\n".encode())

    return eio


async def serve(port, path, generation):
    app = web.Application()
    engine(path, generation).attach(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", port))
    listener.setblocking(False)
    await web.SockSite(runner, listener).start()
    print(json.dumps({"port": port}, separators=(",", ":")), flush=True)
    await asyncio.Event().wait()


def end_with_stdin():
    try:
        while os.read(0, 4096):
            pass
    finally:
        os._exit(0)


threading.Thread(target=end_with_stdin, daemon=True).start()
asyncio.run(serve(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
