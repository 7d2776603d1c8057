"""Our client of AMQP 1.0 at RabbitMQ's plugin and at our broker; the other end of a queue is pika, with 0-9-1, or the same client."""

import struct

from peers import check, payload
from amqp_peers import Ours, Session

COUNT = 40
QUICK = f'count: {COUNT}, interval: "2 ms"'


def few(broker, credit):
    """So much credit. RabbitMQ 3.10 may send more than that when it is given anew while messages are under way, for which our client detaches: there it gets one at a time."""
    return credit if broker.is_ours else 1


class Ours10(Ours):
    """A client of 1.0, until it closes its connection."""

    CLEAN = dict(connections=1, opened_connections=1, refused_connections=0, refused_logins=0, lost_connections=0, idle_timeouts=0, closed_by_broker=0, ended_sessions=0,
                 refused_links=0, detached_links=0, weaker_links=0, failed_messages=0, duplicate_messages=0, late_messages=0, corrupted_messages=0, foreign_messages=0,
                 too_large_messages=0, protocol_errors=0, refused_calls=0)

    def __init__(self, place, broker, fields, stops="2 s"):
        host = f'hostname: "vhost:{broker.vhost}", ' if broker.vhost != "/" else ""
        super().__init__(place, broker, host + fields, stops, "Amqp10Client")


def sends_10(place, broker):
    """Settled or not, one after the other or as many as there is credit for, in frames of all sizes: all is there, in order, as it was sent."""
    for number, (how, length, more) in enumerate([
        ("settle: Settled", 100, {}), ("settle: First", 101, {}), ("settle: First, window: 1", 102, {}), ("settle: First, window: 7", 103, {}),
        ("settle: First", 30000, {}),
        # RabbitMQ 3.10 has no receivers that settle second.
        # Ours forgets links with its power, and says so.
        *([("settle: Second", 104, {"weaker_links": 1})] if broker.is_ours else []),
    ]):
        q = f"sends-10-{number}"
        source = Ours10(place, broker, f'max_frame: "4096 B", senders: [(address: "/queue/{q}", {how}, {QUICK}, payload: "{length} B", durable: true, priority: 3, '
                                       'ttl: "60 s", properties: [("who", "ours")])]', "1.5 s")
        source.end(published_messages=COUNT, completed_messages=COUNT, attached_links=1, rejected_deliveries=0, released_deliveries=0, modified_deliveries=0, **more)
        one = Session(broker)
        found = one.take(q, COUNT)
        (publication,) = {struct.unpack(">Q", body[:8])[0] for _, _, body in found}
        for number, ((_, got), properties, body) in enumerate(found):
            check(body == payload(publication, number, length), f"{broker.name}, {how}: message {number} is {body[:40]}…")
            check((properties["delivery_mode"], properties["priority"], properties["expiration"]) == (2, 3, "60000"), f"{broker.name}: {properties}")
            check((got["exchange"], got["routing_key"], got["redelivered"]) == ("", q, False), f"{broker.name}: {got}")
        one.ask("queue_delete", q)
        one.close()


def receives_10(place, broker):
    """With much credit and little, settled by each end: all has come, in order, and is gone."""
    for number, (how, more) in enumerate([
        ("settle: First", {"accepted_messages": COUNT}), ("settle: First, credit: 1", {"accepted_messages": COUNT}),
        (f"settle: First, credit: {20 if broker.is_ours else 100}, acknowledge: 8", {"accepted_messages": COUNT}),
        (f"settle: Settled, credit: {few(broker, 5)}", {"accepted_messages": 0}),
        *([("settle: Second, credit: 10", {"accepted_messages": COUNT, "weaker_links": 1}), ('get: "20 ms"', {"accepted_messages": COUNT})] if broker.is_ours else []),
    ]):
        q = f"receives-10-{number}"
        one = Session(broker)
        # RabbitMQ takes it as durable as the terminus is, which is not.
        one.ask("queue_declare", q)
        for message in range(COUNT):
            one.publish("", q, payload(7100 + number, message, 90), delivery_mode=2)
        ours = Ours10(place, broker, f'receivers: [(address: "/queue/{q}", {how})]', "1.5 s")
        ours.end(received_messages=COUNT, received_bytes=90 * COUNT, redelivered_messages=0, rejected_messages=0, **more)
        found = one.ask("queue_delete", q)[1]["message_count"]
        check(found == 0, f"{broker.name}, {how}: {found} are left")
        one.close()


