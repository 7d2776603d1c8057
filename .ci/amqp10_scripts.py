"""What RabbitMQ's plugin of AMQP 1.0 and our broker are asked alike, by qpid-proton: both have to say the same. The other end of a queue is often pika, with 0-9-1.

Queues begin with the script's name. Addresses are those of RabbitMQ 3.10.
"""

from peers import check
from amqp_peers import Session
from amqp10_peers import Peer, error, outcome, proton, said


def settlements(broker):
    """Sent settled, or not; received settled, or settled by the receiver: first, or second, as far as a broker does that."""
    one, told, q = Peer(broker), [], "settlements"
    out = one.sender(f"/queue/{q}")
    told.append(("modes", (out.remote_snd_settle_mode, out.remote_rcv_settle_mode)))
    told.append(("unsettled", one.send(out, b"unsettled")))
    one.send(out, b"settled", settled=True)
    settled = one.sender(f"/queue/{q}", "settled", settle=proton.Link.SND_SETTLED)
    told.append(("modes, settled", settled.remote_snd_settle_mode))
    one.send(settled, b"settled too", settled=True)
    unsettled = one.sender(f"/queue/{q}", "unsettled", settle=proton.Link.SND_UNSETTLED)
    told.append(("modes, unsettled", unsettled.remote_snd_settle_mode))
    told.append(("unsettled too", one.send(unsettled, b"unsettled too")))
    into = one.receiver(f"/queue/{q}", credit=2)
    for _ in range(2):
        delivery, message = one.came(into)
        told.append(("came", (message.body, delivery.settled)))
        one.settle(delivery)
    one.nothing(into)
    into.close()
    into = one.receiver(f"/queue/{q}", "r2", credit=5, settle=proton.Link.SND_SETTLED)
    told.append(("modes of a receiver of what is settled", into.remote_snd_settle_mode))
    for _ in range(2):
        delivery, message = one.came(into)
        told.append(("came settled", (message.body, delivery.settled)))
    one.nothing(into)
    one.close()
    # How soon the receiver is gone from there is nobody's promise.
    told.append(("left", Session(broker).ask("queue_declare", q, passive=True, durable=True)[1]["message_count"]))
    return told


def outcomes(broker):
    """Accepted: gone. Released: again. Rejected: a dead letter. Not settled: again, when the session or the connection is lost."""
    old, told, q = Session(broker), [], "outcomes"
    old.ask("queue_declare", f"{q}-dead")
    old.ask("queue_declare", q, durable=True, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"{q}-dead"})

    def of(what, state, again, **local):
        old.publish("", q, b"x", message_id=what)
        one = Peer(broker)
        into = one.receiver(f"/amq/queue/{q}", credit=1)
        delivery, message = one.came(into)
        told.append((what, (message.id, message.first_acquirer, message.delivery_count)))
        one.settle(delivery, state, **local)
        into.flow(1)
        if again:
            delivery, message = one.came(into)
            told.append((f"{what}: again", (message.id, message.first_acquirer)))
            one.settle(delivery)
        one.nothing(into)
        one.close()
        told.append((f"{what}: left", old.ask("queue_declare", q, passive=True)[1]["message_count"]))
        dead = old.ask("queue_declare", f"{q}-dead", passive=True)[1]["message_count"]
        told.append((f"{what}: dead", [(properties.get("headers", {}).get("x-first-death-reason"), body) for _, properties, body in old.take(f"{q}-dead", dead)]))

    of("accepted", "accepted", False)
    of("released", "released", True)
    of("rejected", "rejected", False)

    for what, end in [("ended", lambda one, into: one.session.close()), ("closed", lambda one, into: one.close()),
                      ("cut", lambda one, into: one.socket.close())]:
        old.publish("", q, b"y", message_id=what)
        one = Peer(broker)
        into = one.receiver(f"/amq/queue/{q}", credit=1)
        one.came(into)
        end(one, into)
        if what == "ended":
            one.pause(0.1)
        found = old.take(q, 1)
        told.append((what, found))
    old.close()
    return told


