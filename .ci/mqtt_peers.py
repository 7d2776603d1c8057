"""What MQTT is checked with: mosquitto and its clients, paho, our own brokers and clients, connections by hand, captures."""

import collections
import contextlib
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

from peers import HOST, PATIENCE, PROTOSIM, Failure, Place, check, command, equal, expect, free_port, listens, payload, stop, text_of, totals, until

try:
    import paho.mqtt.client as paho
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
    from paho.mqtt.subscribeoptions import SubscribeOptions
except ImportError:
    paho = PacketTypes = Properties = SubscribeOptions = None

TOOLS = {"mosquitto": "mosquitto", "mosquitto_pub": "mosquitto-clients", "mosquitto_sub": "mosquitto-clients", "openssl": "openssl", "stdbuf": "coreutils"}
# How long our brokers run, and our subscribers: longer than what is asked of them takes [s].
SERVING, LISTENING = 28, 10
V311, V5 = "V311", "V5"
THEIRS = {V311: "mqttv311", V5: "mqttv5"}
COUNT = 20

Message = collections.namedtuple("Message", "retain qos topic payload")


def whole(who, messages, qos, length, first=0, retain=0):
    """These are messages of one publication of ours, from number `first` on, in order, none missing, all bytes as they should be."""
    publications = {struct.unpack(">Q", one.payload[:8])[0] for one in messages}
    check(len(publications) == 1, f"{who}: {len(publications)} publications")
    publication = publications.pop()
    for number, one in enumerate(messages, first):
        expected = Message(retain, qos, one.topic, payload(publication, number, length))
        check(one == expected, f"{who}: message {number} is {one}, not {expected}")


def by_topic(messages):
    sorted_out = collections.defaultdict(list)
    for one in messages:
        sorted_out[one.topic].append(one)
    return sorted_out


# Brokers and clients

class Broker:
    """A broker of either kind, at a plain port or one with TLS."""

    def __init__(self, place, name, port, authority=None):
        self.place, self.name, self.port, self.authority = place, name, port, authority

    def options(self, version):
        """How mosquitto's clients reach it. Our certificates are for example.com: their chain is verified, the name is not."""
        secured = ["--cafile", str(self.authority), "--insecure"] if self.authority else []
        return ["-h", HOST, "-p", str(self.port), "-V", THEIRS[version], *secured]

    def publish(self, version, qos, topic, data, *more):
        file = self.place.file("payload")
        file.write_bytes(data)
        command("mosquitto_pub", *self.options(version), "-q", str(qos), "-t", topic, "-f", str(file), *more)


class Mosquitto:
    def __init__(self, place):
        certificate, key = place.folder / "broker.pem", place.folder / "broker.key"
        command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
                "-days", "2", "-subj", "/CN=example.com")
        plain, secured, config = free_port(), free_port(), place.folder / "mosquitto.conf"
        config.write_text(f"user root\nallow_anonymous true\nlistener {plain} {HOST}\nlistener {secured} {HOST}\ncertfile {certificate}\nkeyfile {key}\n")
        process, self.log = place.start("mosquitto", "-v", "-c", str(config))
        until(lambda: process.poll() is not None or listens(plain) and listens(secured), lambda: f"mosquitto does not listen: {text_of(self.log)}")
        check(process.poll() is None, f"mosquitto did not start: {text_of(self.log)}")
        self.brokers = {False: Broker(place, "mosquitto", plain), True: Broker(place, "mosquitto over TLS", secured, certificate)}

    def said(self, line):
        until(lambda: f": {line}" in text_of(self.log), f"mosquitto has not said '{line}'")


class OurBroker(Broker):
    def __init__(self, place, fields="", secured=False):
        port, authority = free_port(), place.file("pem") if secured else None
        super().__init__(place, "our broker over TLS" if secured else "our broker", port, authority)
        config = f"MqttBroker(port: {port}{', tls: ()' if secured else ''}{fields})"
        root = ["--root", str(authority)] if secured else []
        self.process, self.log = place.start(PROTOSIM, "live", config, "--bind", HOST, "--for", f"{SERVING} s", *root)
        until(lambda: self.process.poll() is not None or listens(port), lambda: f"{config} does not listen: {text_of(self.log)}")
        check(self.process.poll() is None, f"{config} did not start: {text_of(self.log)}")

    def end(self, **expected):
        self.process.wait(SERVING + PATIENCE)
        check(self.process.returncode == 0, f"{self.name}: exit status {self.process.returncode}: {text_of(self.log)}")
        expect(self.name, totals(text_of(self.log)), **expected)


