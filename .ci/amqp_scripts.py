"""What RabbitMQ and our broker are asked alike, by pika: each script returns what it was told, step by step, and both have to say the same.

Where a standard, or RabbitMQ's documentation, says what the answer is, the script checks it too. Names begin with the script's, so that all run at once.
"""

import datetime
import time

from peers import HOST, check, until
from amqp_peers import Session, pika, plain


def declarations(broker):
    """Queues: the same again, otherwise, passively; names of the server's; arguments that may not be; what deletes them."""
    one, told = Session(broker), []

    def ask(what, method, *arguments, **more):
        told.append((what, one.ask(method, *arguments, **more)))
        return told[-1][1]

    q = "declarations"
    ask("new", "queue_declare", q, durable=True)
    ask("again", "queue_declare", q, durable=True)
    check(ask("otherwise", "queue_declare", q)[:2] == ("channel closed", 406), f"{broker.name}: {told[-1]}")
    check(ask("another auto-delete", "queue_declare", q, durable=True, auto_delete=True)[1] == 406, f"{broker.name}: {told[-1]}")
    ask("passive", "queue_declare", q, passive=True)
    check(ask("missing", "queue_declare", f"{q}-none", passive=True)[1] == 404, f"{broker.name}: {told[-1]}")
    check(ask("of the server's", "queue_declare", "amq.mine")[1] == 403, f"{broker.name}: {told[-1]}")
    for name, value in [("x-message-ttl", -1), ("x-message-ttl", "1"), ("x-message-ttl", 315360000000), ("x-message-ttl", 315360000001), ("x-expires", 315360000001), ("x-queue-type", "strange"), ("x-expires", 0), ("x-expires", -1),
                        ("x-max-length", -1), ("x-max-length", "1"), ("x-max-length-bytes", -5), ("x-max-priority", 256), ("x-max-priority", -1),
                        ("x-overflow", "drop"), ("x-dead-letter-exchange", 1), ("x-dead-letter-routing-key", 1), ("x-dead-letter-routing-key", "k"),
                        ("x-queue-type", 1)]:
        ask(f"{name}: {value!r}", "queue_declare", f"{q}-wrong", arguments={name: value})
    for what, arguments in [("first", {"x-max-length": 5}), ("same", {"x-max-length": 5}), ("other", {"x-max-length": 6}), ("none", None),
                            ("longer number", {"x-max-length": 5, "x-message-ttl": 1 << 33})]:
        ask(f"arguments, {what}", "queue_declare", f"{q}-arguments", arguments=arguments)
    ask("unknown argument", "queue_declare", f"{q}-unknown", arguments={"x-of-nobody": 1})

    for number in range(3):
        one.publish("", q, b"%d" % number)
    until(lambda: one.ask("queue_declare", q, passive=True)[1]["message_count"] == 3, "not 3 messages")
    ask("not empty", "queue_delete", q, if_empty=True)
    ask("purged", "queue_purge", q)
    ask("purged, missing", "queue_purge", f"{q}-none")
    one.publish("", q, b"x")
    one.consume(q)
    one.came_all(1)
    ask("in use", "queue_delete", q, if_unused=True)
    ask("deleted", "queue_delete", q)
    ask("deleted again", "queue_delete", q)

    # An automatic one goes with its last consumer, and never without one.
    ask("auto-delete", "queue_declare", f"{q}-auto", auto_delete=True)
    ask("still there", "queue_declare", f"{q}-auto", passive=True)
    tag = one.consume(f"{q}-auto")
    one.ask("basic_cancel", tag)
    ask("gone", "queue_declare", f"{q}-auto", passive=True)
    # One that expires goes without use, not with a consumer.
    ask("expires", "queue_declare", f"{q}-expires", arguments={"x-expires": 1000})
    one.consume(f"{q}-expires", consumer_tag="t")
    one.pause(1.5)
    ask("used", "queue_declare", f"{q}-expires", passive=True)
    one.ask("basic_cancel", "t")
    one.pause(2.5)
    ask("expired", "queue_declare", f"{q}-expires", passive=True)
    # A name of the server's choice.
    answer = one.ask("queue_declare", "")
    told.append(("named", (answer[0], answer[1]["queue"].startswith("amq.gen-"), answer[1]["message_count"], answer[1]["consumer_count"])))
    one.close()
    return told


