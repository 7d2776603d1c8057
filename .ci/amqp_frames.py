"""Frames by hand, to RabbitMQ and our broker alike: what is answered to the byte, and what ends connections."""

import contextlib
import socket
import time

from peers import Failure, check
from amqp_peers import Raw, content, method, pika

# Frames that end a connection, after channel 1 was opened: what is wrong, the frames, the code that both brokers have for it.
PUBLISH = "01 00 01 00 00 00 0a 00 3c 00 28 00 00 00 01 71 00 ce"
HEAD = "02 00 01 00 00 00 0e 00 3c 00 00 00 00 00 00 00 00 00 02 00 00 ce"
QOS = "01 00 01 00 00 00 0b 00 3c 00 0a 00 00 00 00 00 0a 00 ce"
WRONG = [
    ("no end of the frame", "01 00 01 00 00 00 05 00 3c 00 48 00 cd", 501),
    ("a frame above frame_max", "03 00 01 00 10 00 00", 501),
    ("a frame type that there is not", "04 00 01 00 00 00 00 ce", 501),
    ("a method on a channel that is not open", QOS.replace("01 00 01", "01 00 02", 1), 504),
    ("a channel that is open already", "01 00 01 00 00 00 05 00 14 00 0a 00 ce", 504),
    ("a content header without a method", HEAD, 505),
    ("a body without a method", "03 00 01 00 00 00 02 68 69 ce", 505),
    ("a body before its header", f"{PUBLISH} 03 00 01 00 00 00 02 68 69 ce", 505),
    ("a method between a method and its content", f"{PUBLISH} {QOS}", 505),
    ("a method before the end of a body", f"{PUBLISH} {HEAD} 03 00 01 00 00 00 01 68 ce {QOS}", 505),
    ("a header of another class", f"{PUBLISH} 02 00 01 00 00 00 0e 00 32 00 00 00 00 00 00 00 00 00 02 00 00 ce", 505),
    ("two headers", f"{PUBLISH} {HEAD} {HEAD}", 505),
    ("a method of servers", "01 00 01 00 00 00 04 00 5a 00 0b ce", 503),
    ("a method of connections on a channel", "01 00 01 00 00 00 08 00 0a 00 28 01 2f 00 00 ce", 503),
    ("arguments that are too short", "01 00 01 00 00 00 09 00 3c 00 0a 00 00 00 00 00 ce", 501),
    ("arguments that are too long", "01 00 01 00 00 00 0d 00 3c 00 0a 00 00 00 00 00 0a 00 00 00 ce", 501),
    ("a text longer than its method", "01 00 01 00 00 00 0a 00 3c 00 28 00 00 00 09 71 00 ce", 501),
    ("a table longer than its method", "01 00 01 00 00 00 0d 00 32 00 0a 00 00 01 71 00 00 00 00 09 ce", 501),
    ("a heartbeat that says something", "08 00 00 00 00 00 01 00 ce", 501),
    ("a method frame that is empty", "01 00 01 00 00 00 00 ce", 501),
    ("a header that is too short", f"{PUBLISH} 02 00 01 00 00 00 02 00 3c ce", 501),
]
# Where RabbitMQ is no measure, with what it does: ours is held to the standard.
APART = [
    # It is let through.
    ("a body longer than its header says", f"{PUBLISH} {HEAD} 03 00 01 00 00 00 03 68 69 21 ce", 505),
    # The connection is dropped without a word (§1: a method that is not valid).
    ("a class that there is not", "01 00 01 00 00 00 04 00 63 00 0a ce", 503),
    ("a method that there is not", "01 00 01 00 00 00 04 00 3c 00 63 ce", 503),
    ("a table's value of no type", "01 00 01 00 00 00 10 00 32 00 0a 00 00 01 71 00 00 00 00 03 01 61 3f ce", 502),
    # 504 (§4.2.3: channel 0 is for methods of the connection).
    ("a method of channels on channel 0", QOS.replace("01 00 01", "01 00 00", 1), 503),
    ("open again", "01 00 00 00 00 00 08 00 0a 00 28 01 2f 00 00 ce", 503),
    # Nothing.
    ("start-ok again", "01 00 00 00 00 00 0e 00 0a 00 0b 00 00 00 00 00 00 00 00 00 00 ce", 503),
    # 505 (§4.2.7: on channel 0).
    ("a heartbeat on a channel", "08 00 01 00 00 00 00 ce", 501),
    # It counts channels, and looks at no numbers.
    ("a channel above the highest", "01 08 00 00 00 00 05 00 14 00 0a 00 ce", 530),
]