class Ours:
    """A client of ours, until it disconnects."""

    def __init__(self, broker, version, name, fields, stops="2 s"):
        self.name = f"our client {name} at {broker.name}"
        secured = ", tls: (verify: false)" if broker.authority else ""
        stops = f', stop: "{stops}"' if stops else ""
        config = f'MqttClient(to: "{HOST}", port: {broker.port}, version: {version}, client_id: "{name}"{secured}{stops}, {fields})'
        self.process, self.log = broker.place.start(PROTOSIM, "live", config, "--bind", HOST)

    def end(self, **expected):
        self.process.wait(LISTENING + PATIENCE)
        check(self.process.returncode == 0, f"{self.name}: exit status {self.process.returncode}: {text_of(self.log)}")
        clean = dict(connects=1, refused_connects=0, disconnects=1, lost_connections=0, duplicate_messages=0, late_messages=0, corrupted_messages=0,
                     foreign_messages=0, refused_subscriptions=0, protocol_errors=0, refused_calls=0)
        found = totals(text_of(self.log))
        expect(self.name, found, **{**clean, **expected})
        return found


class Subscriber:
    """mosquitto_sub."""

    def __init__(self, broker, version, topic, *more, qos=2):
        self.name = f"mosquitto_sub {topic} {' '.join(more)} ({version}) at {broker.name}"
        # With -d it says when it has subscribed, or what of; line by line.
        arguments = ["stdbuf", "-oL", "mosquitto_sub", "-d", *broker.options(version), "-q", str(qos), "-t", topic, "-F", "MSG %r %q %t %x", *more]
        self.process, self.log = broker.place.start(*arguments)
        until(lambda: "Subscribed (mid" in text_of(self.log), lambda: f"{self.name} has not subscribed: {text_of(self.log)}")

    def messages(self):
        found = []
        for line in text_of(self.log).split("\n")[:-1]:
            if line.startswith("MSG "):
                _, retain, qos, topic, data = line.split(" ")
                found.append(Message(int(retain), int(qos), topic, bytes.fromhex(data)))
        return found

    def end(self, count, how=signal.SIGTERM):
        """So many messages have come, and no more."""
        until(lambda: len(self.messages()) >= count, lambda: f"{self.name}: {len(self.messages())} of {count} messages: {text_of(self.log)[-3000:]}")
        time.sleep(0.3)
        stop(self.process, how)
        found = self.messages()
        check(len(found) == count, f"{self.name}: {len(found)} messages, not {count}: {found}")
        return found


class Paho:
    """A client of paho."""

    def __init__(self, broker, version, name, clean=True, expiry=0, will=None):
        self.version, self.got, self.acknowledged, self.properties = version, [], set(), []
        self.name, self.present = f"paho {name} at {broker.name}", None
        is_v5 = version == V5
        self.client = paho.Client(name, protocol=paho.MQTTv5 if is_v5 else paho.MQTTv311, **({} if is_v5 else {"clean_session": clean}))
        self.client.on_connect = self.on_connect
        self.client.on_message = self.on_message
        self.client.on_subscribe = lambda client, userdata, mid, *rest: self.acknowledged.add(mid)
        if broker.authority:
            self.client.tls_set(str(broker.authority))
            self.client.tls_insecure_set(True)
        if will:
            self.client.will_set(*will)
        more = {}
        if is_v5:
            more = {"clean_start": clean, "properties": Properties(PacketTypes.CONNECT)}
            if expiry:
                more["properties"].SessionExpiryInterval = expiry
        self.client.connect(HOST, broker.port, 60, **more)
        self.client.loop_start()
        until(lambda: self.present is not None, f"{self.name} is not connected")

    def on_connect(self, client, userdata, flags, reason, properties=None):
        if reason == 0:
            self.present = flags["session present"]

    def on_message(self, client, userdata, message):
        self.got.append(Message(int(message.retain), message.qos, message.topic, message.payload))
        self.properties.append(getattr(message, "properties", None))
        check(not message.dup, "DUP is set")

    def subscribe(self, topic, qos=2):
        status, mid = self.client.subscribe(topic, options=SubscribeOptions(qos)) if self.version == V5 else self.client.subscribe(topic, qos)
        check(status == 0, f"{self.name}: {status}")
        until(lambda: mid in self.acknowledged, f"{self.name} has not subscribed")
        return self

    def publish(self, messages, properties=None):
        """All, without waiting in between; then until each is acknowledged."""
        sent = [self.client.publish(one.topic, one.payload, one.qos, bool(one.retain), **({"properties": properties} if properties else {}))
                for one in messages]
        until(lambda: all(one.is_published() for one in sent), f"{self.name}: not all is acknowledged")

    def wait(self, count):
        until(lambda: len(self.got) >= count, lambda: f"{self.name}: {len(self.got)} of {count} messages")
        time.sleep(0.2)
        check(len(self.got) == count, f"{self.name}: {len(self.got)} messages, not {count}")
        return self.got

    def end(self):
        self.client.disconnect()
        self.client.loop_stop()