def credits(broker):
    """No more than there is credit for; more credit brings more."""
    old, told, q = Session(broker), [], "credits"
    old.ask("queue_declare", q)
    for number in range(8):
        old.publish("", q, b"%d" % number)
    one = Peer(broker)
    into = one.receiver(f"/amq/queue/{q}")
    one.nothing(into)
    for credit in (2, 1):
        into.flow(credit)
        for _ in range(credit):
            delivery, message = one.came(into)
            told.append((f"credit {credit}", message.body))
            one.settle(delivery)
        one.nothing(into)
        told.append((f"credit {credit}: left", into.credit))
    # Several are not settled meanwhile; settled in any order.
    into.flow(4)
    found = [one.came(into) for _ in range(4)]
    told.append(("four", [message.body for _, message in found]))
    for number in (2, 0, 3, 1):
        one.settle(found[number][0])
    one.close()
    told.append(("left", old.ask("queue_declare", q, passive=True)[1]["message_count"]))
    old.close()
    return told


def transfers(broker):
    """Messages of several transfers, as frames of each end make it, both ways; of several sections of data."""
    told, q = [], "transfers"
    for frames in (512, 4096, 32768):
        one = Peer(broker, max_frame=frames)
        out = one.sender(f"/queue/{q}-{frames}")
        into = one.receiver(f"/queue/{q}-{frames}", credit=10)
        for length in (0, 100, 500, 5000, 40000, 150000):
            body = bytes(number * 7 & 0xFF for number in range(length))
            told.append((f"{length} B", one.send(out, body)))
            delivery, message = one.came(into)
            check(message.body == body, f"{broker.name}: {length} B in frames of {frames} B: {len(message.body)} B")
            one.settle(delivery)
        one.close()
    return told


FIELDS = dict(id="m", user_id=b"guest", subject="s", reply_to="r", correlation_id="c", content_type="text/plain", content_encoding="utf-8", creation_time=1.7e9,
              group_id="g", group_sequence=7, reply_to_group_id="h", durable=True, priority=7, ttl=60)


def contents(broker):
    """A message of 1.0 to 1.0, all that it says; and bodies that are no data."""
    one, told, q = Peer(broker), [], "contents-10"
    out, into = one.sender(f"/queue/{q}"), one.receiver(f"/queue/{q}", credit=20)
    properties = {"int": proton.int32(-5), "long": 1 << 40, "text": "äöü", "true": True, "false": False}
    for what, fields in [("nothing", {}), ("all", {**FIELDS, "properties": properties}), ("priority", {"priority": 0}), ("times", {"ttl": 50.0}),
                         ("numbers", {"id": proton.ulong(5), "correlation_id": proton.ulong(6)}), ("texts", {"id": "5", "correlation_id": "text"})]:
        told.append((what, one.send(out, b"data", **fields)))
        delivery, message = one.came(into)
        told.append((f"{what}: came", said(message)))
        one.settle(delivery)
    for what, body in [("text", "text"), ("map", {"a": 1}), ("number", 5)]:
        told.append((what, one.send(out, body)))
        delivery, message = one.came(into)
        told.append((f"{what}: came", message.body))
        one.settle(delivery)
    one.close()
    return told


# What both brokers carry over.
BOTH = ("content_type", "content_encoding", "correlation_id", "message_id", "expiration", "priority", "user_id", "reply_to")


def crossings(broker):
    """From 1.0 to 0-9-1 and from 0-9-1 to 1.0: what of a message arrives on the other side."""
    old, one, told, q = Session(broker), Peer(broker), [], "crossings"
    out, into = one.sender(f"/queue/{q}-new"), one.receiver(f"/queue/{q}-old", credit=50)
    for what, fields in [("nothing", {}), ("all", FIELDS), ("properties", {"properties": {"text": "x", "long": 1 << 40, "int": proton.int32(5), "true": True}}),
                         ("not durable", {"durable": False, "priority": 4})]:
        told.append((f"new to old, {what}", one.send(out, b"data", **fields)))
        (_, method), properties, body = old.poll(f"{q}-new")
        told.append((f"old has {what}", (method, body, {name: properties.get(name) for name in BOTH}, properties.get("delivery_mode") == 2)))
    for what, fields in [("nothing", {}), ("persistent", {"delivery_mode": 2}), ("priority", {"priority": 3}),
                         ("expiration", {"expiration": "50000"}), ("id", {"message_id": "m", "correlation_id": "c"}),
                         ("type", {"content_type": "a/b", "content_encoding": "gzip"})]:
        old.publish("", f"{q}-old", b"body", **fields)
        delivery, message = one.came(into)
        told.append((f"new has {what}", {name: value for name, value in said(message).items() if name not in ("annotations", "address", "subject")}))
        one.settle(delivery)
    one.close()
    old.close()
    return told


