//! Cases of AMQP.

use super::cases::Case;

const APPS: &str = "    apps: [";
const UNTIL: (&str, &str) = ("// more", r#"until: After("60 s"),"#);

/// What is refused.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("amqp_broker_out_of_range", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker(port: 0, vhost: "a\u{0}b", connect_timeout: "0 s", heartbeat: "1500 ms", frame_max: "4095 B", channel_max: 0, memory_watermark: "0 B", durable: false, sync: "5 ms")), "##)]),
    ("amqp_broker_of_words_that_are_none", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker(channel_max: 65536, heartbeat: "1 min", frame_max: "131072", max_messages: "1 MB", users: [(name: "u")])), "##)]),
    ("amqp_broker_that_is_idle_for_long", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker(heartbeat: "65536 s", frame_max: "4294967296 B")), "##)]),
    ("amqp_users_alike", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker(users: [(name: "u", password: "1"), (name: "v", password: "2"), (name: "u", password: "3")])), "##)]),
    ("amqp_users_that_cannot_be_said", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker(users: [(name: "u", password: "a\u{0}b")])), (name: "amqp", on: "client", run: AmqpClient(to: "server", username: "a\u{0}b", password: "a\u{0}b", vhost: "a\u{0}b")), "##)]),
    ("amqp_streams_that_cannot_be", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker(tcp: (mss: 1), tls: (groups: []))), (name: "amqp", on: "client", run: AmqpClient(to: "server", tcp: (mss: 1), tls: (groups: []))), "##)]),
    ("amqp_client_out_of_range", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker()), (name: "amqp", on: "client", run: AmqpClient(to: "server", port: 0, heartbeat: "70000 s", frame_max: "1 kB", connect_timeout: "0 s", start: "5 s", stop: "5 s", max_waiting: 0, reconnect: (first: "10 s", most: "5 s"))), "##)]),
    ("amqp_client_without_a_broker_s_name", &[UNTIL, (APPS, r##"    apps: [(name: "amqp", on: "client", run: AmqpClient(queues: [(durable: true)], exchanges: [(kind: Topic)], bindings: [(queue: "q")], consumers: [(prefetch: 1)])), "##)]),
    ("amqp_client_of_an_unknown_node", &[UNTIL, (APPS, r##"    apps: [(name: "amqp", on: "client", run: AmqpClient(to: "sever")), "##)]),
    ("amqp_names_that_are_none", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker()), (name: "amqp", on: "client", run: AmqpClient(to: "server", exchanges: [(name: ""), (name: "amq.mine"), (name: "e", alternate: Some("a\u{0}b"))], queues: [(name: ""), (name: "amq.gen"), (name: "a\u{0}b"), (name: "q", dead_letter_exchange: Some("a\u{0}b"), dead_letter_key: Some("a\u{0}b"))])), "##)]),
    ("amqp_declared_twice", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker()), (name: "amqp", on: "client", run: AmqpClient(to: "server", exchanges: [(name: "e"), (name: "q"), (name: "e", kind: Topic)], queues: [(name: "q"), (name: "q", durable: true)])), "##)]),
    ("amqp_queues_that_cannot_be", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker()), (name: "amqp", on: "client", run: AmqpClient(to: "server", queues: [(name: "a", message_ttl: "1500 us", expires: "0 s", overflow: RejectPublish, dead_letter_key: "k", max_priority: 0), (name: "b", exclusive: true, durable: true, message_ttl: "4294967296 ms", expires: "100 us")])), "##)]),
    ("amqp_bindings_that_cannot_be", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker()), (name: "amqp", on: "client", run: AmqpClient(to: "server", bindings: [(exchange: "", queue: "q"), (exchange: "e"), (exchange: "e", queue: "q", to_exchange: "f"), (exchange: "a\u{0}b", queue: "q", key: "a\u{0}b", arguments: [("a\u{0}b", "v")])])), "##)]),
    ("amqp_publications_that_cannot_be", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker()), (name: "amqp", on: "client", run: AmqpClient(to: "server", stop: "9 s", publications: [(exchange: "a\u{0}b", key: "a\u{0}b", confirms: Window(0), expiration: "100 us", headers: [("a\u{0}b", "v")], payload: "15 B", interval: "0 s"), (key: "q", confirms: Batch(0), count: 0, start: "9 s"), (key: "q", confirms: Transaction(0), interval: Exponential(mean: "0 s"))])), "##)]),
    ("amqp_consumers_that_cannot_be", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker()), (name: "amqp", on: "client", run: AmqpClient(to: "server", consumers: [(queue: ""), (queue: "a\u{0}b"), (queue: "q", acknowledge: None, prefetch: 5, reject: "1 %"), (queue: "q", acknowledge: Multiple(0)), (queue: "q", acknowledge: Multiple(20), prefetch: 10), (queue: "q", acknowledge: Multiple(5), get: "1 s"), (queue: "q", requeue: true), (queue: "q", get: "0 s"), (queue: "q", get: "1 s", prefetch: 5), (queue: "q", get: "1 s", exclusive: true)])), "##)]),
    ("amqp_prefetch_out_of_range", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker()), (name: "amqp", on: "client", run: AmqpClient(to: "server", publications: [(key: "q", priority: 256)], consumers: [(queue: "q", prefetch: 65536), (queue: "q", reject: "101 %")])), "##)]),
    ("amqp_words_misspelt", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker()), (name: "amqp", on: "client", run: AmqpClient(to: "server", exchanges: [(name: "e", kind: Topics)], queues: [(name: "q", overflow: DropTail)], publications: [(key: "q", confirms: Transactions(5)), (key: "q", confirms: Window)], consumers: [(queue: "q", acknowledge: Multiple), (queue: "q", acknowledgement: Each)])), "##)]),
    ("amqp_queue_names_in_a_client_s_place", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker(queues: [(name: "q")])), (name: "amqp", on: "client", run: AmqpClient(to: "server", queues: ["q"], publications: [(topic: "q")])), "##)]),
    ("amqp_that_never_ends", &[(APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker()), (name: "amqp", on: "client", run: AmqpClient(to: "server", publications: [(key: "q")])), "##)]),
];

/// What runs, with a warning.
#[rustfmt::skip]
pub(super) const WARNINGS: &[Case] = &[
    ("warning_amqp_of_a_stranger", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker(users: [(name: "u", password: "1")])), (name: "amqp", on: "client", run: AmqpClient(to: "server")), (name: "other", on: "client", run: AmqpClient(to: "server", username: "u", password: "2")), (name: "known", on: "client", run: AmqpClient(to: "server", username: "u", password: "1")), "##)]),
    ("warning_amqp_of_another_virtual_host", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker(vhost: "office")), (name: "amqp", on: "client", run: AmqpClient(to: "server")), "##)]),
    ("warning_amqp_of_too_many_channels", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker(channel_max: 2)), (name: "amqp", on: "client", run: AmqpClient(to: "server", publications: [(key: "q")], consumers: [(queue: "q"), (queue: "q")])), "##)]),
    ("warning_amqp_of_what_does_not_last", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker(durable: false)), (name: "amqp", on: "client", run: AmqpClient(to: "server", exchanges: [(name: "a"), (name: "e", durable: true)], queues: [(name: "q", durable: true)], publications: [(key: "q", persistent: true)])), "##)]),
    ("warning_amqp_of_messages_too_long", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker(max_message: "1 kB")), (name: "amqp", on: "client", run: AmqpClient(to: "server", publications: [(key: "q"), (key: "q", payload: "1001 B")])), "##)]),
    ("warning_amqp_of_tls_on_one_side", &[UNTIL, (APPS, r##"    apps: [(name: "broker", on: "server", run: AmqpBroker(tls: ())), (name: "amqp", on: "client", run: AmqpClient(to: "server", port: 5671)), (name: "open", on: "server", run: AmqpBroker()), (name: "secret", on: "client", run: AmqpClient(to: "server", port: 5672, tls: ())), "##)]),
    ("warning_amqp_without_a_broker", &[UNTIL, (APPS, r##"    apps: [(name: "amqp", on: "client", run: AmqpClient(to: "router")), (name: "echo", on: "server", run: TcpServer(port: 5672)), (name: "other", on: "client", run: AmqpClient(to: "server")), "##)]),
];