def named(topic, qos, publication, count, length=60, retain=0):
    return [Message(retain, qos, topic, payload(publication, number, length)) for number in range(count)]


# Bytes

def varint(number):
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def packet(first, *parts):
    body = b"".join(parts)
    return bytes([first]) + varint(len(body)) + body


def text(value):
    return struct.pack(">H", len(value)) + value.encode()


def connect(version, name, flags=2, properties=b"", more=b""):
    after = varint(len(properties)) + properties if version == V5 else b""
    return packet(0x10, text("MQTT"), bytes([5 if version == V5 else 4, flags, 0, 60]), after, text(name), more)


class Raw:
    """A connection by hand."""

    def __init__(self, broker):
        self.socket, self.waiting = socket.create_connection((HOST, broker.port), timeout=PATIENCE), b""

    def packets(self, enough=None):
        """What comes until the end of the stream (`None` is last), until `enough` says so, or for half a second."""
        found = []
        while not (found and enough and enough(found)):
            length, shift, at = 0, 0, 1
            while at < len(self.waiting):
                length, shift, at = length | (self.waiting[at] & 0x7F) << shift, shift + 7, at + 1
                if self.waiting[at - 1] < 0x80:
                    break
            else:
                at = None
            if at is not None and len(self.waiting) >= at + length:
                found.append(self.waiting[:at + length])
                self.waiting = self.waiting[at + length:]
                continue
            try:
                self.socket.settimeout(PATIENCE if enough else 0.5)
                data = self.socket.recv(1 << 16)
            except ConnectionError:
                data = b""
            except socket.timeout:
                check(not enough, f"nothing more comes after {found}")
                return found
            if not data:
                return found + [None]
            self.waiting += data
        return found

    def ask(self, data):
        """Sends packets and a PINGREQ: what is answered until PINGRESP, or the end."""
        self.socket.sendall(data + b"\xc0\x00")
        found = self.packets(lambda found: found[-1] == b"\xd0\x00")
        return found[:-1] if found[-1] == b"\xd0\x00" else found

    def close(self):
        self.socket.close()


class Capture:
    """tshark at the plain ports of all but wrong packets, where it may capture."""

    def __init__(self, place, ports):
        self.ports, self.file, self.process = ports, place.folder / "lo.pcapng", None
        if shutil.which("tshark"):
            self.process, self.log = place.start("tshark", "-q", "-i", "lo", "-f", " or ".join(f"tcp port {port}" for port in ports), "-w", str(self.file))
            until(lambda: self.process.poll() is not None or self.file.exists() and "Capturing on" in text_of(self.log), "tshark does not begin")

    def end(self):
        """What Wireshark says of all packets."""
        if self.process is None or self.process.poll() is not None:
            return f"no capture: {text_of(self.log).strip().splitlines()[-1:] if self.process else 'tshark is not installed'}"
        # What is under way is still written.
        time.sleep(1)
        stop(self.process)
        decoded = [option for port in self.ports for option in ("-d", f"tcp.port=={port},mqtt")]
        read = ["tshark", "-n", "-r", str(self.file), *decoded, "-T", "fields", "-e", "mqtt.msgtype", "-Y"]
        bad = subprocess.run([*read, "_ws.malformed"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=PATIENCE, text=True).stdout
        types = subprocess.run([*read, "mqtt"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=PATIENCE, text=True).stdout
        check(not bad, f"tshark finds {len(bad.splitlines())} malformed frames")
        types = types.replace(",", "\n").split()
        check(set(map(str, range(1, 15))) <= set(types), f"tshark has not seen every type of packet, but {sorted(set(types))}")
        return f"tshark: {len(types)} packets, of all types but AUTH, none malformed"


class Recorder:
    """Between clients and a broker: what clients send, by connection."""

    def __init__(self, broker):
        self.broker, self.streams, self.listener = broker, [], socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection((HOST, self.broker.port))
                stream = {"bytes": bytearray(), "ended": False}
                self.streams.append(stream)
                threading.Thread(target=self.pass_on, args=(client, server, stream), daemon=True).start()
                threading.Thread(target=self.pass_on, args=(server, client, None), daemon=True).start()

    @staticmethod
    def pass_on(source, sink, stream):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if stream is not None:
                    stream["bytes"] += data
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        if stream is not None:
            stream["ended"] = True

    def taken(self):
        """The stream of the last connection, once it is over."""
        until(lambda: self.streams and self.streams[-1]["ended"], "a connection is not over")
        return bytes(self.streams.pop()["bytes"])
