"""python-engineio as a peer for the integration tests, on aiohttp or uvicorn.

Listens on a free port of 127.0.0.1 and prints one line, {"port":N}, on
standard output. On standard error it logs "connect SID" and, at the end of a
session, 'received SID {"polling":P,"websocket":W}' (see !count) and
"disconnect SID REASON". With --cookie NAME the handshake sets a cookie of that
name, with the sid as its value, and each request is logged as
"request METHOD TRANSPORT COOKIES".

Messages are echoed, except texts that start with "!":
  !close      close the session
  !burst N    send N texts, b0 to b(N-1)
  !big N      send one text of N times "x"
  !bin N      send one binary message of N zero bytes
  !count      send count {"polling":P,"websocket":W}: the number of messages
              received in this session over each transport; commands do not
              count
  !headers    send headers {...}: the headers of the handshake request

Parameters in the query of the handshake:
  greet=N      send g0 to g(N-1) when the session opens
  reject=1     refuse the session
  numbered=1   check that the messages (without commands) are numbered in
               order, with the right type and contents: see Numbered. At the
               end of the session, log "numbered SID N FAULTS": the number of
               correct messages, and the faults in JSON. The line is repeated
               when another message arrives after the end.
"""

import argparse
import asyncio
import contextvars
import json
import os
import re
import signal
import socket
import sys
import threading
import urllib.parse

import engineio

TRANSPORTS = ("polling", "websocket")

# The transport of the request that the current task serves. The server's own
# transport(sid) may already return the new transport while a POST that began
# before the upgrade is still being read.
carrier = contextvars.ContextVar("carrier")


class Numbered:
    """Checks messages that a client numbers from 0: "NUMBER LENGTH FILLING".
    FILLING is LENGTH times a character that depends on the number. Every
    fourth message is binary, with the same text in UTF-8.
    """

    def __init__(self):
        self.next = 0
        self.faults = []

    def take(self, data):
        binary = not isinstance(data, str)
        text = data.decode(errors="replace") if binary else data
        match = re.match(r"(\d{1,15}) (\d{1,8}) ", text, re.ASCII)
        length = match[2] if match else "0"
        filling = "x\u00e9\u20ac"[self.next % 3] * int(length)
        right = f"{self.next} {length} {filling}"
        if text == right and binary == (self.next % 4 == 3):
            self.next += 1
        elif len(self.faults) < 10:
            self.faults.append(f"{text[:20]} ({len(text)}) at {self.next}")

    def log(self, sid):
        log("numbered", sid, self.next, compact(self.faults))


class Session:
    def __init__(self, environ, numbered=False):
        self.environ = environ
        self.numbered = Numbered() if numbered else None
        self.received = dict.fromkeys(TRANSPORTS, 0)

    def headers(self):
        found = {
            name[5:].replace("_", "-").lower(): value
            for name, value in self.environ.items()
            if name.startswith("HTTP_")
        }
        # As in CGI, these two have no prefix.
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if name in self.environ:
                found[name.replace("_", "-").lower()] = self.environ[name]
        return found


def answers(command, session):
    """The answers to a command, or None if the text is not a command."""
    match = re.fullmatch(r"!(\S*) ?(\d{0,8})", command, re.ASCII)
    if not match:
        return None
    name, number = match[1], int(match[2] or 0)
    if name == "burst":
        return [f"b{i}" for i in range(number)]
    if name == "big":
        return ["x" * number]
    if name == "bin":
        return [bytes(number)]
    if name == "count":
        return ["count " + compact(session.received)]
    if name == "headers":
        return ["headers " + compact(session.headers())]
    return None


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def log(*words):
    print(*words, file=sys.stderr, flush=True)


def announce(listener):
    print(compact({"port": listener.getsockname()[1]}), flush=True)


def engine(args, mode):
    eio = engineio.AsyncServer(
        async_mode=mode,
        async_handlers=False,  # sequential, so that echoes stay in order
        cors_allowed_origins="*",
        allow_upgrades=not args.no_upgrades,
        **args.engine,
    )
    sessions = {}
    ended = {}  # the Numbered of sessions that have ended

    @eio.on("connect")
    async def connect(sid, environ):
        query = urllib.parse.parse_qs(environ.get("QUERY_STRING", ""))
        if query.get("reject") == ["1"]:
            return {"message": "go away"}
        numbered = query.get("numbered") == ["1"]
        sessions[sid] = Session(environ, numbered)
        log("connect", sid)
        for i in range(int(query.get("greet", ["0"])[0])):
            await eio.send(sid, f"g{i}")

    @eio.on("message")
    async def message(sid, data):
        session = sessions.get(sid)
        command = isinstance(data, str) and data.startswith("!")
        if session is None:
            # The message followed a !close, or the session ended while the
            # server answered an earlier message of the same POST.
            if sid in ended and not command:
                ended[sid].take(data)
                ended[sid].log(sid)
            return
        if not command:
            session.received[carrier.get()] += 1
            if session.numbered:
                session.numbered.take(data)
            await eio.send(sid, data)
        elif data == "!close":
            # disconnect() waits until the client has fetched everything. Over
            # polling, this handler runs within the client's POST, and
            # awaiting disconnect() here would delay the POST's response.
            eio.start_background_task(eio.disconnect, sid)
        else:
            replies = answers(data, session)
            if replies is None:
                replies = [f"unknown command: {data}"]
            for reply in replies:
                await eio.send(sid, reply)

    @eio.on("disconnect")
    async def disconnect(sid, reason):
        session = sessions.pop(sid, None)
        if session is not None:
            log("received", sid, compact(session.received))
            if session.numbered:
                session.numbered.log(sid)
                ended[sid] = session.numbered
        log("disconnect", sid, reason)

    return eio