def exclusive(broker):
    """A queue of one connection: to others it is locked (405), and goes with its connection."""
    owner, other, told, q = Session(broker), Session(broker), [], "exclusive"
    told.append(("declared", owner.ask("queue_declare", q, exclusive=True)))
    told.append(("bound", owner.ask("queue_bind", q, "amq.direct", "k")))
    for name, arguments, more in [
        ("queue_declare", (q,), {"exclusive": True}), ("queue_declare", (q,), {}), ("queue_declare", (q,), {"passive": True}), ("queue_purge", (q,), {}),
        ("queue_delete", (q,), {}), ("queue_bind", (q, "amq.direct", "l"), {}), ("queue_unbind", (q, "amq.direct", "k"), {}), ("basic_get", (q,), {}),
    ]:
        answer = other.ask(name, *arguments, **more)
        check(answer[:2] == ("channel closed", 405), f"{broker.name}, {name}: {answer}")
        told.append((name, answer))
    told.append(("consume", other.consume(q)))
    # Anyone may publish to it.
    other.publish("", q, b"x")
    told.append(("taken", owner.take(q)))
    owner.close()
    until(lambda: other.ask("queue_declare", q, passive=True)[1] == 404, f"{broker.name}: the queue is there still")

    told.append(("declared", other.ask("queue_declare", f"{q}-consumer")))
    tag = other.consume(f"{q}-consumer", exclusive=True, consumer_tag="a")
    told += [("the only one", tag), ("one more", other.consume(f"{q}-consumer", consumer_tag="b")), ]
    other.close()
    one = Session(broker)
    told.append(("first", one.consume(f"{q}-consumer", consumer_tag="c")))
    told.append(("not the only one", one.consume(f"{q}-consumer", consumer_tag="d", exclusive=True)))
    told.append(("again", one.consume(f"{q}-consumer", consumer_tag="c")))
    one.ask("queue_delete", f"{q}-consumer")
    one.close()
    return told


def exchanges(broker):
    """Exchanges: the same again, otherwise, those of the server's, types that there are not; bindings without ends; what deletes them."""
    one, told, e = Session(broker), [], "exchanges"

    def ask(what, method, *arguments, **more):
        told.append((what, one.ask(method, *arguments, **more)))
        return told[-1][1]

    for kind in ("direct", "fanout", "topic", "headers"):
        ask(kind, "exchange_declare", f"{e}-{kind}", kind)
        ask(f"{kind} again", "exchange_declare", f"{e}-{kind}", kind)
        ask(f"{kind}, durable", "exchange_declare", f"{e}-{kind}", kind, durable=True)
        ask(f"{kind}, passive", "exchange_declare", f"{e}-{kind}", passive=True)
    ask("another type", "exchange_declare", f"{e}-direct", "topic")
    for name in ("amq.direct", "amq.fanout", "amq.topic", "amq.headers", "amq.match"):
        ask(f"{name}, passive", "exchange_declare", name, passive=True)
        ask(f"{name}, same", "exchange_declare", name, "headers" if name == "amq.match" else name[4:], durable=True)
        ask(f"{name}, deleted", "exchange_delete", name)
    ask("of the server's", "exchange_declare", "amq.mine", "direct")
    ask("missing", "exchange_declare", f"{e}-none", passive=True)
    ask("deleted, missing", "exchange_delete", f"{e}-none")
    ask("default", "exchange_declare", "", "direct", durable=True)
    ask("default, deleted", "exchange_delete", "")
    ask("queue", "queue_declare", e)
    ask("bound", "queue_bind", e, f"{e}-direct", "k")
    ask("bound again", "queue_bind", e, f"{e}-direct", "k")
    ask("in use", "exchange_delete", f"{e}-direct", if_unused=True)
    ask("bound to none", "queue_bind", e, f"{e}-none", "k")
    ask("none bound", "queue_bind", f"{e}-none", f"{e}-direct", "k")
    ask("bound to the default one", "queue_bind", e, "", "k")
    ask("unbound from the default one", "queue_unbind", e, "", e)
    ask("unbound, another key", "queue_unbind", e, f"{e}-direct", "l")
    ask("unbound, missing", "queue_unbind", e, f"{e}-none", "k")
    ask("unbound, missing queue", "queue_unbind", f"{e}-none", f"{e}-direct", "k")
    ask("unbound, missing exchanges", "exchange_unbind", f"{e}-none", f"{e}-nowhere", "k")
    ask("unbound", "queue_unbind", e, f"{e}-direct", "k")
    ask("unused", "exchange_delete", f"{e}-direct", if_unused=True)
    ask("exchange to exchange", "exchange_bind", f"{e}-fanout", f"{e}-topic", "#")
    ask("exchange to none", "exchange_bind", f"{e}-none", f"{e}-topic", "#")
    ask("exchange to itself", "exchange_bind", f"{e}-topic", f"{e}-topic", "x")
    ask("exchange unbound", "exchange_unbind", f"{e}-fanout", f"{e}-topic", "#")
    ask("x-match", "queue_bind", e, f"{e}-headers", "", {"x-match": "some"})
    # One that goes with its last binding, and never without one.
    ask("auto-delete", "exchange_declare", f"{e}-auto", "fanout", auto_delete=True)
    ask("bound", "queue_bind", e, f"{e}-auto")
    ask("unbound", "queue_unbind", e, f"{e}-auto")
    ask("gone", "exchange_declare", f"{e}-auto", passive=True)
    # One for other exchanges alone.
    ask("internal", "exchange_declare", f"{e}-internal", "fanout", internal=True)
    one.publish(f"{e}-internal", "k", b"x")
    told.append(("published to an internal one", one.ask("queue_declare", e, passive=True)))
    one.publish(f"{e}-none", "k", b"x")
    told.append(("published to none", one.ask("queue_declare", e, passive=True)))
    ask("alternate, not a name", "exchange_declare", f"{e}-alternate", "fanout", arguments={"alternate-exchange": 1})
    check(ask("unknown type", "exchange_declare", f"{e}-strange", "strange")[:2] == ("connection closed", 503), f"{broker.name}: {told[-1]}")
    return told


