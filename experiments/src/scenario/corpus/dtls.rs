//! Cases of DTLS beneath applications.

use super::cases::Case;

/// What is refused.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("dtls_suite_without_a_key", &[("CoapServer()),", r##"CoapServer(dtls: (certificate: (), suites: [TLS_PSK_WITH_AES_128_CCM_8]))), (name: "secret", on: "client", run: CoapClient(to: "server", dtls: (suites: [TLS_PSK_WITH_AES_128_CCM_8]))),"##)]),
    ("dtls_key_that_is_none", &[("CoapServer()),", r##"CoapServer(dtls: (psks: [(identity: "a", key: ""), (identity: "a", key: "0x123")]))), (name: "secret", on: "client", run: CoapClient(to: "server", dtls: (psk: (identity: "", key: "k")))),"##)]),
    ("dtls_server_that_is_nobody", &[("CoapServer()),", r##"CoapServer(dtls: ())),"##)]),
    ("dtls_certificate_without_an_authority", &[("CoapServer()),", r##"CoapServer(dtls: (certificate: (chain: 0, leaf: "100 B")))),"##)]),
    ("dtls_certificate_of_another_kind", &[("CoapServer()),", r##"CoapServer(dtls: (certificate: (key: Rsa2048)))), (name: "secret", on: "client", run: CoapClient(to: "server", dtls: (certificate: (key: MlDsa44)))),"##)]),
    ("dtls_mtu_that_is_too_small", &[("CoapServer()),", r##"CoapServer(dtls: (psks: [(identity: "a", key: "k")], mtu: "255 B"))), (name: "secret", on: "client", run: CoapClient(to: "server", dtls: (mtu: "100 kB"))),"##)]),
    ("dtls_message_longer_than_a_datagram", &[("CoapServer()),", r##"CoapServer(payload: "1200 B", dtls: (psks: [(identity: "a", key: "k")]))), (name: "secret", on: "client", run: CoapClient(to: "server", method: Put, payload: "500 B", dtls: (mtu: "400 B"))),"##)]),
    ("dtls_suite_of_the_other_version", &[("CoapServer()),", r##"CoapServer(dtls: (certificate: (), suites: [TLS_AES_128_GCM_SHA256]))), (name: "secret", on: "client", run: CoapClient(to: "server", dtls: (versions: [Dtls13, Dtls12], suites: [TLS_AES_128_GCM_SHA256]))),"##)]),
    ("dtls_hybrid_group", &[("CoapServer()),", r##"CoapServer(dtls: (certificate: (), groups: [X25519MlKem768]))),"##)]),
    ("dtls_port_taken", &[("CoapServer()),", r##"CoapServer(dtls: (certificate: ()))), (name: "other", on: "server", run: CoapServer(port: 5684)),"##)]),
    ("dtls_suite_unknown", &[("CoapServer()),", r##"CoapServer(dtls: (certificate: (), suites: [TLS_PSK_WITH_AES_256_CCM_8]))),"##)]),
    ("dtls_times_that_cannot_be", &[("CoapServer()),", r##"CoapServer(dtls: (certificate: (), idle_timeout: "0 s", sessions: 0, ticket_lifetime: "1500 ms", tickets: 0))), (name: "secret", on: "client", run: CoapClient(to: "server", dtls: (dead_after: "0 s", resumption: true, retransmission: (first: "2 s", most: "1 s", tries: 0)))),"##)]),
    ("dtls_verify_in_a_simulation", &[("CoapServer()),", r##"CoapServer(dtls: (certificate: ()))), (name: "secret", on: "client", run: CoapClient(to: "server", dtls: (verify: false))),"##)]),
    ("dtls_beneath_streams", &[("CoapServer()),", r##"CoapServer()), (name: "web", on: "server", run: HttpServer(dtls: ())),"##)]),
];

/// What is taken, with a warning.
#[rustfmt::skip]
pub(super) const WARNINGS: &[Case] = &[
    ("warning_dtls_on_one_side", &[("CoapServer()),", r##"CoapServer(dtls: (certificate: ()))), (name: "secret", on: "client", run: CoapClient(to: "server", port: 5684)),"##)]),
    ("warning_dtls_to_a_plain_server", &[("CoapServer()),", r##"CoapServer()), (name: "secret", on: "client", run: CoapClient(to: "server", port: 5683, dtls: ())),"##)]),
    ("warning_dtls_of_another_key", &[("CoapServer()),", r##"CoapServer(dtls: (psks: [(identity: "device-1", key: "a")]))), (name: "secret", on: "client", run: CoapClient(to: "server", dtls: (psk: (identity: "device-1", key: "b")))),"##)]),
    ("warning_dtls_of_no_common_version", &[("CoapServer()),", r##"CoapServer(dtls: (certificate: (), versions: [Dtls13]))), (name: "secret", on: "client", run: CoapClient(to: "server", dtls: ())),"##)]),
    ("warning_dtls_without_a_certificate", &[("CoapServer()),", r##"CoapServer(dtls: (certificate: (), client_certificates: Required))), (name: "secret", on: "client", run: CoapClient(to: "server", dtls: ())),"##)]),
    ("warning_dtls_fields_of_one_end", &[("CoapServer()),", r##"CoapServer(dtls: (certificate: (), connection_id: 4))), (name: "secret", on: "client", run: CoapClient(to: "server", dtls: (certificate: ()))),"##)]),
];
