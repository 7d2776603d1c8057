use super::{Options, parse_app, run};
use protosim_core::Span;
use std::net::{IpAddr, Ipv4Addr};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The client and the server of the simulator, each over a real socket of the loopback.
#[test]
fn our_client_talks_to_our_server_over_the_loopback() {
    let probe = std::net::UdpSocket::bind((LOCAL, 0)).unwrap();
    let port = probe.local_addr().unwrap().port();
    drop(probe);
    let server = parse_app(&format!("CoapServer(port: {port}, processing: \"300 ms\")"), false).unwrap();
    let client = format!("CoapClient(to: \"127.0.0.1\", port: {port}, requests: 3, interval: \"10 ms\", nstart: 3)");
    let client = parse_app(&client, false).unwrap();
    let options = Options { bind: LOCAL, duration: Some(Span::from_secs(20)), seed: 1, keeps_secrets: false };
    let serving = Options { duration: Some(Span::from_secs(5)), ..options };
    let handle = std::thread::spawn(move || run(&server, serving, |_| ()));
    let mut lines = Vec::new();
    let outcome = run(&client, options, |line| lines.push(line)).unwrap();
    assert_eq!((outcome.exchanges, outcome.answered), (3, 3), "{lines:?}");
    handle.join().unwrap().unwrap();
}

/// The same for requests over plain UDP: 40 bytes there, 1000 back, one after the other.
#[test]
fn requests_over_plain_udp_are_answered_over_the_loopback() {
    let probe = std::net::UdpSocket::bind((LOCAL, 0)).unwrap();
    let port = probe.local_addr().unwrap().port();
    drop(probe);
    let server = parse_app(&format!("UdpServer(port: {port}, response: \"1000 B\")"), false).unwrap();
    let client = format!("UdpClient(to: \"127.0.0.1\", port: {port}, request: \"40 B\", think: \"10 ms\", count: 5)");
    let client = parse_app(&client, false).unwrap();
    let options = Options { bind: LOCAL, duration: Some(Span::from_secs(20)), seed: 1, keeps_secrets: false };
    let serving = Options { duration: Some(Span::from_secs(3)), ..options };
    let handle = std::thread::spawn(move || run(&server, serving, |_| ()));
    // A request that is sent before the server listens is refused by the system, and times out.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let outcome = run(&client, options, |_| ()).unwrap();
    let total = |name| outcome.totals.iter().find(|total| total.name == name).unwrap().value;
    assert_eq!((outcome.exchanges, outcome.answered, total("response_payload_bytes")), (5, 5, 5000));
    handle.join().unwrap().unwrap();
}

#[test]
fn what_cannot_run_live_says_why() {
    let options = Options { bind: LOCAL, duration: None, seed: 1, keeps_secrets: false };
    let error = |text: &str| run(&parse_app(text, false).unwrap(), options, |_| ()).unwrap_err().to_string();
    assert!(error("CoapClient(to: \"server\")").contains("not an IP address"));
    assert!(error("CoapClient(to: \"::1\")").contains("--bind"));
    assert!(error("Ping(to: \"127.0.0.1\")").contains("raw socket"));
    assert!(parse_app("CoapClint(to: \"::1\")", false).unwrap_err().contains("CoapClient"));
}

/// While an application handles what has come, no time passes for it, however long it takes, as in the simulator: a message that is good for no time at
/// all can still be handed on at once.
#[test]
fn an_instant_lasts_until_the_clock_is_looked_at() {
    let mut host = super::LiveHost::new(LOCAL, 1, super::SocketOptions::default()).unwrap();
    let before = host.look();
    std::thread::sleep(std::time::Duration::from_millis(2));
    assert_eq!(protosim_core::Env::now(&host), before);
    assert!(host.look() >= before + Span::from_millis(2));
}