# What is asked on channel 1, and the answers to the byte, but for their order. Vectors are those of captures; the others follow from the methods' tables.
SHORT = "01 00 01 00 00 00 04"
MESSAGE = "02 00 01 00 00 00 1a 00 3c 00 00 00 00 00 00 00 00 00 02 90 00 0a 74 65 78 74 2f 70 6c 61 69 6e 02 ce 03 00 01 00 00 00 02 68 69 ce"
HEADER_OF, BODY_OF = MESSAGE[:MESSAGE.index("ce") + 2], MESSAGE[MESSAGE.index("ce") + 3:]
DIALOGUE = [
    ("channel.open", "01 00 01 00 00 00 05 00 14 00 0a 00 ce", ["01 00 01 00 00 00 08 00 14 00 0b 00 00 00 00 ce"]),
    ("exchange.declare", "01 00 01 00 00 00 13 00 28 00 0a 00 00 01 65 05 74 6f 70 69 63 00 00 00 00 00 ce", [f"{SHORT} 00 28 00 0b ce"]),
    ("queue.declare", "01 00 01 00 00 00 0d 00 32 00 0a 00 00 01 71 00 00 00 00 00 ce", ["01 00 01 00 00 00 0e 00 32 00 0b 01 71 00 00 00 00 00 00 00 00 ce"]),
    ("queue.bind", "01 00 01 00 00 00 13 00 32 00 14 00 00 01 71 01 65 03 61 2e 2a 00 00 00 00 00 ce", [f"{SHORT} 00 32 00 15 ce"]),
    ("basic.qos", "01 00 01 00 00 00 0b 00 3c 00 0a 00 00 00 00 00 0a 00 ce", [f"{SHORT} 00 3c 00 0b ce"]),
    ("confirm.select", "01 00 01 00 00 00 05 00 55 00 0a 00 ce", [f"{SHORT} 00 55 00 0b ce"]),
    ("basic.publish", f"01 00 01 00 00 00 0d 00 3c 00 28 00 00 01 65 03 61 2e 62 00 ce {MESSAGE}",
     ["01 00 01 00 00 00 0d 00 3c 00 50 00 00 00 00 00 00 00 01 00 ce"]),
    ("mandatory", f"01 00 01 00 00 00 0b 00 3c 00 28 00 00 01 65 01 7a 01 ce {MESSAGE}",
     ["01 00 01 00 00 00 13 00 3c 00 32 01 38 08 4e 4f 5f 52 4f 55 54 45 01 65 01 7a ce", HEADER_OF, BODY_OF,
      "01 00 01 00 00 00 0d 00 3c 00 50 00 00 00 00 00 00 00 02 00 ce"]),
    ("basic.get", "01 00 01 00 00 00 09 00 3c 00 46 00 00 01 71 00 ce",
     ["01 00 01 00 00 00 17 00 3c 00 47 00 00 00 00 00 00 00 01 00 01 65 03 61 2e 62 00 00 00 00 ce", HEADER_OF, BODY_OF]),
    ("basic.get, empty", "01 00 01 00 00 00 09 00 3c 00 46 00 00 01 71 00 ce", ["01 00 01 00 00 00 05 00 3c 00 48 00 ce"]),
    ("basic.nack, basic.consume", "01 00 01 00 00 00 0d 00 3c 00 78 00 00 00 00 00 00 00 01 02 ce 01 00 01 00 00 00 0f 00 3c 00 14 00 00 01 71 01 74 00 00 00 00 00 ce",
     ["01 00 01 00 00 00 06 00 3c 00 15 01 74 ce", "01 00 01 00 00 00 15 00 3c 00 3c 01 74 00 00 00 00 00 00 00 02 01 01 65 03 61 2e 62 ce", HEADER_OF, BODY_OF]),
    ("basic.recover", "01 00 01 00 00 00 05 00 3c 00 6e 01 ce",
     [f"{SHORT} 00 3c 00 6f ce", "01 00 01 00 00 00 15 00 3c 00 3c 01 74 00 00 00 00 00 00 00 03 01 01 65 03 61 2e 62 ce", HEADER_OF, BODY_OF]),
    ("basic.ack, basic.cancel", "01 00 01 00 00 00 0d 00 3c 00 50 00 00 00 00 00 00 00 03 00 ce 01 00 01 00 00 00 07 00 3c 00 1e 01 74 00 ce",
     ["01 00 01 00 00 00 06 00 3c 00 1f 01 74 ce"]),
    # Without an answer, then one more method that has one.
    ("queue.purge, no-wait", "01 00 01 00 00 00 09 00 32 00 1e 00 00 01 71 01 ce 01 00 01 00 00 00 09 00 32 00 1e 00 00 01 71 00 ce",
     ["01 00 01 00 00 00 08 00 32 00 1f 00 00 00 00 ce"]),
    ("queue.unbind", "01 00 01 00 00 00 12 00 32 00 32 00 00 01 71 01 65 03 61 2e 2a 00 00 00 00 ce", [f"{SHORT} 00 32 00 33 ce"]),
    ("an empty body", "01 00 01 00 00 00 0b 00 3c 00 28 00 00 00 01 71 00 ce".replace("0b", "0a", 1) + " 02 00 01 00 00 00 0e 00 3c 00 00 00 00 00 00 00 00 00 00 00 00 ce",
     ["01 00 01 00 00 00 0d 00 3c 00 50 00 00 00 00 00 00 00 03 00 ce"]),
    ("basic.get, no body", "01 00 01 00 00 00 09 00 3c 00 46 00 00 01 71 01 ce",
     ["01 00 01 00 00 00 14 00 3c 00 47 00 00 00 00 00 00 00 04 00 00 01 71 00 00 00 00 ce", "02 00 01 00 00 00 0e 00 3c 00 00 00 00 00 00 00 00 00 00 00 00 ce"]),
    ("exchange.bind", "01 00 01 00 00 00 1a 00 28 00 1e 00 00 01 65 0a 61 6d 71 2e 64 69 72 65 63 74 01 6b 00 00 00 00 00 ce", [f"{SHORT} 00 28 00 1f ce"]),
    ("exchange.unbind", "01 00 01 00 00 00 1a 00 28 00 28 00 00 01 65 0a 61 6d 71 2e 64 69 72 65 63 74 01 6b 00 00 00 00 00 ce", [f"{SHORT} 00 28 00 33 ce"]),
    ("queue.delete", "01 00 01 00 00 00 09 00 32 00 28 00 00 01 71 00 ce", ["01 00 01 00 00 00 08 00 32 00 29 00 00 00 00 ce"]),
    ("exchange.delete", "01 00 01 00 00 00 09 00 28 00 14 00 00 01 65 00 ce", [f"{SHORT} 00 28 00 15 ce"]),
    ("channel.flow", "01 00 01 00 00 00 05 00 14 00 14 01 ce", ["01 00 01 00 00 00 05 00 14 00 15 01 ce"]),
    ("channel.close", "01 00 01 00 00 00 1a 00 14 00 28 00 c8 0f 4e 6f 72 6d 61 6c 20 73 68 75 74 64 6f 77 6e 00 00 00 00 ce", [f"{SHORT} 00 14 00 29 ce"]),
    ("channel.open again", "01 00 01 00 00 00 05 00 14 00 0a 00 ce", ["01 00 01 00 00 00 08 00 14 00 0b 00 00 00 00 ce"]),
    ("tx.select", f"{SHORT} 00 5a 00 0a ce", [f"{SHORT} 00 5a 00 0b ce"]),
    ("tx.commit", f"{SHORT} 00 5a 00 14 ce", [f"{SHORT} 00 5a 00 15 ce"]),
    ("tx.rollback", f"{SHORT} 00 5a 00 1e ce", [f"{SHORT} 00 5a 00 1f ce"]),
    ("connection.close", "01 00 00 00 00 00 0b 00 0a 00 32 00 c8 00 00 00 00 00 ce", ["01 00 00 00 00 00 04 00 0a 00 33 ce"]),
]