# Which queues get a message: of the sheet, and more.
TOPICS = ["*.orange.*", "*.*.rabbit", "lazy.#", "#", "lazy", "#.x.#", "*", "*.*", "a.#.b", "", "a..b", "#.#"]
KEYS = ["quick.orange.rabbit", "lazy", "lazy.a.b", "orange", "", "x", "a.x.b", "quick.orange.male.rabbit", "a.b", "a..b", "a.c.d.b", ".", "lazy.", "x.x"]
ROUTED = {"quick.orange.rabbit": {0, 1, 3}, "lazy": {2, 3, 4}, "lazy.a.b": {2, 3}, "orange": {3}, "": {3}, "x": {3, 5}, "a.x.b": {3, 5},
          "quick.orange.male.rabbit": {3}}
WANTED = [{"a": 1, "b": "x"}, {"x-match": "any", "a": 1, "b": "x"}, {}, {"x-match": "all", "a": True}, {"x-match": "any"}, {"x-match": "all", "c": None},
          {"x-match": "any", "x-of-mine": 1, "d": 2}, {"a": "1"}]
HEADERS = [{"a": 1, "b": "x", "c": 2}, {"a": 1}, {"a": 2, "b": "y"}, {}, {"a": True}, {"c": "anything"}, {"x-of-mine": 1}, {"d": 2}, {"a": "1"}, None,
           {"a": 1, "b": "X"}, {"c": None}]


def routing(broker):
    """Which queues get a message, of each type of exchange, through several, and where no binding matches."""
    one, told, r = Session(broker), [], "routing"
    one.channels[0].confirm_delivery()

    def found(count):
        counts = [one.ask("queue_purge", f"{r}-{number}")[1]["message_count"] for number in range(count)]
        check(set(counts) <= {0, 1}, f"{broker.name}: more than one copy: {counts}")
        return {number for number, here in enumerate(counts) if here}

    for number in range(max(len(TOPICS), len(WANTED))):
        one.ask("queue_declare", f"{r}-{number}")
    one.ask("exchange_declare", f"{r}-topic", "topic")
    for number, key in enumerate(TOPICS):
        one.ask("queue_bind", f"{r}-{number}", f"{r}-topic", key)
    # A second binding of one queue that matches makes no second copy.
    one.ask("queue_bind", f"{r}-3", f"{r}-topic", "lazy.*.*")
    for key in KEYS:
        one.publish(f"{r}-topic", key)
        queues = found(len(TOPICS))
        check(key not in ROUTED or queues & set(range(6)) == ROUTED[key], f"{broker.name}: {key!r} goes to {queues}")
        told.append((f"topic {key!r}", queues))
    one.ask("exchange_declare", f"{r}-headers", "headers")
    for number, arguments in enumerate(WANTED):
        one.ask("queue_bind", f"{r}-{number}", f"{r}-headers", "", arguments)
    for number, headers in enumerate(HEADERS):
        one.publish(f"{r}-headers", "", headers=headers)
        queues = found(len(WANTED))
        check(number >= 4 or queues & {0, 1, 2} == [{0, 1, 2}, {1, 2}, {2}, {2}][number], f"{broker.name}: {headers} goes to {queues}")
        told.append((f"headers {headers}", queues))

    one.ask("exchange_declare", f"{r}-alternate", "fanout")
    one.ask("exchange_declare", f"{r}-direct", "direct", arguments={"alternate-exchange": f"{r}-alternate"})
    one.ask("exchange_declare", f"{r}-fanout", "fanout")
    for queue, exchange, key in [(0, "direct", "a"), (1, "direct", "a"), (2, "direct", "b"), (3, "direct", ""), (0, "fanout", "x"), (4, "fanout", ""),
                                 (5, "alternate", "")]:
        one.ask("queue_bind", f"{r}-{queue}", f"{r}-{exchange}", key)
    # From the fanout one through the direct one to its queues, but for the alternate one.
    one.ask("exchange_bind", f"{r}-direct", f"{r}-fanout", "")
    for exchange, key, wanted in [("direct", "a", {0, 1}), ("direct", "b", {2}), ("direct", "", {3}), ("direct", "none", {5}), ("fanout", "none", None),
                                  ("fanout", "a", {0, 1, 4}), ("", "", set()), ("", "routing-0", {0}), ("", "routing-none", set())]:
        one.publish(exchange and f"{r}-{exchange}", key)
        queues = found(6)
        check(wanted is None or queues == wanted, f"{broker.name}: {exchange} {key!r} goes to {queues}")
        told.append((f"{exchange} {key!r}", queues))
    for exchange, key in [("direct", "a"), ("direct", "none"), ("topic", "none"), ("headers", ""), ("alternate", ""), ("", "routing-none")]:
        told.append((f"mandatory, {exchange} {key!r}", one.publish(exchange and f"{r}-{exchange}", key, b"back", mandatory=True, app_id="me", headers={"h": 1})))
    # Without the alternate exchange's queue, and without it.
    one.ask("queue_unbind", f"{r}-5", f"{r}-alternate")
    told.append(("alternate to none", one.publish(f"{r}-direct", "none", b"back", mandatory=True)))
    one.ask("exchange_delete", f"{r}-alternate")
    told.append(("no alternate", one.publish(f"{r}-direct", "none", b"back", mandatory=True)))
    one.close()
    return told


