//! Cases of HTTP.

use super::cases::Case;

/// What is refused.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("http_client_of_idle_fields", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer()), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, target: "index.html", connections: 3, pipelining: 2, request_body: "10 B", expect_continue: "1 s", timeout: "0 s")),"#)]),
    ("http_page_of_contradictions", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer()), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, target: "/", method: Post, cache: true, page: (levels: [(objects: 10, size: "10 kB")]), persistent: false, pipelining: 4, idle_timeout: "10 s")),"#)]),
    ("http_page_without_objects", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer()), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, connections: 0, page: (levels: [], parse: Exponential(mean: "0 s")))),"#)]),
    ("http_page_of_wrong_objects", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer()), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, page: (levels: [(objects: 0, size: "10 kB"), (objects: LogNormal(median: 10, sigma: 0), size: Uniform(low: "2 kB", high: "1 kB")), (objects: 1, size: "1 kB"), (objects: 1, size: "1 kB")]))),"#)]),
    ("http_page_of_objects_with_a_unit", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer()), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, page: (levels: [(objects: "10 kB", size: 10)]))),"#)]),
    ("http_client_with_fields_of_its_own", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer()), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, host: "a b", user_agent: " x", cookie: "5 kB", headers: {"Host": "x", "Bad Name": "y"})),"#)]),
    ("http_server_of_idle_fields", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(paths: ["a?b"], chunked: "0 B", keep_alive: "0 s", max_requests: 5, set_cookie: "2 B", validators: false, changes: "10 s", headers: {"ETag": "1"})),"#)]),
    ("http_version_misspelt", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer()), (name: "get", on: "client", run: HttpClient(to: "server", count: 1, version: Http12)),"#)]),
    ("http_field_misspelt", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(keep_alife: "5 s")),"#)]),
    ("http_expectation_in_http_1_0", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer()), (name: "get", on: "client", run: HttpClient(to: "server", method: Post, count: 1, version: Http10, expect_continue: "1 s", cache: true)),"#)]),
    ("http_client_without_end", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer()), (name: "get", on: "client", run: HttpClient(to: "server")),"#)]),
    ("figure_of_first_bytes_of_coap", &[("// more", r#"expect: [(app: "con", metric: MeanTimeToFirstByte, must: BeAtMost("1"))]"#)]),
];

/// What runs, with a warning.
#[rustfmt::skip]
pub(super) const WARNINGS: &[Case] = &[
    ("warning_http_target_that_is_not_there", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(paths: ["/index.html"])), (name: "get", on: "client", run: HttpClient(to: "server", count: 1)),"#)]),
    ("warning_http_content_that_is_too_long", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: HttpServer(max_body: "1 kB")), (name: "get", on: "client", run: HttpClient(to: "server", method: Post, request_body: "2 kB", count: 1)),"#)]),
    ("warning_http_to_a_server_of_tcp", &[("CoapServer()),", r#"CoapServer()), (name: "web", on: "server", run: TcpServer(port: 80)), (name: "get", on: "client", run: HttpClient(to: "server", count: 1)),"#)]),
];

/// `/bytes/N` is at every server, and so is what a page consists of.
#[test]
fn targets_that_say_their_length_are_there() {
    for run in [r#"target: "/bytes/100?x""#, r#"page: (levels: [(objects: 3, size: "1 kB")])"#] {
        let client = format!(r#"(name: "get", on: "client", run: HttpClient(to: "server", count: 1, {run})),"#);
        let server = r#"CoapServer()), (name: "web", on: "server", run: HttpServer(paths: ["/index.html"])),"#;
        let loaded = super::load(&[("CoapServer()),", &format!("{server} {client}"))]);
        assert_eq!(loaded.unwrap().warnings, "");
    }
}
