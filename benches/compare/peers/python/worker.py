"""The worker for python-engineio's asyncio client: does one job and prints the time that it took.

Its arguments are those of the Rust workers. The asyncio client is measured because the other one starts
a thread for each received message.
"""

import argparse
import asyncio
import os
import resource
import sys
import time

import engineio
from engineio import payload

# By default the client refuses a payload with more than 16 packets, which servers do send.
payload.Payload.max_decode_packets = 1_000_000


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--transport", required=True, choices=["websocket", "polling"])
    parser.add_argument("--job", required=True, choices=["receive", "send", "echo"])
    parser.add_argument("--length", required=True, type=int)
    parser.add_argument("--count", required=True, type=int)
    parser.add_argument("--form", required=True, choices=["text", "binary"])
    return parser.parse_args()


def cpu_ns():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return round((usage.ru_utime + usage.ru_stime) * 1e9)


def percentiles(laps):
    """The times that half, 90 %, 99 % and 99.9 % of the echoes did not exceed, and the longest one."""
    laps.sort()
    return [laps[-(-len(laps) * n // 1000) - 1] for n in (500, 900, 990, 999, 1000)] if laps else []


async def work(task):
    client = engineio.AsyncClient()
    ended = asyncio.get_running_loop().create_future()
    is_text = task.form == "text"
    contents = "x" * task.length if is_text else bytes(n % 256 for n in range(task.length))
    kind = str if is_text else bytes
    received = wrong = 0
    # When the echoes were received.
    times = []

    def end(problem=None):
        if not ended.done():
            ended.set_result((problem, cpu_ns() - cpu, time.perf_counter_ns() - wall))

    @client.on("message")
    async def message(data):
        nonlocal received, wrong
        if task.job == "send":
            end(None if data == "done" else f"loses data: the server says {data!r}")
            return
        received += 1
        if task.job == "echo":
            times.append(time.perf_counter_ns())
        if not isinstance(data, kind) or len(data) != task.length:
            wrong += 1
        if received == task.count:
            end(f"loses data: {wrong} of {received} messages have the wrong form or length" if wrong else None)
        elif task.job == "echo":
            await client.send(contents)

    @client.on("disconnect")
    def disconnect(reason):
        end(f"loses data: {received} of {task.count} messages arrived, then: {reason}")

    url = f"{task.url}/engine.io/?job={task.job}&form={task.form}"
    url += f"&length={task.length}&count={task.count}"
    await client.connect(url, transports=[task.transport])
    wall = time.perf_counter_ns()
    cpu = cpu_ns()
    await client.send("go")
    if task.job == "echo":
        await client.send(contents)
    if task.job == "send":
        # The queue has no limit, and a payload takes the whole queue. Sending in batches keeps the payload
        # within the server's maxPayload.
        most = 1 if task.length > 10_000 else 1000
        for sent in range(1, task.count + 1):
            await client.send(contents)
            if sent % most == 0:
                await client.queue.join()
    problem, cpu, wall = await ended
    if problem is not None:
        print(problem, file=sys.stderr, flush=True)
        # Exits without warnings about tasks that are still open.
        os._exit(1)
    laps = percentiles([after - before for before, after in zip(times, times[1:])])
    print(f'{{"cpu_ns":{cpu},"wall_ns":{wall},"echo_ns":{laps}}}', flush=True)
    await client.disconnect()


asyncio.run(work(parse_arguments()))
