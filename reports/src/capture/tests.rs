//! Captures read back by readers that are not ours: `pcap-parser`, and Wireshark's `tshark`.

use super::*;
use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{Block, Linktype, OptionCode, PcapBlockOwned, PcapError as ReadError, PcapNGReader};
use protosim_models::Rope;
use protosim_models::packet::{
    Echo, Ecn, ErrorCause, ExtensionHeader, ExtensionKind, Fragment, IcmpMessage, Icmpv6Message,
    Icmpv6ParameterProblem, Icmpv6Unreachable, IpHeader, Ipv4Options, Ipv6Extensions, Packet, ParameterProblem,
    Redirect, SackBlock, TcpFlags, TcpHeader, TcpOptions, TimeExceeded, Timestamps, Transport, Unreachable, protocol,
};
use std::net::{IpAddr, SocketAddr};
use std::process::Command;

/// True if `tool` can be started. If not, says so, or fails if PROTOSIM_REQUIRE_TOOLS=1.
fn has_tool(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok();
    if !found {
        let required = std::env::var_os("PROTOSIM_REQUIRE_TOOLS").is_some_and(|value| value == "1");
        assert!(!required, "{tool} is not installed, and PROTOSIM_REQUIRE_TOOLS=1");
        // Not by a macro: the test harness would keep that for itself, since the test passes.
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        let _ = writeln!(io::stderr(), "skipped: {name}: {tool} is not installed");
    }
    found
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Source, destination and a router, by family.
fn addresses() -> [(IpAddr, IpAddr, IpAddr); 2] {
    [
        (address("192.0.2.1"), address("192.0.2.2"), address("198.51.100.7")),
        (address("2001:db8::1"), address("2001:db8::2"), address("2001:db8:ff::7")),
    ]
}

fn datagram(src: IpAddr, dst: IpAddr, payload: Rope) -> Packet {
    // Ports of the dynamic range, which no dissector claims.
    Packet::udp(SocketAddr::new(src, 50_000), SocketAddr::new(dst, 50_001), payload).unwrap()
}

fn interface(name: &str) -> CaptureInterface {
    CaptureInterface { link_type: LinkType::RawIp, name: name.into(), description: format!("the end of {name}") }
}

fn record(at: u64, packet: &Packet, snap_len: u64, comment: Option<&str>) -> CaptureRecord {
    CaptureRecord {
        at: SimTime::from_nanos(at),
        interface: 0,
        bytes: packet.encode_snapped(snap_len),
        original_len: packet.wire_len() as u32,
        comment: comment.map(str::to_owned),
    }
}

fn written(interfaces: &[CaptureInterface], records: &[CaptureRecord]) -> Vec<u8> {
    let mut out = Vec::new();
    write_capture(&mut out, interfaces, "", records.iter().cloned()).unwrap();
    out
}

/// A capture as `pcap-parser` reads it: application, interfaces as (name, description, link type,
/// resolution), packets.
#[derive(Default)]
struct ReadBack {
    application: Option<String>,
    interfaces: Vec<(String, String, Linktype, u8)>,
    records: Vec<CaptureRecord>,
}

fn read_back(file: &[u8]) -> ReadBack {
    let text = |options: &[pcap_parser::PcapNGOption], code: OptionCode| {
        options.iter().find(|option| option.code == code).map(|option| option.as_str().unwrap().to_owned())
    };
    let mut read = ReadBack::default();
    let mut reader = PcapNGReader::new(1 << 20, file).unwrap();
    loop {
        match reader.next() {
            Ok((used, PcapBlockOwned::NG(block))) => {
                match block {
                    Block::SectionHeader(block) => {
                        read.application = text(&block.options, OptionCode::ShbUserAppl);
                        assert_eq!(block.options.iter().filter(|o| o.code != OptionCode::EndOfOpt).count(), 1);
                    }
                    Block::InterfaceDescription(block) => read.interfaces.push((
                        text(&block.options, OptionCode::IfName).unwrap(),
                        text(&block.options, OptionCode::IfDescription).unwrap_or_default(),
                        block.linktype,
                        block.if_tsresol,
                    )),
                    Block::EnhancedPacket(block) => read.records.push(CaptureRecord {
                        at: SimTime::from_nanos(u64::from(block.ts_high) << 32 | u64::from(block.ts_low)),
                        interface: block.if_id,
                        bytes: block.data[..block.caplen as usize].to_vec(),
                        original_len: block.origlen,
                        comment: text(&block.options, OptionCode::Comment),
                    }),
                    other => panic!("{other:?}"),
                }
                reader.consume(used);
            }
            Ok(_) => panic!("not a pcapng block"),
            Err(ReadError::Eof) => return read,
            Err(ReadError::Incomplete(_)) => reader.refill().unwrap(),
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn another_reader_finds_what_was_written() {
    let [(v4_1, v4_2, _), (v6_1, v6_2, _)] = addresses();
    let interfaces = [
        interface("a-b:a"),
        CaptureInterface { link_type: LinkType::RawIp, name: "a-b:b".into(), description: String::new() },
    ];
    // Odd lengths, no payload, a cut, stamps beyond 32 bits, a comment that is not ASCII.
    let mut records = vec![
        record(0, &datagram(v4_1, v4_2, Rope::new()), 65_535, None),
        record(1, &datagram(v4_1, v4_2, Rope::fill(1, 0, 1)), 65_535, Some("dropped: queue full")),
        record(5_000_000_001, &datagram(v6_1, v6_2, Rope::fill(1, 0, 1_401)), 97, Some("naïve — 測試")),
        record(u64::MAX, &datagram(v6_1, v6_2, Rope::fill(1, 0, 65_527)), 65_575, None),
    ];
    records[1].interface = 1;
    let read = read_back(&written(&interfaces, &records));
    assert_eq!(read.application.as_deref(), Some("protosim"));
    let expected: Vec<_> = interfaces.into_iter().map(|i| (i.name, i.description, Linktype::RAW, 9)).collect();
    assert_eq!(read.interfaces, expected);
    assert_eq!(read.records, records);
}

#[test]
fn the_section_header_has_the_bytes_of_the_format() {
    // pcapng: type 0a0d0d0a, total length 44 = 28 fixed + 12 option (code 4, length 8) + 4 end of
    // options, byte-order magic 1a2b3c4d, version 1.0, section length unknown; little-endian.
    let mut expected = vec![0x0a, 0x0d, 0x0d, 0x0a, 44, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0];
    expected.extend([0xff; 8]);
    expected.extend([4, 0, 8, 0]);
    expected.extend(b"protosim");
    expected.extend([0, 0, 0, 0, 44, 0, 0, 0]);
    assert_eq!(written(&[], &[]), expected);
}

#[test]
fn what_cannot_be_said_is_refused() {
    let [(src, dst, _), _] = addresses();
    let good = record(0, &datagram(src, dst, Rope::new()), 65_535, None);
    let bad = [
        CaptureRecord { interface: 1, ..good.clone() },
        CaptureRecord { original_len: 27, ..good.clone() },
        CaptureRecord { comment: Some("x".repeat(65_536)), ..good },
    ];
    for record in bad {
        let error = write_capture(io::sink(), &[interface("a")], "", [record]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
    }
    let long = CaptureInterface { link_type: LinkType::RawIp, name: "x".repeat(65_536), description: String::new() };
    assert_eq!(write_capture(io::sink(), &[long], "", []).unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

/// A packet of each kind, with a name.
fn every_kind() -> Vec<(String, Packet)> {
    let mut packets = Vec::new();
    for (src, dst, router) in addresses() {
        let family = if src.is_ipv4() { "IPv4" } else { "IPv6" };
        let mut add = |name: &str, packet: Packet| packets.push((format!("{name} over {family}"), packet));
        for len in [0, 1, 2, 255, 256, 257, 1_451] {
            add(&format!("UDP with {len} bytes of fill"), datagram(src, dst, Rope::fill(7, 3, len)));
        }
        let mut mixed = Rope::from(b"abc".to_vec());
        mixed.append(&Rope::fill(7, 0, 600));
        add("UDP with three bytes and fill", datagram(src, dst, mixed));
        let mut marked = datagram(src, dst, Rope::fill(7, 0, 20));
        marked.ip.set_ecn(Ecn::Ce);
        marked.ip.set_dscp(46);
        marked.ip.set_ttl(1);
        add("UDP marked", marked);
        for is_reply in [false, true] {
            let echo = Echo { is_reply, identifier: 9, sequence: 1 };
            add(&format!("echo, reply: {is_reply}"), Packet::echo(src, dst, echo, Rope::fill(8, 0, 56)).unwrap());
        }
        let offending = datagram(src, dst, Rope::fill(7, 0, 1_451));
        for cause in [
            ErrorCause::NoRoute,
            ErrorCause::HostUnreachable,
            ErrorCause::ProtocolUnreachable,
            ErrorCause::PortUnreachable,
            ErrorCause::Prohibited,
            ErrorCause::TooBig { mtu: 1_400 },
            ErrorCause::HopLimitExceeded,
            ErrorCause::ReassemblyTimeExceeded,
        ] {
            add(&format!("{cause:?}"), offending.icmp_error(cause, router).unwrap());
        }
        let quote = datagram(src, dst, Rope::fill(7, 0, 33)).to_rope();
        for message in other_messages(src.is_ipv4()) {
            add(&format!("{message:?}"), Packet::new(router, src, message, quote.clone()).unwrap());
        }
        for (i, part) in fragments(&datagram(src, dst, Rope::fill(7, 0, 992))).into_iter().enumerate() {
            add(&format!("fragment {i}"), part);
        }
        add("UDP with options", with_options(datagram(src, dst, Rope::fill(7, 0, 9))));
        for (name, header, len) in segments() {
            let segment = Packet::tcp(src, dst, header, Rope::fill(7, 3, len)).unwrap();
            // Of a segment that is quoted in part, Wireshark takes the part for the whole, and finds its checksum bad.
            if segment.wire_len() < 500 {
                add(&format!("error about {name}"), segment.icmp_error(ErrorCause::PortUnreachable, dst).unwrap());
            }
            add(&format!("{name} with IP options"), with_options(segment.clone()));
            add(name, segment);
        }
    }
    packets
}

/// Segments of TCP with all that a header may carry: name, header, bytes of data.
fn segments() -> Vec<(&'static str, TcpHeader, u64)> {
    const ACK: TcpFlags = TcpFlags::ACK;
    let bare = |flags, sequence| TcpHeader {
        // Ports of the dynamic range, which no dissector claims.
        source_port: 50_000,
        destination_port: 50_001,
        sequence,
        acknowledgment: if flags == TcpFlags::SYN { 0 } else { 9_000 },
        flags,
        window: 502,
        urgent: 0,
        timestamps: None,
        options: None,
    };
    let stamped = |header| TcpHeader { timestamps: Some(Timestamps { value: 7, echo: 6 }), ..header };
    let with = |header, options| TcpHeader { options: Some(Box::new(options)), ..header };
    let handshake =
        TcpOptions { mss: Some(1_460), window_scale: Some(7), sack_permitted: true, ..TcpOptions::default() };
    let blocks =
        |count| (0..count).map(|k| SackBlock { left: 20_000 + 2_000 * k, right: 21_000 + 2_000 * k }).collect();
    let sack = |count| TcpOptions { sack: blocks(count), ..TcpOptions::default() };
    let cookie = |bytes: &'static [u8]| TcpOptions { fast_open: Some(bytes.into()), ..handshake.clone() };
    let foreign: &'static [u8] = &[2, 4, 5, 0xb4, 1, 3, 3, 6, 1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 4, 2, 0, 0];
    let foreign = TcpOptions { as_received: Some(foreign.into()), ..TcpOptions::default() };
    let syn = bare(TcpFlags::SYN, 1);
    vec![
        ("TCP SYN", with(stamped(syn.clone()), handshake.clone()), 0),
        ("TCP SYN without timestamps", with(syn.clone(), handshake.clone()), 0),
        ("TCP SYN with another layout", with(syn.clone(), foreign), 0),
        ("TCP SYN that asks for a cookie", with(stamped(syn.clone()), cookie(b"")), 0),
        ("TCP SYN with cookie and data", with(stamped(syn), cookie(b"biscuits")), 33),
        ("TCP SYN,ACK", with(stamped(bare(ACK.with(TcpFlags::SYN), 1)), handshake), 0),
        ("TCP ACK", bare(ACK, 10_000), 0),
        ("TCP data", stamped(bare(ACK.with(TcpFlags::PSH), 11_000)), 1_401),
        ("TCP data without options", bare(ACK, 12_402), 257),
        ("TCP ACK with three blocks", with(stamped(bare(ACK, 13_000)), sack(3)), 0),
        ("TCP ACK with four blocks", with(bare(ACK, 13_000), sack(4)), 0),
        ("TCP urgent", TcpHeader { urgent: 3, ..bare(ACK.with(TcpFlags::URG), 14_000) }, 10),
        ("TCP marked", bare(ACK.with(TcpFlags::ECE).with(TcpFlags::CWR), 15_000), 1),
        ("TCP FIN", stamped(bare(ACK.with(TcpFlags::FIN), 16_000)), 0),
        ("TCP RST", bare(TcpFlags::RST, 17_000), 0),
    ]
}

/// Every code of every ICMP message that quotes a packet.
fn other_messages(is_v4: bool) -> Vec<Transport> {
    if is_v4 {
        let gateway = std::net::Ipv4Addr::new(198, 51, 100, 9);
        let unreachable = Unreachable::ALL.iter().map(|code| IcmpMessage::DestinationUnreachable(*code));
        let redirects = Redirect::ALL.iter().map(|code| IcmpMessage::Redirect { code: *code, gateway });
        let exceeded = TimeExceeded::ALL.iter().map(|code| IcmpMessage::TimeExceeded(*code));
        let problems =
            ParameterProblem::ALL.iter().map(|code| IcmpMessage::ParameterProblem { code: *code, pointer: 20 });
        unreachable.chain(redirects).chain(exceeded).chain(problems).map(Transport::Icmp).collect()
    } else {
        let unreachable = Icmpv6Unreachable::ALL.iter().map(|code| Icmpv6Message::DestinationUnreachable(*code));
        let exceeded = TimeExceeded::ALL.iter().map(|code| Icmpv6Message::TimeExceeded(*code));
        let problems =
            Icmpv6ParameterProblem::ALL.iter().map(|code| Icmpv6Message::ParameterProblem { code: *code, pointer: 40 });
        unreachable.chain(exceeded).chain(problems).map(Transport::Icmpv6).collect()
    }
}

/// A datagram of 1000 bytes of UDP in two fragments of 504 and 496 bytes (63 units of 8 bytes).
fn fragments(packet: &Packet) -> [Packet; 2] {
    let whole = packet.transport_rope();
    [(0, true), (63, false)].map(|(offset, more)| {
        let mut ip = packet.ip.clone();
        match &mut ip {
            IpHeader::V4(header) => {
                header.dont_fragment = false;
                header.identification = 77;
                header.fragment_offset = offset;
                header.more_fragments = more;
            }
            IpHeader::V6(header) => {
                let fragment = Some(Fragment { offset, more, identification: 77 });
                header.extensions = Some(Box::new(Ipv6Extensions { headers: vec![], fragment }));
            }
        }
        let payload = whole.slice(u64::from(offset) * 8, 504);
        Packet { ip, transport: Transport::Other { protocol: protocol::UDP }, payload, ..packet.clone() }
    })
}

/// `packet` with a router alert: an IPv4 option (RFC 2113) or hop-by-hop options (RFC 2711).
fn with_options(mut packet: Packet) -> Packet {
    match &mut packet.ip {
        IpHeader::V4(header) => header.options = Ipv4Options::new(&[0x94, 4, 0, 0]).map(Box::new),
        IpHeader::V6(header) => {
            // Router alert with value 0, and padding of 2 bytes.
            let alert = ExtensionHeader::new(ExtensionKind::HopByHop, vec![5, 2, 0, 0, 1, 0]).unwrap();
            header.extensions = Some(Box::new(Ipv6Extensions { headers: vec![alert], fragment: None }));
        }
    }
    packet
}

/// One row per packet of what `tshark` says of `file`, in the fields asked for; fields that occur
/// several times, as in a quoted packet, have their values joined by commas.
fn tshark(file: &[u8], fields: &[&str]) -> Vec<Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("capture.pcapng");
    std::fs::write(&path, file).unwrap();
    let mut command = Command::new("tshark");
    command.arg("-r").arg(&path).args(["-n", "-T", "fields", "-E", "separator=|"]);
    command.args(["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"]);
    command.args(["-o", "tcp.check_checksum:TRUE", "-o", "tcp.relative_sequence_numbers:FALSE"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
}

#[test]
fn wireshark_finds_nothing_malformed_and_no_bad_checksum() {
    if !has_tool("tshark") {
        return;
    }
    let packets = every_kind();
    let mut records: Vec<CaptureRecord> = Vec::new();
    for (i, (name, packet)) in packets.iter().enumerate() {
        records.push(record(i as u64, packet, 65_575, Some(name)));
        // Cut in the payload of every packet that is long enough.
        records.push(record(i as u64, packet, 110, Some(name)));
    }
    let file = written(&[interface("a-b:a")], &records);
    const STATUS: [&str; 5] = [
        "ip.checksum.status",
        "udp.checksum.status",
        "icmp.checksum.status",
        "icmpv6.checksum.status",
        "tcp.checksum.status",
    ];
    let fields = [&["frame.comment", "frame.len", "frame.cap_len", "_ws.malformed"][..], &STATUS].concat();
    let rows = tshark(&file, &fields);
    assert_eq!(rows.len(), records.len());
    for (row, record) in rows.iter().zip(&records) {
        assert_eq!(row[0], record.comment.as_deref().unwrap());
        assert_eq!(row[1], record.original_len.to_string(), "{row:?}");
        assert_eq!(row[2], record.bytes.len().to_string(), "{row:?}");
        assert_eq!(row[3], "", "malformed: {row:?}");
        // 0 is bad, 1 good, 2 unverified (parts are missing) (Wireshark: proto_checksum_enum_e).
        for status in &row[4..] {
            assert!(status.split(',').all(|one| one != "0"), "bad checksum: {row:?}");
        }
    }
    // The check above would pass if nothing were verified: in whole packets all but fragments and
    // the cut quotes are.
    for (row, (name, packet)) in rows.iter().step_by(2).zip(&packets) {
        let index = match packet.transport {
            Transport::Tcp(_) => 4,
            Transport::Udp(_) => 1,
            Transport::Icmp(_) => 2,
            Transport::Icmpv6(_) => 3,
            Transport::Other { .. } | Transport::Damaged => continue,
        };
        assert_eq!(row[4 + index].split(',').next(), Some("1"), "{name}: {row:?}");
        assert!(packet.src().is_ipv6() || row[4].starts_with('1'), "{name}: {row:?}");
    }
}

#[test]
fn wireshark_sees_stamps_interfaces_and_ports() {
    if !has_tool("tshark") {
        return;
    }
    let [(src, dst, _), _] = addresses();
    let mut late = record(3_600_000_000_001, &datagram(src, dst, Rope::fill(1, 0, 5)), 65_535, None);
    late.interface = 1;
    let file = written(&[interface("a-b:a"), interface("a-b:b")], &[late]);
    let rows = tshark(&file, &["frame.time_epoch", "frame.interface_name", "udp.srcport", "udp.dstport", "udp.length"]);
    assert_eq!(rows, [["3600.000000001", "a-b:b", "50000", "50001", "13"]]);
}

/// Each field of a header and of its options, as Wireshark reads it.
#[test]
fn wireshark_reads_the_fields_and_options_of_segments() {
    if !has_tool("tshark") {
        return;
    }
    let [(src, dst, _), _] = addresses();
    let segments = segments();
    let packet =
        |(_, header, len): &(_, TcpHeader, u64)| Packet::tcp(src, dst, header.clone(), Rope::fill(7, 3, *len)).unwrap();
    let records: Vec<CaptureRecord> = segments.iter().map(|one| record(0, &packet(one), 65_535, None)).collect();
    let rows = tshark(
        &written(&[interface("a-b:a")], &records),
        &[
            "tcp.seq_raw",
            "tcp.ack_raw",
            "tcp.flags",
            "tcp.window_size_value",
            "tcp.urgent_pointer",
            "tcp.len",
            "tcp.hdr_len",
            "tcp.options.mss_val",
            "tcp.options.wscale.shift",
            "tcp.options.timestamp.tsval",
            "tcp.options.timestamp.tsecr",
            "tcp.options.sack_le",
            "tcp.options.sack_re",
            "tcp.options.tfo.cookie",
        ],
    );
    assert_eq!(rows.len(), segments.len());
    for (row, (name, header, len)) in rows.iter().zip(&segments) {
        let text = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let options = header.options.as_deref().cloned().unwrap_or_default();
        let is_foreign = options.as_received.is_some();
        let edges = |edge: &dyn Fn(&SackBlock) -> u32| {
            options.sack.iter().map(|block| edge(block).to_string()).collect::<Vec<_>>().join(",")
        };
        let stamps = header.timestamps;
        let cookie = options.fast_open.unwrap_or_default().iter().map(|byte| format!("{byte:02x}")).collect();
        // The other layout has MSS, window scale 6, and timestamps 9 and 0.
        let either = |typed: Option<u64>, foreign: u64| text(if is_foreign { Some(foreign) } else { typed });
        let expected = [
            header.sequence.to_string(),
            header.acknowledgment.to_string(),
            format!("0x{:04x}", header.flags.bits()),
            header.window.to_string(),
            header.urgent.to_string(),
            len.to_string(),
            header.wire_len().to_string(),
            either(options.mss.map(u64::from), 1_460),
            either(options.window_scale.map(u64::from), 6),
            either(stamps.map(|stamps| u64::from(stamps.value)), 9),
            either(stamps.map(|stamps| u64::from(stamps.echo)), 0),
            edges(&|block| block.left),
            edges(&|block| block.right),
            cookie,
        ];
        assert_eq!(row[..], expected, "{name}");
    }
}

#[test]
fn wireshark_would_notice_a_bad_checksum() {
    if !has_tool("tshark") {
        return;
    }
    let [(src, dst, _), _] = addresses();
    let mut bad = record(0, &datagram(src, dst, Rope::fill(1, 0, 5)), 65_535, None);
    bad.bytes[30] ^= 1;
    let rows = tshark(&written(&[interface("a-b:a")], &[bad]), &["ip.checksum.status", "udp.checksum.status"]);
    assert_eq!(rows, [["1", "0"]]);
}