def rejects_10(place, broker):
    """Rejected: a dead letter. Released, and modified: again."""
    q = "rejects-10"
    one = Session(broker)
    one.ask("queue_declare", f"{q}-dead")
    # RabbitMQ 3.10 takes no queue by this address that has arguments.
    one.ask("queue_declare", q, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"{q}-dead"} if broker.is_ours else None)
    # RabbitMQ 3.10 does nothing about what is modified.
    for outcome in ("Rejected", "Released", *(["Modified"] if broker.is_ours else [])):
        for message in range(COUNT):
            one.publish("", q, payload(7200, message, 50))
        ours = Ours10(place, broker, f'receivers: [(address: "/queue/{q}", credit: {few(broker, 5)}, reject: "40 %", outcome: {outcome})]', "2 s")
        found = ours.end(accepted_messages=None, duplicate_messages=None, late_messages=None)
        refused = found["rejected_messages"]
        check(refused > 0, f"{broker.name}: {found}")
        if outcome == "Rejected":
            check(found["received_messages"] == COUNT == found["accepted_messages"] + refused, f"{broker.name}: {found}")
            dead = one.take(f"{q}-dead", refused if broker.is_ours else 0)
            check(not dead or {properties["headers"]["x-death"][0]["reason"] for _, properties, _ in dead} == {"rejected"}, f"{broker.name}: {dead[:1]}")
        else:
            check((found["accepted_messages"], found["received_messages"], found["duplicate_messages"]) == (COUNT, COUNT + refused, refused), f"{broker.name}: {found}")
    check(one.ask("queue_delete", q)[1]["message_count"] == 0, f"{broker.name}: something is left")
    one.close()


def both_ends_10(place, broker):
    """To a queue and back, of all lengths; by patterns of topics; to what there is not."""
    q = "both-ends-10"
    ours = Ours10(place, broker, f'max_frame: "512 B", senders: [(address: "/queue/{q}", {QUICK}, payload: Uniform(low: "16 B", high: "20 kB")), '
                                 f'(address: "/topic/{q}.a", start: "500 ms", {QUICK})], '
                                 f'receivers: [(address: "/queue/{q}", credit: {few(broker, 3)}), (address: "/topic/{q}.#", settle: Settled)]', "3 s")
    ours.end(published_messages=2 * COUNT, completed_messages=2 * COUNT, received_messages=2 * COUNT, attached_links=4, accepted_messages=COUNT)
    one = Session(broker)
    check(one.ask("queue_delete", q)[1]["message_count"] == 0, f"{broker.name}: something is left")
    one.close()
    ours = Ours10(place, broker, f'reconnect: (first: "60 s"), senders: [(address: "/exchange/{q}-none/k", count: 1)]', "1.5 s")
    found = ours.end(failed_messages=None, ended_sessions=None, refused_links=None, detached_links=None)
    check(found["errors_not_found"] == 1 and found["completed_messages"] == 0, f"{broker.name}: {found}")


def stays_10(place, broker):
    """Nothing is said for a while but that both are there still; a wrong password is told."""
    ours = Ours10(place, broker, 'idle_timeout: "4 s", receivers: [(address: "/queue/stays-10")]', "6 s")
    ours.end(received_messages=0)
    Ours10(place, broker, 'password: "wrong", reconnect: (first: "60 s"), receivers: [(address: "/queue/stays-10")]', "6 s").end(
        opened_connections=0, refused_connections=None, refused_logins=1)


OURS10 = [sends_10, receives_10, rejects_10, both_ends_10, stays_10]