PROPERTIES = dict(content_type="text/plain", content_encoding="utf-8", delivery_mode=2, priority=7, correlation_id="c", reply_to="r", expiration="60000",
                  message_id="m", timestamp=1700000000, type="t", user_id="guest", app_id="a", cluster_id="i",
                  headers={"bool": True, "small": -5, "int": 70000, "long": 1 << 40, "text": "äöü", "bytes": bytes(range(256)), "none": None,
                           "time": datetime.datetime(2023, 11, 14, 22, 13, 20), "array": [1, "two", [3], {"four": 4}], "table": {"in": {"in": "in"}}, "": "no name"})


def contents(broker):
    """Messages as they were published: properties of all kinds, bodies of all lengths, cut into frames of each end."""
    one, told, q = Session(broker), [], "contents"
    small = Session(broker, frame_max=4096)
    one.ask("queue_declare", q)
    one.publish("", q, b"all", **PROPERTIES)
    told.append(("properties", one.take(q)))
    told.append(("as published", told[0][1][0][1] == dict(PROPERTIES)))
    check(told[-1][1], f"{broker.name}: {told[0]}")
    one.publish("", q, b"none")
    told.append(("no properties", one.take(q)))
    for length in (0, 1, 4087, 4088, 4089, 131064, 131065, 300000):
        body = bytes(number * 7 & 0xFF for number in range(length))
        for source, sink in ((one, small), (small, one)):
            source.publish("", q, body)
            came = sink.poll(q)
            check(came[2] == body, f"{broker.name}: {length} B: {len(came[2])} B")
            told.append((f"{length} B", came[:2]))
    # As of another user.
    one.publish("", q, b"x", user_id="other")
    told.append(("another user", one.ask("queue_declare", q, passive=True)))
    one.publish("", q, b"x", expiration="soon")
    told.append(("no time", one.ask("queue_declare", q, passive=True)))
    one.publish("", q, b"x", expiration="-1")
    told.append(("negative time", one.ask("queue_declare", q, passive=True)))
    one.close()
    small.close()
    return told


def acknowledgements(broker):
    """Each, several, all; reject and nack, with requeue and without; what may not be acknowledged."""
    told, q = [], "acknowledgements"

    def of(what, count, *steps):
        """So many messages are delivered, then acknowledged by these steps: what comes again, and what is left when the channel is closed."""
        one = Session(broker)
        one.ask("queue_declare", q)
        for number in range(count):
            one.publish("", q, b"%d" % number)
        one.consume(q, consumer_tag="t")
        told.append((what, one.came_all(count)))
        for method, *arguments in steps:
            told.append((f"{what}: {method}", one.ask(method, *arguments)))
        again = []
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            one.connection.process_data_events(0.05)
        again, one.came = one.came, []
        told.append((f"{what}: again", again))
        # Whether the channel is there still.
        told.append((f"{what}: then", one.ask("basic_qos", prefetch_count=1)))
        one.close()
        one = Session(broker)
        left = one.ask("queue_declare", q, passive=True)[1]["message_count"]
        told.append((f"{what}: left", one.take(q, left)))
        one.close()

    of("none", 3)
    of("each", 3, ("basic_ack", 2), ("basic_ack", 1))
    of("multiple", 5, ("basic_ack", 3, True))
    of("all", 4, ("basic_ack", 0, True))
    of("reject", 3, ("basic_reject", 2, False))
    of("reject, requeue", 3, ("basic_reject", 2, True))
    of("nack", 3, ("basic_nack", 2, False, False))
    of("nack, requeue", 3, ("basic_nack", 2, False, True))
    of("nack, multiple", 4, ("basic_nack", 3, True, False))
    of("nack, multiple, requeue", 4, ("basic_nack", 3, True, True))
    of("nack all, requeue", 3, ("basic_nack", 0, True, True))
    of("recover", 3, ("basic_recover", True))
    of("unknown tag", 2, ("basic_ack", 3))
    of("unknown tag, multiple", 2, ("basic_ack", 3, True))
    of("tag 0", 2, ("basic_ack", 0))
    of("nack, unknown", 2, ("basic_nack", 9, False, True))
    of("reject, unknown", 2, ("basic_reject", 9, True))
    of("twice", 2, ("basic_ack", 1), ("basic_ack", 1))
    of("multiple twice", 3, ("basic_ack", 2, True), ("basic_ack", 2, True))
    of("behind multiple", 3, ("basic_ack", 2, True), ("basic_ack", 1))

    # Tags are of a channel.
    one = Session(broker, channels=2)
    one.publish("", q, b"x")
    one.poll(q)
    one.publish("", q, b"x")
    until(lambda: one.get(q, auto_ack=False), "nothing to get")
    told.append(("of another channel", one.ask("basic_ack", 2, at=1)))
    told.append(("the other", one.ask("basic_qos", prefetch_count=1, at=1)))
    one.close()
    return told