def addresses(broker):
    """Where addresses lead: queues, exchanges with keys, patterns; what there is not, and what is no address."""
    old, told, a = Session(broker), [], "addresses"
    old.ask("queue_declare", f"{a}-q")
    old.ask("exchange_declare", f"{a}-e", "topic")
    old.ask("queue_bind", f"{a}-q", f"{a}-e", "k.#")
    old.ask("queue_bind", f"{a}-q", "amq.topic", f"{a}.*")
    one = Peer(broker)
    for number, (address, subject) in enumerate([(f"/amq/queue/{a}-q", None), (f"/exchange/{a}-e/k.x", None), (f"/exchange/{a}-e", "k.y"), (f"/topic/{a}.z", None)]):
        out = one.sender(address, f"s{number}")
        told.append((address, one.send(out, b"%d" % number, **({"subject": subject} if subject else {}))))
        told.append((f"{address}: there", old.poll(f"{a}-q")[0][1]))
    # What a receiver is bound to.
    for number, (address, exchange, key, other) in enumerate([(f"/exchange/{a}-e/r.*", f"{a}-e", "r.x", "r.x.y"), (f"/topic/{a}.#", "amq.topic", f"{a}.x.y", "b")]):
        into = one.receiver(address, f"r{number}", credit=5)
        old.publish(exchange, other, b"other")
        old.publish(exchange, key, b"mine")
        delivery, message = one.came(into)
        told.append((address, message.body))
        one.settle(delivery)
        one.nothing(into, 0.2)
        into.close()
    one.close()
    for kind, address in [("sender", f"/exchange/{a}-none/k"), ("sender", "/other/x"), ("sender", "/topic"), ("receiver", f"/exchange/{a}-none/k"), ("receiver", "/other/x"),
                          ("receiver", "/topic"), ("receiver", "/queue"), ("receiver", f"/amq/queue/{a}-none")]:
        one = Peer(broker)
        link = getattr(one.session, kind)("l")
        (link.target if kind == "sender" else link.source).address = address
        link.open()
        ended = lambda: error(link) or error(one.session) or error(one.connection)
        one.until(ended, f"end of {address!r}")
        told.append((f"{kind}, {address!r}", ended()))
        one.socket.close()
    old.close()
    return told


def refused(broker):
    """A wrong password."""
    one = Peer(broker, user="guest:wrong", is_open=False)
    one.until(lambda: one.transport.closed or one.is_over, "end")
    check(one.transport.sasl().outcome == proton.SASL.AUTH, f"{broker.name}: {one.transport.sasl().outcome}")
    return [("outcome", one.transport.sasl().outcome)]


