"""What AMQP 1.0 is checked with: connections of qpid-proton, step by step, to RabbitMQ's plugin and to our broker."""

import select
import socket
import ssl
import time

from peers import HOST, PATIENCE, check
from amqp_peers import Session

try:
    import proton
except ImportError:
    proton = None


def outcome(delivery):
    """What the other end says of a delivery: its state, with what it says, and whether it is settled."""
    state = {None: None, proton.Delivery.ACCEPTED: "accepted", proton.Delivery.REJECTED: "rejected", proton.Delivery.RELEASED: "released",
             proton.Delivery.MODIFIED: "modified", proton.Delivery.RECEIVED: "received"}.get(delivery.remote_state, delivery.remote_state)
    condition = delivery.remote.condition
    return (state or None, condition.name if condition else None)


def error(endpoint):
    """Why the other end has ended something."""
    condition = endpoint.remote_condition
    return condition.name if condition else None


def said(message):
    """All that a message says."""
    names = ("durable", "priority", "ttl", "first_acquirer", "delivery_count", "id", "user_id", "address", "subject", "reply_to", "correlation_id", "content_type",
             "content_encoding", "expiry_time", "creation_time", "group_id", "group_sequence", "reply_to_group_id", "instructions", "annotations", "properties", "body")
    nothing = proton.Message()
    found = {name: getattr(message, name) for name in names}
    return {name: bytes(value) if isinstance(value, memoryview) else value for name, value in found.items() if value != getattr(nothing, name)}


class Peer:
    """A connection of proton's engine: it does what it is told, and nothing by itself."""

    def __init__(self, broker, user="guest:guest", max_frame=32768, idle=None, hostname=None, is_open=True):
        self.broker, self.events = broker, []
        self.socket = socket.create_connection((HOST, broker.port), timeout=PATIENCE)
        if broker.authority:
            context = ssl.create_default_context(cafile=str(broker.authority))
            context.check_hostname = False
            self.socket = context.wrap_socket(self.socket)
        self.transport, self.connection, self.collector = proton.Transport(), proton.Connection(), proton.Collector()
        self.connection.collect(self.collector)
        self.connection.container = "peer"
        self.connection.hostname = hostname or ("localhost" if broker.vhost == "/" else f"vhost:{broker.vhost}")
        self.connection.user, self.connection.password = user.split(":")
        self.transport.max_frame_size = max_frame
        if idle:
            self.transport.idle_timeout = idle
        sasl = self.transport.sasl()
        sasl.allow_insecure_mechs = True
        sasl.allowed_mechs("PLAIN")
        self.transport.bind(self.connection)
        self.connection.open()
        self.session = self.connection.session()
        self.session.open()
        self.is_over = False
        if is_open:
            self.until(lambda: self.session.state & proton.Endpoint.REMOTE_ACTIVE, "a session")

    def turn(self, patience=0.02):
        """Writes what there is to be written, reads what is there."""
        while (pending := self.transport.pending()) > 0:
            data = self.transport.peek(pending)
            try:
                self.socket.sendall(data)
            except OSError:
                self.transport.close_head()
                break
            self.transport.pop(len(data))
        pending = getattr(self.socket, "pending", lambda: 0)()
        if not self.is_over and self.transport.capacity() > 0 and (pending or select.select([self.socket], [], [], patience)[0]):
            # A record of TLS may have nothing for us, such as a ticket.
            self.socket.settimeout(0.05)
            try:
                data = self.socket.recv(min(1 << 14, self.transport.capacity()))
            except (TimeoutError, ssl.SSLWantReadError):
                data = None
            except OSError:
                data = b""
            self.socket.settimeout(PATIENCE)
            if data:
                self.transport.push(data)
            elif data is not None:
                self.is_over = True
                self.transport.close_tail()
        self.transport.tick(time.time())
        while event := self.collector.peek():
            self.events.append(event.type)
            self.collector.pop()

    def until(self, holds, what):
        end = time.monotonic() + PATIENCE
        while not holds():
            check(time.monotonic() < end and not (self.is_over and not holds()), f"{self.broker.name}: no {what}: {error(self.connection)}, {self.transport.condition}")
            self.turn()

    def pause(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn()

    def link(self, link, wait=True, settle=None, second=False):
        """Attaches it, and waits for the answer."""
        if settle is not None:
            link.snd_settle_mode = settle
        if second:
            link.rcv_settle_mode = proton.Link.RCV_SECOND
        link.open()
        if wait:
            self.until(lambda: link.state & (proton.Endpoint.REMOTE_ACTIVE | proton.Endpoint.REMOTE_CLOSED), "attach")
        return link

    def sender(self, address, name="s", **more):
        link = self.session.sender(name)
        link.target.address = address
        link.source.address = "here"
        self.link(link, **more)
        if link.state & proton.Endpoint.REMOTE_ACTIVE:
            self.until(lambda: link.credit > 0 or link.state & proton.Endpoint.REMOTE_CLOSED, "credit")
        return link

    def receiver(self, address, name="r", credit=0, **more):
        link = self.session.receiver(name)
        link.source.address = address
        link.target.address = "here"
        self.link(link, **more)
        if credit:
            link.flow(credit)
        return link

    def send(self, link, body=b"x", settled=False, wait=True, **fields):
        """A message, and what became of it, once that is said."""
        # Bytes are data, not a value.
        message = proton.Message(body=body, inferred=isinstance(body, bytes), **fields)
        delivery = link.delivery(link.delivery_tag())
        link.send(message.encode())
        if settled:
            delivery.settle()
        link.advance()
        if not settled and wait:
            self.until(lambda: delivery.settled or link.state & proton.Endpoint.REMOTE_CLOSED, "outcome")
            found = outcome(delivery)
            delivery.settle()
            return found
        self.turn()
        return delivery

    def came(self, link):
        """The next message: its delivery, and all that it says."""
        self.until(lambda: link.current and link.current.readable and not link.current.partial, "message")
        delivery = link.current
        message = proton.Message()
        message.decode(link.recv(delivery.pending))
        link.advance()
        return delivery, message

    def settle(self, delivery, state="accepted", **local):
        for name, value in local.items():
            setattr(delivery.local, name, value)
        if state:
            delivery.update(getattr(proton.Delivery, state.upper()))
        delivery.settle()
        self.turn()

    def nothing(self, link, seconds=0.4):
        """Nothing comes."""
        self.pause(seconds)
        check(not (link.current and link.current.readable), f"{self.broker.name}: one more message")

    def close(self):
        self.connection.close()
        self.until(lambda: self.connection.state & proton.Endpoint.REMOTE_CLOSED, "close")
        self.turn()
        self.socket.close()
