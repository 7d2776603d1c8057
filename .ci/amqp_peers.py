"""What AMQP is checked with: RabbitMQ, pika, our own brokers and clients, connections by hand, captures."""

import pathlib
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import time

from peers import HOST, PATIENCE, PROTOSIM, Failure, Place, check, command, expect, free_port, listens, payload, stop, text_of, totals, until

try:
    import pika
except ImportError:
    pika = None

RABBITMQ = pathlib.Path("/usr/lib/rabbitmq/bin")
TOOLS = {"rabbitmq-server": "rabbitmq-server", "epmd": "erlang-base", "openssl": "openssl", "amqp-publish": "amqp-tools", "amqp-get": "amqp-tools"}
# How long RabbitMQ may take to start [s].
STARTING = 90
# The virtual host of who comes over TLS.
SECURED = "secured"


class Broker:
    """A broker of either kind, at a plain port, or one with TLS and a virtual host of its own: what is declared at one is unknown to the other."""

    def __init__(self, name, port, authority=None, is_ours=False):
        self.name, self.port, self.authority, self.is_ours = name, port, authority, is_ours
        self.vhost = SECURED if authority else "/"


class RabbitMq:
    """RabbitMQ with folders, ports and a port mapper of its own: one that the system runs is another."""

    def __init__(self, place):
        self.place, folder = place, place.folder / "rabbitmq"
        folder.mkdir()
        certificate, key = folder / "broker.pem", folder / "broker.key"
        command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
                "-days", "2", "-subj", "/CN=example.com")
        plain, bare, secured, nodes, mapper = (free_port() for _ in range(5))
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = {HOST}:{plain}\nlisteners.tcp.2 = {HOST}:{bare}\nlisteners.ssl.1 = {HOST}:{secured}\nssl_options.cacertfile = {certificate}\n"
            f"ssl_options.certfile = {certificate}\nssl_options.keyfile = {key}\nssl_options.verify = verify_none\nlog.console = true\n"
            "vm_memory_high_watermark.relative = 0.9\ndisk_free_limit.absolute = 1MB\n")
        (folder / "enabled_plugins").write_text("[rabbitmq_amqp1_0].\n")
        self.environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(folder), "ERL_EPMD_PORT": str(mapper), "ERL_EPMD_ADDRESS": HOST,
            "RABBITMQ_NODENAME": "peer@localhost", "RABBITMQ_DIST_PORT": str(nodes), "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"), "RABBITMQ_LOGS": "-", "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"), "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            # What is started is the server itself, not a shell around it.
            "RUNNING_UNDER_SYSTEMD": "1",
        }
        # One more port, for what no capture shall have.
        self.bare = Broker("RabbitMQ", bare)
        self.brokers = {False: Broker("RabbitMQ", plain), True: Broker("RabbitMQ over TLS", secured, certificate)}
        _, log = place.start("epmd", "-port", str(mapper), "-address", HOST)
        until(lambda: listens(mapper), lambda: f"epmd does not listen: {text_of(log)}")
        self.start()

    def start(self):
        self.began = time.monotonic()
        self.process, self.log = self.place.start(str(RABBITMQ / "rabbitmq-server"), env=self.environment)

    def wait(self):
        """Until it serves."""
        until(lambda: self.process.poll() is not None or "Server startup complete" in text_of(self.log),
              lambda: f"RabbitMQ does not start: {text_of(self.log)[-3000:]}", STARTING)
        check(self.process.poll() is None, f"RabbitMQ did not start: {text_of(self.log)[-3000:]}")
        # How long it takes on this machine [s].
        self.took = time.monotonic() - self.began

    def add_host(self):
        self.control("add_vhost", SECURED)
        self.control("set_permissions", "-p", SECURED, "guest", ".*", ".*", ".*")

    def control(self, *arguments):
        """rabbitmqctl."""
        return command(str(RABBITMQ / "rabbitmqctl"), "-q", "-n", "peer@localhost", *arguments, env=self.environment, timeout=60)


