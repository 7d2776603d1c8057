"""What checks against real peers share: failures, processes and their ports, what applications have counted, payloads of our clients."""

import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

PROTOSIM = str(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "target/release/protosim").resolve())
HOST = "127.0.0.1"
# Where Debian has servers, and not all users look.
os.environ["PATH"] += os.pathsep + "/usr/sbin"
# The longest that anything is waited for [s].
PATIENCE = 15
MASK, GOLDEN = (1 << 64) - 1, 0x9E3779B97F4A7C15


class Failure(Exception):
    """A check that does not hold."""


def check(holds, message):
    if not holds:
        raise Failure(message)


def until(holds, message, patience=PATIENCE):
    end = time.monotonic() + patience
    while not holds():
        check(time.monotonic() < end, message() if callable(message) else message)
        time.sleep(0.02)


def equal(who, found, sent):
    """The same messages in the same order."""
    for number, (one, other) in enumerate(zip(found, sent)):
        check(one == other, f"{who}: message {number} is {one}, not {other}")
    check(len(found) == len(sent), f"{who}: {len(found)} messages, not {len(sent)}")


# Payloads

def payload(publication, number, length):
    """A message of ours, as models/src/messaging/payload.rs says: its name in 16 bytes, and filling under a key that follows from the name."""
    mark = (0x6D71 ^ publication ^ publication >> 16 ^ publication >> 32 ^ publication >> 48) & 0xFFFF
    exchange = (publication + number * GOLDEN) & MASK
    key = (exchange ^ exchange >> 32) & 0xFFFFFFFF
    period = bytes((((key << 8 | i) * GOLDEN) & MASK) >> 56 for i in range(256))
    return struct.pack(">QQ", publication, mark << 48 | number) + (period * (length // 256 + 2))[16:length]


# Processes

def free_port():
    with socket.create_server((HOST, 0)) as probe:
        return probe.getsockname()[1]


def listens(port):
    """True if someone listens on a port; without a connection, which would be counted."""
    lines = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in lines)


def totals(output):
    """What an application has counted: the lines that are a name and a number."""
    pairs = (line.split(": ") for line in output.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def expect(who, found, **expected):
    for name, value in expected.items():
        check(found.get(name) == value, f"{who}: {name} is {found.get(name)}, not {value}: {found}")


def command(*arguments, timeout=PATIENCE, **more):
    """Runs a program to its end: what it printed."""
    done = subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          timeout=timeout, **more)
    check(done.returncode == 0, f"{' '.join(map(str, arguments))}: exit status {done.returncode}: {done.stdout}")
    return done.stdout


class Place:
    """A folder for files, and all processes that have to be ended whatever happens."""

    def __init__(self, folder, cleanup):
        self.folder, self.cleanup, self.lock, self.files = pathlib.Path(folder), cleanup, threading.Lock(), 0

    def file(self, suffix):
        with self.lock:
            self.files += 1
            return self.folder / f"{self.files}.{suffix}"

    def start(self, *arguments, **more):
        """Starts a program; what it prints goes to a file, so that it never waits for a reader."""
        log = self.file("log")
        with open(log, "w") as out:
            process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=self.folder, **more)
        with self.lock:
            self.cleanup.callback(stop, process)
        return process, log


def stop(process, how=signal.SIGTERM):
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def text_of(log):
    return log.read_text(errors="replace")