def answers(broker):
    """The same frames by hand, and the answers to the byte."""
    raw = Raw(broker).start()
    for what, question, wanted in DIALOGUE:
        raw.send(bytes.fromhex(question))
        try:
            found = sorted(frame.hex(" ") if frame else "the end" for frame in raw.frames(len(wanted)))
        except Failure as failure:
            raise Failure(f"{what}: {failure}") from None
        check(found == sorted(wanted), f"{broker.name}, {what}: {found}, not {wanted}")
    raw.socket.shutdown(socket.SHUT_WR)
    check(raw.frame() is None, f"{broker.name}: something comes after connection.close-ok")
    raw.close()


def death(broker):
    """A dead letter's content header, to the byte, but for the time."""
    raw, spec = Raw(broker).start().open(), pika.spec
    letters = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "death-to"}
    raw.send(method(1, spec.Queue.Declare(queue="death-to")), method(1, spec.Queue.Declare(queue="death-of", arguments=letters)))
    raw.expect((50, 11), (50, 11))
    raw.send(method(1, spec.Basic.Publish(routing_key="death-of")), content(1, b"x", content_type="a/b", expiration="60000"))
    raw.send(method(1, spec.Basic.Consume(queue="death-of", consumer_tag="t")), method(1, spec.Basic.Consume(queue="death-to", consumer_tag="u")))
    # Two answers and a message, in whichever order.
    raw.frames(5)
    raw.send(method(1, spec.Basic.Reject(1, False)))
    raw.expect((60, 60))
    head = raw.frame()
    raw.close()
    at = head.index(b"\x04timeT") + 6
    return [("x-death", (head[:at] + bytes(8) + head[at + 8:]).hex(" "))]