class OurBroker(Broker):
    """A broker of ours, for so long [s]."""

    def __init__(self, place, serving, fields="", secured=False):
        port, authority = free_port(), place.file("pem") if secured else None
        super().__init__("our broker over TLS" if secured else "our broker", port, authority, True)
        config = f"AmqpBroker(port: {port}{f', tls: (), vhost: {chr(34)}{SECURED}{chr(34)}' if secured else ''}{fields})"
        root = ["--root", str(authority)] if secured else []
        self.serving = serving
        self.process, self.log = place.start(PROTOSIM, "live", config, "--bind", HOST, "--for", f"{serving} s", *root)
        until(lambda: self.process.poll() is not None or listens(port), lambda: f"{config} does not listen: {text_of(self.log)}")
        check(self.process.poll() is None, f"{config} did not start: {text_of(self.log)}")

    def end(self, **expected):
        self.process.wait(self.serving + PATIENCE)
        check(self.process.returncode == 0, f"{self.name}: exit status {self.process.returncode}: {text_of(self.log)}")
        found = totals(text_of(self.log))
        expect(self.name, found, **expected)
        return found


class Ours:
    """A client of ours, until it closes its connection."""

    CLEAN = dict(connections=1, opened_connections=1, refused_connections=0, lost_connections=0, closed_by_broker=0, closed_channels=0, failed_messages=0,
                 duplicate_messages=0, late_messages=0, corrupted_messages=0, foreign_messages=0, protocol_errors=0, refused_calls=0)

    def __init__(self, place, broker, fields, stops="2 s", kind="AmqpClient"):
        self.name = f"our {kind} at {broker.name} ({fields[:60]}…)"
        secured = ", tls: (verify: false)" if broker.authority else ""
        secured += "" if broker.vhost == "/" or "vhost:" in fields else f', vhost: "{broker.vhost}"'
        config = f'{kind}(to: "{HOST}", port: {broker.port}{secured}, stop: "{stops}", {fields})'
        self.process, self.log = place.start(PROTOSIM, "live", config, "--bind", HOST)

    def end(self, **expected):
        """What it has counted. It fails where messages have failed; `None` is for any number."""
        self.process.wait(300)
        check(self.process.returncode == int(expected.get("failed_messages", 0) != 0), f"{self.name}: exit status {self.process.returncode}: {text_of(self.log)}")
        found = totals(text_of(self.log))
        expect(self.name, found, **{name: value for name, value in {**self.CLEAN, **expected}.items() if value is not None})
        return found


# pika

def plain(value):
    """An answer as it is compared: methods with their fields, properties that are said, messages."""
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    if pika and isinstance(value, pika.frame.Method):
        return plain(value.method)
    if pika and isinstance(value, pika.amqp_object.Method):
        return (value.NAME, {name: one for name, one in sorted(vars(value).items()) if not name.startswith("_")})
    if pika and isinstance(value, pika.BasicProperties):
        return {name: one for name, one in sorted(vars(value).items()) if one is not None}
    return value