async def serve_aiohttp(args, listener):
    from aiohttp import web

    @web.middleware
    async def mark_carrier(request, handler):
        upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
        carrier.set("websocket" if upgrade else "polling")
        if args.cookie:
            cookies = request.headers.get("Cookie", "")
            log("request", request.method, carrier.get(), cookies)
        return await handler(request)

    app = web.Application(middlewares=[mark_carrier])
    engine(args, "aiohttp").attach(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    announce(listener)
    await asyncio.Event().wait()


async def whole(receive):
    """Reads a request's whole body and returns a `receive` that yields it in
    one piece, or None if the body is truncated. python-engineio would take a
    truncated body for the whole one, and a part of a message for a message.
    """
    body = b""
    more = True
    while more:
        event = await receive()
        if event["type"] != "http.request":
            return None
        body += event.get("body", b"")
        more = event.get("more_body", False)
    first = {"type": "http.request", "body": body, "more_body": False}

    async def replay():
        nonlocal first
        event, first = first, None
        return event or await receive()

    return replay


async def serve_uvicorn(args, listener):
    import uvicorn

    app = engineio.ASGIApp(engine(args, "asgi"))

    async def marked(scope, receive, send):
        carrier.set("websocket" if scope["type"] == "websocket" else "polling")
        if args.cookie:
            cookies = dict(scope["headers"]).get(b"cookie", b"").decode()
            log("request", scope.get("method", "GET"), carrier.get(), cookies)
        if scope.get("method") == "POST":
            receive = await whole(receive)
            if receive is None:
                return
        await app(scope, receive, send)

    class Server(uvicorn.Server):
        async def startup(self, sockets=None):
            await super().startup(sockets)
            announce(listener)

        def handle_exit(self, sig, frame):
            # A graceful exit would wait for open polls.
            os._exit(0)

    config = uvicorn.Config(
        marked,
        ws="websockets-sansio",
        ws_max_size=args.engine.get("max_http_buffer_size", 1_000_000),
        lifespan="off",
        access_log=False,  # it would be printed on standard output
        log_level="warning",
    )
    await Server(config).serve(sockets=[listener])


def end_with_stdin():
    try:
        while os.read(0, 4096):
            pass
    finally:
        os._exit(0)


def positive(text):
    if not re.fullmatch(r"[1-9]\d{0,8}", text, re.ASCII):
        raise argparse.ArgumentTypeError(
            f'needs a whole number above 0, not "{text}"'
        )
    return int(text)


def whole_seconds(text):
    milliseconds = positive(text)
    if milliseconds % 1000:
        raise argparse.ArgumentTypeError(
            "needs whole seconds (1000, 2000, ...): this server announces "
            f"a wrong interval for {text}"
        )
    return milliseconds // 1000


def transports(text):
    names = text.split(",")
    for name in names:
        if name not in TRANSPORTS:
            raise argparse.ArgumentTypeError(f'no such transport: "{name}"')
    return names


def arguments():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument(
        "--driver", choices=("aiohttp", "uvicorn"), required=True
    )
    parser.add_argument("--transports", type=transports)
    parser.add_argument("--max-payload", type=positive)
    parser.add_argument("--ping-interval", type=whole_seconds)
    parser.add_argument("--ping-timeout", type=positive)
    parser.add_argument("--no-upgrades", action="store_true")
    parser.add_argument("--upgrade-timeout")
    parser.add_argument("--cookie")
    parser.add_argument("--until-stdin-ends", action="store_true")
    args = parser.parse_args()
    if args.upgrade_timeout is not None:
        parser.error("python-engineio has no --upgrade-timeout")

    # Only the options that were given: the server's own defaults apply to the
    # others.
    args.engine = {}
    if args.cookie:
        args.engine["cookie"] = args.cookie
    if args.transports:
        args.engine["transports"] = args.transports
    if args.max_payload:
        args.engine["max_http_buffer_size"] = args.max_payload
    if args.ping_interval:
        args.engine["ping_interval"] = args.ping_interval
    if args.ping_timeout:
        args.engine["ping_timeout"] = args.ping_timeout / 1000
    return args


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if args.until_stdin_ends:
        threading.Thread(target=end_with_stdin, daemon=True).start()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    serve = serve_aiohttp if args.driver == "aiohttp" else serve_uvicorn
    asyncio.run(serve(args, listener))


if __name__ == "__main__":
    main()