def standard(broker):
    """Where RabbitMQ 3.10.8 is no measure, ours is held to the standard, and to what its documentation says."""
    old, one, q = Session(broker), Peer(broker), "standard"
    letters = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"{q}-dead"}
    old.ask("queue_declare", f"{q}-dead")
    old.ask("queue_declare", q, arguments=letters)
    into = one.receiver(f"/amq/queue/{q}", credit=1)
    # Modified: again, counted where it has failed (§3.2.1, §3.4.5); not here: a dead letter.
    old.publish("", q, b"modified")
    for local, count, is_first in [({}, 0, True), ({"failed": True}, 0, False), ({"failed": True}, 1, False)]:
        delivery, message = one.came(into)
        check((message.delivery_count, message.first_acquirer, message.body) == (count, is_first, b"modified"), f"{local}: {said(message)}")
        one.settle(delivery, "modified", **local)
        into.flow(1)
    delivery, message = one.came(into)
    check(message.delivery_count == 2, f"failed twice: {said(message)}")
    one.settle(delivery, "modified", undeliverable=True)
    dead = old.poll(f"{q}-dead")
    check(dead[2] == b"modified" and dead[1]["headers"]["x-first-death-reason"] == "rejected", f"not here: {dead}")
    # A drain brings what there is, and uses up the rest (§2.6.7).
    for number in range(3):
        old.publish("", q, b"%d" % number)
    into.drain(10)
    for number in range(3):
        delivery, message = one.came(into)
        check(message.body == b"%d" % number, f"drain: {message.body}")
        one.settle(delivery)
    one.until(lambda: into.credit == 0, "end of the drain")
    old.publish("", q, b"late")
    one.nothing(into)
    # What was not settled goes back with its link.
    into.flow(1)
    check(one.came(into)[1].body == b"late", "not the late one")
    into.close()
    one.until(lambda: into.state & proton.Endpoint.REMOTE_CLOSED, "detach")
    (_, method), _, body = old.poll(q)
    check(method["redelivered"] and body == b"late", f"{method}, {body}")
    # Given up half-way (§2.6.14): nothing comes of it, and the link goes on.
    out = one.sender(f"/queue/{q}-aborted")
    delivery = out.delivery(out.delivery_tag())
    out.stream(proton.Message(body=bytes(200000), inferred=True).encode()[:150000])
    one.pause(0.2)
    delivery.abort()
    one.pause(0.1)
    check(one.send(out, b"whole") == ("accepted", None), "the link does not go on")
    check([body for _, _, body in old.take(f"{q}-aborted", 1)] == [b"whole"], "not the whole one alone")
    # For no queue: released. For one that refuses it: rejected.
    old.ask("queue_declare", f"{q}-full", arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    out = one.sender("/exchange/amq.direct/nobody", "nobody")
    check((found := one.send(out)) == ("released", None), f"for nobody: {found}")
    out = one.sender(f"/amq/queue/{q}-full", "full")
    found = [one.send(out) for _ in range(2)]
    check(found == [("accepted", None), ("rejected", "amqp:resource-limit-exceeded")], f"full: {found}")
    # What 0-9-1 has in other forms.
    old.publish("", q, b"old", timestamp=1700000000, headers={"text": "x", "int": 5, "true": True}, type="t", app_id="a")
    into = one.receiver(f"/amq/queue/{q}", "r2", credit=5)
    delivery, message = one.came(into)
    check((message.creation_time, message.properties) == (1700000000.0, {"text": "x", "int": 5, "true": True}), f"from 0-9-1: {said(message)}")
    one.settle(delivery)
    out = one.sender(f"/amq/queue/{q}", "s2")
    into.close()
    one.pause(0.1)
    one.send(out, b"new", creation_time=1700000000.0, properties={"text": "x", "int": proton.int32(5), "true": True}, id=proton.ulong(7))
    _, properties, body = old.poll(q)
    check((properties["timestamp"], properties["headers"], properties["message_id"], body) == (1700000000, {"text": "x", "int": 5, "true": True}, "7", b"new"),
          f"to 0-9-1: {properties}")
    # Bodies that are no data, as they were.
    into = one.receiver(f"/amq/queue/{q}", "r3", credit=9)
    for body in ("text", {"a": 1}, [1, "two"], True, 5, b"value"):
        delivery = out.delivery(out.delivery_tag())
        out.send(proton.Message(body=body).encode())
        out.advance()
        delivery, message = one.came(into)
        check(message.body == body, f"{body}: {message.body}")
        one.settle(delivery)
    # The receiver settles second (§2.6.12): what it has accepted, the broker settles.
    old.ask("queue_declare", f"{q}-second")
    second = one.receiver(f"/amq/queue/{q}-second", "second", credit=1, second=True)
    check(second.remote_rcv_settle_mode == proton.Link.RCV_SECOND, f"second: {second.remote_rcv_settle_mode}")
    old.publish("", f"{q}-second", b"twice")
    delivery, message = one.came(second)
    delivery.update(proton.Delivery.ACCEPTED)
    one.until(lambda: delivery.settled, "settling by the sender")
    delivery.settle()
    one.close()
    check(old.ask("queue_declare", f"{q}-second", passive=True)[1]["message_count"] == 0, "it is there still")
    old.close()
    return []


def idle(broker):
    """Who gives up after four seconds without a frame says two (§2.4.5), and hears something in time."""
    one = Peer(broker, idle=4.0)
    one.pause(5)
    check(not one.is_over and one.transport.condition is None, f"{broker.name}: {one.transport.condition}")
    one.close()


SCRIPTS10 = [settlements, outcomes, credits, transfers, contents, crossings, addresses, refused]