class Session:
    """A connection of pika's: what it asks, and what it is told. Whatever closes its channel is an answer, and another channel is opened."""

    def __init__(self, broker, user="guest:guest", channels=1, **more):
        self.broker = broker
        secured = {}
        if broker.authority:
            context = ssl.create_default_context(cafile=str(broker.authority))
            context.check_hostname = False
            secured["ssl_options"] = pika.SSLOptions(context)
        credentials = pika.PlainCredentials(*user.split(":"))
        parameters = pika.ConnectionParameters(HOST, broker.port, credentials=credentials, **{"virtual_host": broker.vhost, "heartbeat": 0, "socket_timeout": PATIENCE, **secured, **more})
        self.connection = pika.BlockingConnection(parameters)
        self.came, self.returned, self.cancelled = [], [], []
        self.channels = [self.open() for _ in range(channels)]

    def open(self):
        channel = self.connection.channel()
        channel.add_on_cancel_callback(lambda frame: self.cancelled.append(plain(frame)))
        return channel

    def ask(self, method, *arguments, at=0, **more):
        """Calls a method of pika's channel: its answer, or that the channel or connection was closed, and why."""
        try:
            return plain(getattr(self.channels[at], method)(*arguments, **more))
        except (pika.exceptions.ChannelClosedByBroker, pika.exceptions.ChannelWrongStateError) as closed:
            return self.closed(at, closed)
        except pika.exceptions.ConnectionClosedByBroker as closed:
            return ("connection closed", closed.reply_code, closed.reply_text.split(" - ")[0])

    def closed(self, at, closed):
        """Why a channel is closed, as it is now or has been before."""
        if isinstance(closed, pika.exceptions.ChannelWrongStateError):
            closed = self.channels[at]._impl._closing_reason
        self.channels[at] = self.open()
        return ("channel closed", closed.reply_code, closed.reply_text.split(" - ")[0])

    def publish(self, exchange, key, body=b"", at=0, mandatory=False, **properties):
        """Without a confirm; where there are confirms, with it."""
        try:
            self.channels[at].basic_publish(exchange, key, body, pika.BasicProperties(**properties), mandatory)
            return "taken"
        except pika.exceptions.UnroutableError as error:
            return ("returned", [(plain(one.method), plain(one.properties), one.body) for one in error.messages])
        except pika.exceptions.NackError:
            return "refused"
        except (pika.exceptions.ChannelClosedByBroker, pika.exceptions.ChannelWrongStateError) as closed:
            return self.closed(at, closed)

    def get(self, queue, at=0, auto_ack=True):
        """A message, with nothing that hangs on the time; `None` if there is none."""
        answer = self.ask("basic_get", queue, auto_ack, at=at)
        return answer if answer != (None, None, None) else None

    def take(self, queue, count=1):
        """All messages of a queue, once they are so many."""
        until(lambda: self.ask("queue_declare", queue, passive=True)[1]["message_count"] >= count, lambda: f"{self.broker.name}: not {count} messages in {queue}")
        found = [self.get(queue) for _ in range(count)]
        check(self.get(queue) is None and None not in found, f"{self.broker.name}: not {count} messages in {queue}: {found}")
        return found

    def poll(self, queue):
        found = []
        until(lambda: found or found.extend(filter(None, [self.get(queue)])), lambda: f"{self.broker.name}: nothing in {queue}")
        return found[0]

    def consume(self, queue, at=0, **more):
        """Notes what comes: its method, properties and body."""
        return self.ask("basic_consume", queue, lambda channel, *came: self.came.append(plain(came)), at=at, **more)

    def came_all(self, count):
        """All that has come, once it is so many; and no more comes."""
        end = time.monotonic() + PATIENCE
        while len(self.came) < count:
            check(time.monotonic() < end, f"{self.broker.name}: {len(self.came)} of {count} messages: {self.came}")
            self.connection.process_data_events(0.02)
        self.connection.process_data_events(0.2)
        check(len(self.came) == count, f"{self.broker.name}: {len(self.came)} messages, not {count}: {self.came}")
        found, self.came = self.came, []
        return found

    def cut(self):
        """The connection is lost without a word."""
        self.connection._impl._transport._sock.shutdown(socket.SHUT_RDWR)

    def pause(self, seconds):
        self.connection.sleep(seconds)

    def close(self):
        if self.connection.is_open:
            self.connection.close()


# Bytes

def method(channel, one):
    """A frame, as pika writes it."""
    return pika.frame.Method(channel, one).marshal()


def content(channel, body, size=None, **properties):
    head = pika.frame.Header(channel, len(body) if size is None else size, pika.BasicProperties(**properties)).marshal()
    return head + (pika.frame.Body(channel, body).marshal() if body else b"")