def order(broker):
    """Messages keep their order: what was not acknowledged comes first, marked, when its connection is lost or its channel closed."""
    one, told, q = Session(broker, channels=2), [], "order"
    one.ask("queue_declare", q)
    for number in range(6):
        one.publish("", q, b"%d" % number)
    one.ask("basic_qos", prefetch_count=2)
    one.consume(q, consumer_tag="t")
    told.append(("two of six", one.came_all(2)))
    # Cut off, without a word.
    one.cut()
    other = Session(broker)
    until(lambda: other.ask("queue_declare", q, passive=True)[1]["message_count"] == 6, f"{broker.name}: not all is back")
    found = other.take(q, 6)
    check([(method["redelivered"], body) for (_, method), _, body in found] == [(number < 2, b"%d" % number) for number in range(6)], f"{broker.name}: {found}")
    told.append(("all six", found))

    # A part of them goes back behind others that are still out, to its place.
    for number in range(6):
        other.publish("", q, b"%d" % number)
    other.ask("basic_qos", prefetch_count=4)
    other.consume(q, consumer_tag="t")
    told.append(("four of six", other.came_all(4)))
    # Tags go on behind the six that were asked for.
    other.ask("basic_nack", 8, False, True)
    told.append(("the second again", other.came_all(1)))
    other.ask("basic_ack", 7)
    told.append(("the fifth", other.came_all(1)))
    other.close()
    one = Session(broker)
    until(lambda: one.ask("queue_declare", q, passive=True)[1]["message_count"] == 5, f"{broker.name}: not all is back")
    told.append(("five", one.take(q, 5)))
    one.close()
    return told


def prefetch(broker):
    """How many are out: of each consumer, of all of a channel, without a limit; as they are acknowledged; by turns."""
    told, q = [], "prefetch"
    for what, limits in [("none", []), ("of each", [(3, False)]), ("of all", [(3, True)]), ("of both", [(2, False), (3, True)]), ("changed", [(1, False), (4, False)])]:
        one = Session(broker)
        one.ask("queue_declare", q)
        for count, shared in limits:
            told.append((f"{what}: qos", one.ask("basic_qos", prefetch_count=count, global_qos=shared)))
        one.consume(q, consumer_tag="a")
        one.consume(q, consumer_tag="b")
        for number in range(10):
            one.publish("", q, b"%d" % number)
        most = {"none": 10, "of each": 6, "of all": 3, "of both": 3, "changed": 8}[what]
        came = one.came_all(most)
        # Where each has a limit, each has so many.
        tags = [method[1]["consumer_tag"] for method, _, _ in came]
        told.append((f"{what}: how many", (tags.count("a"), tags.count("b")) if what in ("of each", "changed") else len(tags)))
        told.append((f"{what}: tags", [method[1]["delivery_tag"] for method, _, _ in came]))
        one.ask("basic_ack", 2, True)
        told.append((f"{what}: more", len(one.came_all(min(2, 10 - most)))))
        told.append((f"{what}: deleted", one.ask("queue_delete", q)))
        one.close()
    one = Session(broker)
    told.append(("by bytes", one.ask("basic_qos", prefetch_size=1000)))
    one.close()
    return told


