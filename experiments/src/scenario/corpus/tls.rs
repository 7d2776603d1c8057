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
    ("tls_early_data_without_a_ticket", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (tickets: 0, early_data: "16 KiB"))), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: (resumption: false, early_data: true))),"#)]),
    ("tls_early_data_of_an_old_version", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: ())), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: (versions: [Tls12], early_data: true, key_shares: [X25519]))),"#)]),
    ("tls_share_of_no_group", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: ())), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: (groups: [P256], key_shares: [X25519]))),"#)]),
    ("tls_hybrid_groups_of_an_old_version", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (versions: [Tls12], groups: [X25519MlKem768]))),"#)]),
    ("tls_certificate_of_a_new_kind_in_an_old_version", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (versions: [Tls12], certificate: (key: MlDsa65)))),"#)]),
    ("tls_chain_without_certificates", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (certificate: (chain: 0, leaf: "100 B")))),"#)]),
    ("tls_records_and_tickets_beyond_all", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (record: "17 kB", tickets: 17, ticket_lifetime: "8 d", key_update: "1 B"))),"#)]),
    ("tls_of_the_wrong_side", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (key_shares: [X25519]))),"#)]),
    ("tls_early_data_that_are_not_safe", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (early_data: "16 KiB"))), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, method: Post, tls: (early_data: true))),"#)]),
    ("tls_protocols_that_nobody_speaks", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (alpn: ["h2"]))), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: (alpn: ["h2", "http/1.1"], server_name: "10.0.0.1"))),"#)]),
    ("tls_lifetime_of_less_than_a_second", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (ticket_lifetime: "500 ms"))),"#)]),
    ("tls_beneath_datagrams", &[("CoapServer()),", r#"CoapServer(tls: ())),"#)]),
    ("crypto_of_nobody", &[("// more", "crypto: Real")]),
];

/// What runs, with a warning.
#[rustfmt::skip]
pub(super) const WARNINGS: &[Case] = &[
    ("warning_tls_to_a_plain_server", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(port: 443)), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: ())),"#)]),
    ("warning_plain_to_a_server_of_tls", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: ())), (name: "get", on: "client", run: HttpClient(to: "server", port: 443, count: 1)),"#)]),
    ("warning_tls_of_no_common_version", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (versions: [Tls12]))), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: (versions: [Tls13]))),"#)]),
    ("warning_tls_of_unknown_signatures", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (certificate: (key: MlDsa44)))), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: ())),"#)]),
    ("warning_tls_early_data_that_nobody_takes", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: ())), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: (early_data: true))),"#)]),
    ("warning_tls_without_a_certificate", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(tls: (client_certificates: Required))), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, tls: ())),"#)]),
];
