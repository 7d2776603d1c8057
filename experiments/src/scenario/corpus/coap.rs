//! Cases of CoAP beyond single requests and responses.

use super::cases::Case;

const SERVER: &str = "CoapServer()";
const CLIENT: &str = r#"CoapClient(to: "server", requests: 10)"#;
const UNTIL: (&str, &str) = ("// more", r#"until: After("60 s"),"#);

/// What is refused.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("coap_observer_of_several_requests", &[UNTIL, (CLIENT, r#"CoapClient(to: "server", requests: 10, observe: true, method: Post, no_response: [Success])"#)]),
    ("coap_end_of_no_observation", &[(CLIENT, r#"CoapClient(to: "server", observe_for: "5 s", cancel: Reset)"#)]),
    ("coap_observation_that_never_ends", &[(SERVER, r#"CoapServer(changes: "10 s")"#), (CLIENT, r#"CoapClient(to: "server", observe: true)"#)]),
    ("coap_cancel_of_what_never_ends", &[UNTIL, (SERVER, r#"CoapServer(changes: "10 s")"#), (CLIENT, r#"CoapClient(to: "server", observe: true, cancel: Reset)"#)]),
    ("coap_blocks_of_no_size", &[(SERVER, r#"CoapServer(block_size: "100 B")"#), (CLIENT, r#"CoapClient(to: "server", block_size: "2 kB", negotiation: Late)"#)]),
    ("coap_negotiation_of_nothing", &[(CLIENT, r#"CoapClient(to: "server", negotiation: Late)"#)]),
    ("coap_silence_that_is_confirmed", &[(CLIENT, r#"CoapClient(to: "server", no_response: [Success, Success], probing_rate: "1 kbit/s")"#)]),
    ("coap_probing_at_no_rate", &[(CLIENT, r#"CoapClient(to: "server", confirmable: false, probing_rate: "7 bit/s")"#)]),
    ("coap_server_without_changes", &[(SERVER, r#"CoapServer(notifications: Confirmable, notification_gap: "1 s", observers: 5)"#)]),
    ("coap_changes_in_no_time", &[UNTIL, (SERVER, r#"CoapServer(changes: "0 s", observers: 0, max_age: "1500 ms", notifications: Confirmable, notification_gap: "1 s")"#)]),
    ("coap_changes_in_hardly_any_time", &[UNTIL, (SERVER, r#"CoapServer(changes: Exponential(mean: "999 ns"))"#)]),
    ("coap_attributes_of_nothing", &[(SERVER, r#"CoapServer(attributes: {"/other": (rt: "a"), "/data": ()})"#)]),
    ("coap_attributes_with_quotes", &[(SERVER, r#"CoapServer(attributes: {"/data": (rt: "a\"b")}, max_body: "0 B")"#)]),
    ("coap_leisure_without_a_group", &[(SERVER, r#"CoapServer(leisure: "2 s")"#)]),
    ("coap_limits_of_what_nobody_answers", &[(CLIENT, r#"CoapClient(to: "server", confirmable: false, method: Post, requests: 2, nstart: 2, response_wait: "9 s", no_response: [Success, ClientError, ServerError], probing_rate: "15 bit/s")"#)]),
    ("coap_more_blocks_than_numbers", &[(CLIENT, r#"CoapClient(to: "server", method: Put, payload: "32 MB", block_size: "16 B", transmission: (congestion: Cocoa, ack_timeout: "60 s"))"#)]),
    ("coap_congestion_of_non_confirmable_requests", &[(CLIENT, r#"CoapClient(to: "server", confirmable: false, transmission: (congestion: Cocoa))"#)]),
    ("coap_group_that_would_have_to_confirm", &[("// more", r#"groups: [(name: "all", members: ["server"])]"#), (CLIENT, r#"CoapClient(to: "all", requests: 10)"#)]),
    ("coap_proxy_of_no_size", &[(SERVER, r#"CoapServer()), (name: "proxy", on: "router", run: CoapProxy(cache_size: "20 B", cache_entries: 0, nstart: 0)"#), (CLIENT, r#"CoapClient(to: "server", via: "router", requests: 10)"#)]),
    ("coap_proxy_of_fields_without_a_cache", &[(SERVER, r#"CoapServer()), (name: "proxy", on: "router", run: CoapProxy(caches: false, cache_size: "2 GiB", cache_entries: 5)"#), (CLIENT, r#"CoapClient(to: "server", via: "router", requests: 10)"#)]),
    ("coap_fields_of_no_proxy", &[(CLIENT, r#"CoapClient(to: "server", requests: 10, via_port: 5684, naming: Uri)"#)]),
    ("coap_proxy_misspelt", &[(CLIENT, r#"CoapClient(to: "server", via: "ruoter", requests: 10)"#)]),
    ("coap_proxy_in_secret", &[(SERVER, r#"CoapServer()), (name: "proxy", on: "router", run: CoapProxy()"#), (CLIENT, r#"CoapClient(to: "server", via: "router", requests: 10, dtls: ())"#)]),
    ("coap_proxy_that_is_a_group", &[("// more", r#"groups: [(name: "all", members: ["router"])]"#), (SERVER, r#"CoapServer()), (name: "proxy", on: "router", run: CoapProxy()"#), (CLIENT, r#"CoapClient(to: "server", via: "all", confirmable: false, requests: 10)"#)]),
    ("coap_proxy_that_asks_a_group", &[("// more", r#"groups: [(name: "all", members: ["server"])]"#), (SERVER, r#"CoapServer()), (name: "proxy", on: "router", run: CoapProxy()"#), (CLIENT, r#"CoapClient(to: "all", via: "router", confirmable: false, requests: 10)"#)]),
    ("coap_congestion_misspelt", &[(CLIENT, r#"CoapClient(to: "server", transmission: (congestion: Coco))"#)]),
];

/// What runs, with a warning.
#[rustfmt::skip]
pub(super) const WARNINGS: &[Case] = &[
    ("warning_coap_observer_of_what_does_not_change", &[(CLIENT, r#"CoapClient(to: "server", observe: true, observe_for: "20 s")"#)]),
    ("warning_coap_via_a_node_without_a_proxy", &[(CLIENT, r#"CoapClient(to: "server", via: "router", requests: 10)"#)]),
    ("warning_coap_via_a_server", &[(CLIENT, r#"CoapClient(to: "server", via: "server", requests: 10)"#)]),
    ("warning_coap_proxy_asked_for_itself", &[(SERVER, r#"CoapServer()), (name: "proxy", on: "router", run: CoapProxy()"#), (CLIENT, r#"CoapClient(to: "router", requests: 10)"#)]),
    ("warning_coap_observer_through_a_proxy", &[(SERVER, r#"CoapServer()), (name: "proxy", on: "router", run: CoapProxy()"#), (CLIENT, r#"CoapClient(to: "server", via: "router", observe: true, observe_for: "20 s")"#)]),
    ("warning_coap_body_that_is_refused", &[(SERVER, r#"CoapServer(max_body: "1 kB")"#), (CLIENT, r#"CoapClient(to: "server", method: Put, payload: "2 kB", block_size: "64 B")"#)]),
];