def gets(broker):
    """Messages that are asked for."""
    one, told, q = Session(broker), [], "gets"
    one.ask("queue_declare", q)
    told.append(("empty", one.get(q)))
    for number in range(4):
        one.publish("", q, b"%d" % number)
    until(lambda: one.ask("queue_declare", q, passive=True)[1]["message_count"] == 4, "not 4 messages")
    for auto in (True, False, False):
        told.append((f"auto {auto}", one.get(q, auto_ack=auto)))
    told.append(("back", one.ask("basic_nack", 2, False, True)))
    told.append(("again", one.get(q, auto_ack=False)))
    told.append(("acknowledged", one.ask("basic_ack", 0, True)))
    told.append(("last", one.get(q)))
    told.append(("missing", one.ask("basic_get", f"{q}-none")))
    told.append(("consume, missing", one.consume(f"{q}-none")))
    told.append(("cancel, unknown", one.ask("basic_cancel", "none")))
    one.close()
    return told


def confirms(broker):
    """Confirms, refusals by full queues, returns before them; confirms and transactions exclude each other."""
    one, told, q = Session(broker), [], "confirms"
    one.ask("confirm_delivery")
    one.ask("queue_declare", q, arguments={"x-max-length": 2, "x-overflow": "reject-publish"})
    one.ask("queue_declare", f"{q}-durable", durable=True)
    for number in range(4):
        told.append((f"message {number}", one.publish("", q, b"%d" % number)))
    told.append(("what is there", one.take(q, 2)))
    told.append(("room again", one.publish("", q, b"again")))
    told.append(("persistent", one.publish("", f"{q}-durable", b"x", delivery_mode=2)))
    told.append(("unroutable", one.publish("", f"{q}-none", b"x")))
    told.append(("returned", one.publish("", f"{q}-none", b"back", mandatory=True, message_id="m")))
    told.append(("to none", one.publish(f"{q}-none", "k", b"x")))
    # Of two queues, one is full.
    one.ask("confirm_delivery")
    one.ask("queue_bind", q, "amq.fanout")
    one.ask("queue_bind", f"{q}-durable", "amq.fanout")
    one.publish("", q, b"full")
    told.append(("one of two is full", one.publish("amq.fanout", "", b"both")))
    one.ask("queue_purge", q)
    told.append(("what is in the other", one.take(f"{q}-durable", 2)))
    one.ask("queue_delete", q)
    one.ask("queue_delete", f"{q}-durable")
    one.ask("confirm_delivery")
    told.append(("then transactions", one.ask("tx_select")))
    one.ask("tx_select")
    told.append(("then confirms", one.ask("confirm_delivery")))
    one.close()
    return told


def transactions(broker):
    """What was published and acknowledged takes effect with the commit, and not with a rollback."""
    one, other, told, q = Session(broker), Session(broker), [], "transactions"
    one.ask("queue_declare", q)
    counted = lambda: other.ask("queue_declare", q, passive=True)[1]["message_count"]
    told.append(("no transactions", one.ask("tx_commit")))
    told.append(("no transactions", one.ask("tx_rollback")))
    told.append(("select", one.ask("tx_select")))
    told.append(("select again", one.ask("tx_select")))
    for number in range(3):
        one.publish("", q, b"%d" % number)
    one.ask("queue_declare", q, passive=True)
    told.append(("before", counted()))
    told.append(("rollback", one.ask("tx_rollback")))
    told.append(("after", counted()))
    for number in range(4):
        one.publish("", q, b"%d" % number)
    told.append(("commit", one.ask("tx_commit")))
    told.append(("committed", counted()))
    told.append(("nothing", one.ask("tx_commit")))
    for _ in range(3):
        told.append(("got", one.get(q, auto_ack=False)))
    one.ask("basic_ack", 1)
    told.append(("rollback", one.ask("tx_rollback")))
    # It can be acknowledged again.
    one.ask("basic_ack", 1)
    one.ask("basic_nack", 2, False, False)
    one.ask("basic_reject", 3, True)
    one.publish("", q, b"new")
    told.append(("before", counted()))
    told.append(("commit", one.ask("tx_commit")))
    told.append(("in order", other.take(q, 3)))
    told.append(("acknowledged twice", (one.ask("basic_ack", 1), one.ask("tx_commit"))))
    one.ask("tx_select")
    one.publish("", q, b"lost")
    one.channels[0].close()
    one.channels[0] = one.connection.channel()
    told.append(("channel closed before", counted()))
    one.ask("tx_select")
    one.publish(f"{q}-none", "k", b"x")
    told.append(("to none", one.ask("queue_declare", q, passive=True)))
    one.ask("tx_select")
    one.publish("", f"{q}-none", b"back", mandatory=True)
    returned = []
    one.channels[0].add_on_return_callback(lambda channel, *came: returned.append(plain(came)))
    told.append(("not yet", (one.ask("queue_declare", q, passive=True), list(returned))))
    told.append(("commit", one.ask("tx_commit")))
    one.connection.process_data_events(0.2)
    told.append(("returned", returned))
    one.close()
    other.close()
    return told


