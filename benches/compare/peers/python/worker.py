"""python-engineio's asyncio client as a worker: does one job and prints what that took.

The arguments are those of the workers in Rust. The asyncio client is measured since the other one
starts a thread for each message that comes.
"""

import argparse
import asyncio
import os
import resource
import sys
import time

import engineio
from engineio import payload

# By default it refuses a payload of more than 16 packets, which servers send.
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


async def work(task):
    client = engineio.AsyncClient()
    ended = asyncio.get_running_loop().create_future()
    is_text = task.form == "text"
    contents = "x" * task.length if is_text else bytes(n % 256 for n in range(task.length))
    kind = str if is_text else bytes
    came = wrong = 0

    def end(problem=None):
        if not ended.done():
            ended.set_result((problem, cpu_ns() - cpu, time.perf_counter_ns() - wall))

    @client.on("message")
    async def message(data):
        nonlocal came, wrong
        if task.job == "send":
            end(None if data == "done" else f"loses data: the server says {data!r}")
            return
        came += 1
        if not isinstance(data, kind) or len(data) != task.length:
            wrong += 1
        if came == task.count:
            end(f"loses data: {wrong} of {came} messages are not as sent" if wrong else None)
        elif task.job == "echo":
            await client.send(contents)

    @client.on("disconnect")
    def disconnect(reason):
        end(f"loses data: {came} of {task.count} messages came, then: {reason}")

    url = f"{task.url}/engine.io/?job={task.job}&form={task.form}"
    url += f"&length={task.length}&count={task.count}"
    await client.connect(url, transports=[task.transport])
    wall = time.perf_counter_ns()
    cpu = cpu_ns()
    await client.send("go")
    if task.job == "echo":
        await client.send(contents)
    if task.job == "send":
        # Its queue has no limit, and a payload takes all that is in it: by so many at a time that
        # the payload is not larger than the server allows.
        most = 1 if task.length > 10_000 else 1000
        for sent in range(1, task.count + 1):
            await client.send(contents)
            if sent % most == 0:
                await client.queue.join()
    problem, cpu, wall = await ended
    if problem is not None:
        print(problem, file=sys.stderr, flush=True)
        # Without the complaints about what it has left open.
        os._exit(1)
    print(f'{{"cpu_ns":{cpu},"wall_ns":{wall}}}', flush=True)
    await client.disconnect()


asyncio.run(work(parse_arguments()))
