//! Cases of TLS beneath applications.

use super::cases::Case;

/// What is refused.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("tls_field_misspelt", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (certifcate: (key: Rsa2048)))),"#)]),
    ("tls_suite_of_the_other_version", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (versions: [Tls13], suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]))),"#)]),
    ("tls_suite_unknown", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (suites: [TLS_RSA_WITH_3DES_EDE_CBC_SHA]))),"#)]),
    ("tls_suites_that_leave_a_version_out", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (suites: [TLS_AES_128_GCM_SHA256]))),"#)]),
    ("tls_suites_for_another_certificate", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (versions: [Tls12], suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]))),"#)]),
    ("tls_early_data_without_a_ticket", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (tickets: 0, early_data: "16 KiB"))), (name: "get", on: "client", run: HttpClient(to: "server", count: 5, tls: (resumption: false, early_data: true))),"#)]),
    ("tls_early_data_of_one_request", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (early_data: "16 KiB"))), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: (resumption: true, early_data: true))), (name: "ask", on: "client", run: TcpClient(to: "server", port: 443, count: 1, tls: (resumption: true))),"#)]),
    ("tls_early_data_of_an_old_version", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: ())), (name: "get", on: "client", run: HttpClient(to: "server", count: 5, tls: (versions: [Tls12], early_data: true, key_shares: [X25519]))),"#)]),
    ("tls_share_of_no_group", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: ())), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: (groups: [P256], key_shares: [X25519]))),"#)]),
    ("tls_hybrid_groups_of_an_old_version", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (versions: [Tls12], groups: [X25519MlKem768]))),"#)]),
    ("tls_certificate_of_a_new_kind_in_an_old_version", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (versions: [Tls12], certificate: (key: MlDsa65)))),"#)]),
    ("tls_chain_without_certificates", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (certificate: (chain: 0, leaf: "100 B")))),"#)]),
    ("tls_records_and_tickets_beyond_all", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (record: "17 kB", tickets: 17, ticket_lifetime: "8 d", key_update: "1 B"))),"#)]),
    ("tls_of_the_wrong_side", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (key_shares: [X25519]))),"#)]),
    ("tls_early_data_that_are_not_safe", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (early_data: "16 KiB"))), (name: "get", on: "client", run: HttpClient(to: "server", count: 5, method: Post, tls: (early_data: true))),"#)]),
    ("tls_protocols_that_nobody_speaks", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (alpn: ["h2"]))), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: (alpn: ["h2", "http/1.1"], server_name: "10.0.0.1"))),"#)]),
    ("tls_lifetime_of_less_than_a_second", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (ticket_lifetime: "500 ms"))),"#)]),
    ("tls_beneath_datagrams", &[("CoapServer()),", r#"CoapServer(tls: ())),"#)]),
    ("tls_verify_in_a_simulation", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: ())), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: (verify: false))),"#)]),
    ("tls_key_update_of_an_old_version", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: ())), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: (versions: [Tls12], key_update: "1 MB"))),"#)]),
    ("tls_client_certificate_of_a_new_kind_in_an_old_version", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (client_certificates: Asked))), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: (versions: [Tls12], certificate: (key: MlDsa87), post_quantum_signatures: true))),"#)]),
    ("tls_signatures_of_clients_that_nobody_asks_for", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (post_quantum_signatures: true))),"#)]),
    ("tls_early_data_of_a_single_flow", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: TcpSink(port: 5001, tls: (early_data: "16 KiB"))), (name: "get", on: "client", run: TcpSource(to: "server", port: 5001, bytes: "1 MB", tls: (early_data: true, resumption: true))),"#)]),
    ("tls_key_update_of_a_sink", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: TcpSink(port: 5001, tls: (key_update: "1 MB"))), (name: "get", on: "client", run: TcpSource(to: "server", port: 5001, bytes: "1 MB", tls: ())),"#)]),
    ("crypto_of_nobody", &[("// more", "crypto: Real")]),
];

/// What runs, with a warning.
#[rustfmt::skip]
pub(super) const WARNINGS: &[Case] = &[
    ("warning_tls_to_a_plain_server", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(port: 443)), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: ())),"#)]),
    ("warning_plain_to_a_server_of_tls", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: ())), (name: "get", on: "client", run: HttpClient(to: "server", port: 443, count: 1)),"#)]),
    ("warning_tls_of_no_common_version", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (versions: [Tls12]))), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: (versions: [Tls13]))),"#)]),
    ("warning_tls_of_unknown_signatures", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (certificate: (key: MlDsa44)))), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: ())),"#)]),
    ("warning_tls_early_data_that_nobody_takes", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: ())), (name: "get", on: "client", run: HttpClient(to: "server", count: 5, tls: (early_data: true))),"#)]),
    ("warning_tls_without_a_certificate", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (client_certificates: Required))), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: ())),"#)]),
    ("warning_tls_that_no_client_asks_for", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (ocsp: true, compression: true, early_data: "16 KiB", freshness: "5 s", alpn: ["http/1.1"]))), (name: "get", on: "client", run: HttpClient(to: "server", count: 5, tls: ())),"#)]),
    ("warning_tls_tickets_that_nobody_takes", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (tickets: 4, ticket_lifetime: "1 h"))), (name: "get", on: "client", run: HttpClient(to: "server", count: 5, tls: (resumption: false))),"#)]),
    ("warning_tls_that_the_server_does_not_have", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (tickets: 0))), (name: "get", on: "client", run: HttpClient(to: "server", count: 5, tls: (ocsp: true, compression: true, resumption: true, certificate: ()))),"#)]),
    ("warning_tls_early_data_without_tickets", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (tickets: 0))), (name: "get", on: "client", run: HttpClient(to: "server", count: 5, tls: (early_data: true))),"#)]),
    ("warning_tls_of_a_server_of_an_old_version", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (versions: [Tls12]))), (name: "get", on: "client", run: HttpClient(to: "server", count: 5, tls: (key_update: "1 MB", compression: true, early_data: true))),"#)]),
    ("warning_tls_of_a_client_of_an_old_version", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (client_certificates: Asked, post_quantum_signatures: true, key_update: "1 MB"))), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: (versions: [Tls12]))),"#)]),
    ("warning_tls_certificate_of_a_kind_that_is_not_taken", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (client_certificates: Asked))), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: (certificate: (key: MlDsa44)))),"#)]),
    ("warning_tls_certificate_of_a_kind_where_one_is_required", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (client_certificates: Required))), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: (certificate: (key: MlDsa44)))),"#)]),
    ("warning_tls_source_to_a_plain_sink", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: TcpSink(port: 5001)), (name: "get", on: "client", run: TcpSource(to: "server", port: 5001, bytes: "1 MB", tls: ())),"#)]),
    ("warning_plain_source_to_a_sink_of_tls", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: TcpSink(port: 5001, tls: ())), (name: "get", on: "client", run: TcpSource(to: "server", port: 5001, bytes: "1 MB")),"#)]),
    ("warning_plain_client_to_a_server_of_tls", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: TcpServer(port: 5001, tls: ())), (name: "get", on: "client", run: TcpClient(to: "server", port: 5001, count: 1)),"#)]),
];

/// What concerns rustls as an end: the first needs a program without it, and the second one is refused by any.
#[rustfmt::skip]
pub(super) const OF_RUSTLS: [Case; 2] = [
    ("tls_rustls_that_is_not_there", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: TcpServer(port: 443, tls: (implementation: Rustls))),"#), ("// more", "crypto: Real")]),
    ("tls_rustls_without_real_bytes", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: TcpServer(port: 443, tls: (implementation: Rustls))),"#)]),
];