def deaths(message):
    """A dead letter without its times, of which only the type counts, nor how many came meanwhile."""
    (name, method), properties, body = message
    method = (name, {**method, "message_count": 0})
    headers = dict(properties.get("headers", {}))
    told = []
    for death in headers.get("x-death", []):
        check(isinstance(death["time"], datetime.datetime), f"{death} has no time")
        told.append({**death, "time": "a time"})
    return method, {**properties, "headers": {**headers, "x-death": told}}, body


def dead_letters(broker):
    """Rejected, expired, too many, refused: where they go, and what their headers say; through several queues, and round."""
    one, told, q = Session(broker), [], "dead"
    one.ask("exchange_declare", f"{q}-x", "direct")
    one.ask("queue_declare", f"{q}-all")
    for key in ("k", "dead", "changed", f"{q}-ttl", f"{q}-both"):
        one.ask("queue_bind", f"{q}-all", f"{q}-x", key)
    letters = {"x-dead-letter-exchange": f"{q}-x"}

    def queue(name, **arguments):
        one.ask("queue_declare", f"{q}-{name}", arguments={**letters, **{f"x-{key.replace('_', '-')}": value for key, value in arguments.items()}})
        one.ask("queue_bind", f"{q}-{name}", "amq.direct", f"{q}-{name}")
        return f"{q}-{name}"

    def dead(what, count=1):
        told.append((what, [deaths(one.poll(f"{q}-all")) for _ in range(count)]))

    name = queue("rejected", dead_letter_routing_key="dead")
    for how in (lambda tag: one.ask("basic_reject", tag, False), lambda tag: one.ask("basic_nack", tag, False, False)):
        one.publish("amq.direct", name, b"rejected", headers={"mine": 1}, delivery_mode=2, priority=3)
        found = []
        until(lambda: found or found.extend(filter(None, [one.get(name, auto_ack=False)])), "nothing to reject")
        how(found[0][0][1]["delivery_tag"])
        dead("rejected")
    queue("ttl", message_ttl=150)
    one.publish("", f"{q}-ttl", b"expired in its queue")
    dead("expired by the queue's time")
    one.publish("", f"{q}-ttl", b"expired by itself", expiration="50")
    dead("expired by its own time")
    queue("own", dead_letter_routing_key="changed")
    one.publish("", f"{q}-own", b"expired by itself", expiration="50", content_type="a/b")
    dead("expired by its own time alone")
    name = queue("length", max_length=2, dead_letter_routing_key="k")
    for number in range(4):
        one.publish("", name, b"%d" % number)
    dead("too many", 2)
    told.append(("what stays", one.take(name, 2)))
    name = queue("bytes", max_length_bytes=10, dead_letter_routing_key="k")
    for number in range(3):
        one.publish("", name, b"%d    " % number)
    dead("too many bytes")
    name = queue("refused", max_length=1, overflow="reject-publish-dlx", dead_letter_routing_key="k")
    for number in range(2):
        one.publish("", name, b"%d" % number)
    dead("refused")
    # By the default exchange into another queue, and from there on.
    one.ask("queue_declare", f"{q}-second", arguments={**letters, "x-message-ttl": 100, "x-dead-letter-routing-key": "k"})
    one.ask("queue_declare", f"{q}-first", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"{q}-second", "x-message-ttl": 50})
    one.publish("", f"{q}-first", b"twice", expiration="5000")
    dead("twice")
    # Round and round, as someone rejects it: counted.
    one.ask("queue_declare", f"{q}-round", arguments={"x-dead-letter-exchange": "", "x-message-ttl": 60000})
    one.publish("", f"{q}-round", b"round")
    for turn in range(3):
        found = []
        until(lambda: found or found.extend(filter(None, [one.get(f"{q}-round", auto_ack=False)])), "it does not come round")
        told.append((f"turn {turn}", deaths(found[0])[1:]))
        one.ask("basic_reject", found[0][0][1]["delivery_tag"], False)
    # By itself it would go round for ever.
    one.ask("queue_declare", f"{q}-cycle", arguments={"x-dead-letter-exchange": "", "x-message-ttl": 50})
    one.publish("", f"{q}-cycle", b"round")
    one.pause(0.5)
    told.append(("a cycle", one.ask("queue_declare", f"{q}-cycle", passive=True)))
    # To an exchange that there is not: gone.
    one.ask("queue_declare", f"{q}-nowhere", arguments={"x-dead-letter-exchange": f"{q}-none", "x-message-ttl": 50})
    one.publish("", f"{q}-nowhere", b"gone")
    one.pause(0.3)
    told.append(("nowhere", one.ask("queue_declare", f"{q}-nowhere", passive=True)))
    told.append(("no more", one.get(f"{q}-all")))
    one.close()
    return told