# What follows the protocol header, and ends the connection with the server's own.
def headers(broker):
    for header in (b"GET / HTTP/1.1\r\n\r\n", b"AMQP\0\0\7\0", b"\0" * 8, b"AMQQ\0\0\x09\x01"):
        raw, found = Raw(broker, header), b""
        with contextlib.suppress(ConnectionError):
            while data := raw.socket.recv(100):
                found += data
        check(found == Raw.HEADER, f"{broker.name}: {header}: {found}")
        raw.close()


def channels(broker):
    """No more channels than were agreed upon, and no larger frames, either way."""
    raw = Raw(broker).start(channel_max=1, frame_max=4096).open(1)
    raw.send(method(2, pika.spec.Channel.Open()))
    found = raw.closed()
    check(found and found[0] == 530, f"{broker.name}: a second channel of one: {found}")
    raw.close()
    raw = Raw(broker).start(frame_max=4096).open(1)
    raw.send(method(1, pika.spec.Queue.Declare(queue="channels")))
    raw.expect((50, 11))
    raw.send(method(1, pika.spec.Basic.Publish(routing_key="channels")), content(1, b"", 9000), *(pika.frame.Body(1, bytes(3000)).marshal() for _ in range(3)))
    raw.send(method(1, pika.spec.Basic.Consume(queue="channels", consumer_tag="t")))
    raw.expect((60, 21), (60, 60))
    lengths = [len(frame) for frame in raw.frames(4)]
    check(lengths[1:] == [4096, 4096, 9000 - 2 * 4088 + 8], f"{broker.name}: frames of {lengths[1:]} bytes")
    raw.close()
    # More than it was told (§1.4.2.6).
    for limits in ({"frame_max": 131073}, {"channel_max": 2048}):
        raw = Raw(broker)
        raw.expect((10, 10))
        raw.send(method(0, pika.spec.Connection.StartOk({}, "PLAIN", "\0guest\0guest", "en_US")))
        raw.expect((10, 30))
        raw.send(method(0, pika.spec.Connection.TuneOk(**{"channel_max": 2047, "frame_max": 131072, "heartbeat": 0, **limits})))
        # RabbitMQ only ends it.
        check((found := raw.closed()) == ((530, 10, 31) if broker.is_ours else None), f"{broker.name}: {limits}: {found}")
        raw.close()


def heartbeats(broker):
    """Heartbeats come each half second of an agreed second; who is silent is dropped without a word, who sends them is not."""
    silent, alive = Raw(broker).start(heartbeat=1), Raw(broker).start(heartbeat=1)
    began, count = time.monotonic(), 0
    while (frame := silent.frame()) is not None:
        check(frame == bytes.fromhex("08 00 00 00 00 00 00 ce"), f"{broker.name}: {frame.hex(' ')}")
        count += 1
        alive.send(frame)
        check(time.monotonic() < began + 8, f"{broker.name}: a silent client is not dropped")
    took = time.monotonic() - began
    # After two heartbeats of silence (§4.2.7); RabbitMQ looks twice a second and a half.
    check(1.9 <= took <= 4.5 and 2 <= count <= 9, f"{broker.name}: dropped after {took} s and {count} heartbeats")
    alive.send(method(1, pika.spec.Channel.Open()))
    while (found := alive.frame()) == bytes.fromhex("08 00 00 00 00 00 00 ce"):
        pass
    check(found == bytes.fromhex(DIALOGUE[0][2][0]), f"{broker.name}: {found}")
    silent.close()
    alive.close()


def ended(broker, frames):
    """What ends a connection after these frames; the broker serves others."""
    raw = Raw(broker).start().open()
    raw.send(bytes.fromhex(frames))
    found = raw.closed()
    raw.close()
    return found


def wrong(ours, theirs):
    """Each ends its connection with its code, and nobody else's. How many were malformed, and how many there were."""
    malformed = 0
    for what, frames, code in WRONG + APART:
        for broker in (ours, theirs)[:1 + ((what, frames, code) in WRONG)]:
            found = ended(broker, frames)
            check(found and found[0] == code, f"{broker.name}, {what}: {found}, not {code}")
        malformed += code in (501, 502, 505)
    return malformed, len(WRONG + APART)