class Raw:
    """A connection by hand."""

    HEADER = b"AMQP\0\0\x09\x01"

    def __init__(self, broker, header=HEADER):
        self.name, self.socket, self.waiting = broker.name, socket.create_connection((HOST, broker.port), timeout=PATIENCE), b""
        if header:
            self.socket.sendall(header)

    def send(self, *data):
        self.socket.sendall(b"".join(data))
        return self

    def frame(self):
        """The next frame; `None` at the end of the stream."""
        while len(self.waiting) < 7 or len(self.waiting) < 8 + struct.unpack(">L", self.waiting[3:7])[0]:
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionError:
                data = b""
            except socket.timeout:
                raise Failure(f"{self.name}: no frame comes after {self.waiting.hex(' ')}") from None
            if not data:
                return None
            self.waiting += data
        length = 8 + struct.unpack(">L", self.waiting[3:7])[0]
        found, self.waiting = self.waiting[:length], self.waiting[length:]
        return found

    def frames(self, count):
        return [self.frame() for _ in range(count)]

    def expect(self, *kinds):
        """The next frames are these methods, by class and method: the last one's arguments."""
        for kind in kinds:
            found = self.frame()
            check(found and found[0] == 1 and struct.unpack(">HH", found[7:11]) == kind, f"{self.name}: {found and found.hex(' ')}, not {kind}")
        return found[11:-1]

    def start(self, channel_max=2047, frame_max=131072, heartbeat=0, properties=None):
        """A connection with these limits, and no channel."""
        self.expect((10, 10))
        self.send(method(0, pika.spec.Connection.StartOk(properties or {"capabilities": {}}, "PLAIN", "\0guest\0guest", "en_US")))
        self.expect((10, 30))
        self.send(method(0, pika.spec.Connection.TuneOk(channel_max, frame_max, heartbeat)), method(0, pika.spec.Connection.Open("/")))
        self.expect((10, 41))
        return self

    def open(self, *channels):
        for channel in channels or (1,):
            self.send(method(channel, pika.spec.Channel.Open()))
            self.expect((20, 11))
        return self

    def closed(self):
        """What ends the connection: its code, and the class and method that it names; `None` where it ends without a word."""
        while (found := self.frame()) is not None:
            if found[:3] == b"\x01\0\0" and found[7:11] == b"\0\x0a\0\x32":
                code, size = struct.unpack(">HB", found[11:14])
                self.send(method(0, pika.spec.Connection.CloseOk()))
                return code, *struct.unpack(">HH", found[14 + size:18 + size])
        return None

    def close(self):
        self.socket.close()


class Capture:
    """tshark at plain ports, where it may capture."""

    def __init__(self, place, ports):
        self.ports, self.file, self.process = ports, place.folder / "lo.pcapng", None
        if shutil.which("tshark"):
            self.process, self.log = place.start("tshark", "-q", "-i", "lo", "-B", "64", "-f", " or ".join(f"tcp port {port}" for port in ports), "-w", str(self.file))
            until(lambda: self.process.poll() is not None or self.file.exists() and "Capturing on" in text_of(self.log), "tshark does not begin")

    def end(self, wanted):
        """What Wireshark says of all packets. `wanted` are methods that have to be there, by class and method."""
        if self.process is None or self.process.poll() is not None:
            return f"no capture: {text_of(self.log).strip().splitlines()[-1:] if self.process else 'tshark is not installed'}"
        # What is under way is still written.
        time.sleep(1)
        stop(self.process)
        decoded = [option for port in self.ports for option in ("-d", f"tcp.port=={port},amqp")]
        read = ["tshark", "-n", "-r", str(self.file), *decoded, "-T", "fields"]
        bad = self.read(read, "-e", "frame.number", "-e", "tcp.srcport", "-e", "tcp.dstport", "-e", "tcp.stream", "-Y", "_ws.malformed")
        # Wireshark 4.0 looks for the sections of a message of 1.0 in each of its transfers anew: connections with messages of several are left aside, RabbitMQ's and ours.
        aside = set(self.read(read, "-e", "tcp.stream", "-Y", "amqp.performative.arguments.more == 1").split())
        bad = [line for line in bad.splitlines() if line.split("\t")[3] not in aside]
        check(not bad, f"tshark finds {len(bad)} malformed packets: {bad[:20]}")
        # Of the frames of one segment, the columns go together.
        lines = self.read(read, "-e", "amqp.method.class", "-e", "amqp.method.method", "-Y", "amqp.method.class").splitlines()
        found = [tuple(map(int, pair)) for line in lines for pair in zip(*(column.split(",") for column in line.split("\t")))]
        seen, count = set(found), len(found)
        check(set(wanted) <= seen, f"tshark has not seen {sorted(set(wanted) - seen)}")
        new = set(self.read(read, "-e", "amqp.performative", "-Y", "amqp.performative").replace(",", " ").split())
        check(set(map(str, range(16, 25))) <= new, f"tshark has not seen every performative, but {sorted(new)}")
        return f"tshark: {count} methods of {len(seen)} kinds, all performatives of 1.0, none malformed; {len(aside)} connections left aside"

    @staticmethod
    def read(*arguments):
        arguments = [*arguments[0], *arguments[1:]]
        return subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, text=True).stdout