def lifetimes(broker):
    """Times to live: at once, at the head alone; for a consumer that waits."""
    one, told, q = Session(broker), [], "lifetimes"
    one.ask("queue_declare", q)
    one.publish("", q, b"long", expiration="60000")
    one.publish("", q, b"short", expiration="50")
    one.publish("", q, b"for good")
    one.pause(0.4)
    told.append(("first", one.get(q)))
    told.append(("behind it", one.get(q)))
    told.append(("then", one.get(q)))
    one.publish("", q, b"at once", expiration="0")
    one.pause(0.2)
    told.append(("at once, no consumer", one.get(q)))
    one.consume(q, consumer_tag="t")
    one.publish("", q, b"at once", expiration="0")
    told.append(("at once, a consumer", one.came_all(1)))
    one.ask("queue_declare", f"{q}-0", arguments={"x-message-ttl": 0})
    one.publish("", f"{q}-0", b"nobody")
    one.pause(0.2)
    told.append(("queue of 0, no consumer", one.get(f"{q}-0")))
    one.consume(f"{q}-0", consumer_tag="u", auto_ack=True)
    one.publish("", f"{q}-0", b"somebody")
    told.append(("queue of 0, a consumer", one.came_all(1)))
    one.close()
    return told


def priorities(broker):
    """The highest first, in order of coming among them; above the highest as the highest; back to their place."""
    one, told, q = Session(broker), [], "priorities"
    one.ask("queue_declare", q, arguments={"x-max-priority": 5})
    for number, priority in enumerate([None, 3, 0, 9, 5, 3, 1, None, 255]):
        one.publish("", q, b"%d" % number, **({} if priority is None else {"priority": priority}))
    until(lambda: one.ask("queue_declare", q, passive=True)[1]["message_count"] == 9, "not 9 messages")
    found = [one.get(q, auto_ack=False) for _ in range(3)]
    told.append(("first", found))
    one.ask("basic_nack", 2, False, True)
    one.publish("", q, b"late", priority=5)
    until(lambda: one.ask("queue_declare", q, passive=True)[1]["message_count"] == 8, "not 8 messages")
    found = one.take(q, 8)
    check([body for _, _, body in found] == [b"4", b"late", b"1", b"5", b"6", b"0", b"2", b"7"], f"{broker.name}: {found}")
    told.append(("then", found))
    # Without them all are the same.
    one.ask("queue_declare", f"{q}-none")
    for number, priority in enumerate([0, 9, 5]):
        one.publish("", f"{q}-none", b"%d" % number, priority=priority)
    told.append(("none", one.take(f"{q}-none", 3)))
    # What is too much leaves at the head.
    one.ask("queue_declare", f"{q}-length", arguments={"x-max-priority": 3, "x-max-length": 2})
    for number, priority in enumerate([1, 3, 2, 1]):
        one.publish("", f"{q}-length", b"%d" % number, priority=priority)
    one.pause(0.2)
    told.append(("too many", one.take(f"{q}-length", 2)))
    one.close()
    return told


def cancellations(broker):
    """Consumers are told when their queue is gone; what they have still can be acknowledged."""
    one, told, q = Session(broker), [], "cancellations"
    one.ask("queue_declare", q)
    one.consume(q, consumer_tag="a")
    one.publish("", q, b"x")
    one.came_all(1)
    told.append(("cancelled", one.ask("basic_cancel", "a")))
    one.publish("", q, b"y")
    one.connection.process_data_events(0.2)
    told.append(("nothing more", one.came))
    told.append(("late", one.ask("basic_ack", 1)))
    told.append(("still there", one.take(q, 1)))
    one.consume(q, consumer_tag="b")
    other = Session(broker)
    other.ask("queue_delete", q)
    end = time.monotonic() + 5
    while not one.cancelled and time.monotonic() < end:
        one.connection.process_data_events(0.05)
    told.append(("told", one.cancelled))
    check(len(one.cancelled) == 1, f"{broker.name}: {one.cancelled}")
    told.append(("the channel", one.ask("basic_qos", prefetch_count=1)))
    one.close()
    other.close()
    return told


def refusals(broker):
    """Connections that are refused: by the password, by the host; what is not there: 540."""
    told = []
    for what, more in [("password", {"user": "guest:wrong"}), ("user", {"user": "nobody:guest"}), ("host", {"virtual_host": "none"})]:
        try:
            Session(broker, **more)
            told.append((what, "connected"))
        except pika.exceptions.AMQPConnectionError as error:
            reason = getattr(error, "reply_code", None)
            told.append((what, (type(error).__name__, reason)))
    one = Session(broker)
    told.append(("recover without requeue", one.ask("basic_recover", False)))
    one = Session(broker)
    told.append(("flow", one.ask("flow", True)))
    told.append(("closed by us", one.channels[0].close()))
    one.close()
    return told


SCRIPTS = [declarations, exclusive, exchanges, routing, contents, acknowledgements, order, prefetch, gets, confirms, transactions, dead_letters, lifetimes, priorities,
           cancellations, refusals]
