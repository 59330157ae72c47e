"""A link between two network namespaces that delays each packet in each direction.
Usage, as root: link.py MILLISECONDS NAMESPACE NAMESPACE

The sides have the addresses 10.99.0.1 and 10.99.0.2. The program prints "ready" and runs until it is ended.
The packets pass through this program, because not every system has netem, the kernel's delaying queue.
"""

import collections
import fcntl
import os
import select
import struct
import subprocess
import sys
import time

# linux/if_tun.h
TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000


def open_side(namespace, name, address, peer):
    side = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    flags = IFF_TUN | IFF_NO_PI
    fcntl.ioctl(side, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    for command in (
        ["link", "set", name, "netns", namespace],
        ["-n", namespace, "address", "add", address, "peer", peer, "dev", name],
        ["-n", namespace, "link", "set", name, "txqueuelen", "10000", "up"],
    ):
        subprocess.run(["ip", *command], check=True)
    return side


def read_all(side):
    while True:
        try:
            yield os.read(side, 65536)
        except BlockingIOError:
            return


def main():
    delay = int(sys.argv[1]) / 1000
    names = [f"eio{os.getpid()}{letter}" for letter in "ab"]
    addresses = ["10.99.0.1", "10.99.0.2"]
    sides = [
        open_side(sys.argv[2], names[0], *addresses),
        open_side(sys.argv[3], names[1], *reversed(addresses)),
    ]
    other = dict(zip(sides, reversed(sides)))
    print("ready", flush=True)
    on_the_way = collections.deque()
    while True:
        wait = None
        if on_the_way:
            wait = max(0, on_the_way[0][0] - time.monotonic())
        readable, _, _ = select.select(sides, [], [], wait)
        for side in readable:
            for packet in read_all(side):
                on_the_way.append((time.monotonic() + delay, other[side], packet))
        while on_the_way and on_the_way[0][0] <= time.monotonic():
            _, side, packet = on_the_way.popleft()
            try:
                os.write(side, packet)
            except OSError:
                # The packet is lost, as on a real network.
                pass


main()
