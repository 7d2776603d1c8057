//! Frames of both modules, read by tshark: nothing is malformed, and it finds the addresses, ports and payloads that were sent.
//!
//! Says `skipped` where tshark is missing; with PROTOSIM_REQUIRE_TOOLS=1 it fails.

use super::*;
use crate::ieee802154::{
    Beacon, Capability, Command, Endpoint, Frame, Gts, GtsSlot, KeyIdentifier, PanId, Security, SecurityLevel,
    Superframe,
};
use std::process::Command as Process;

/// Link types of captures: with and without the check sequence.
const WITH_FCS: u32 = 195;
const WITHOUT_FCS: u32 = 230;

/// True if tshark can be started.
fn has_tshark() -> bool {
    if Process::new("tshark").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    let required = std::env::var_os("PROTOSIM_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(!required, "tshark is not installed, and PROTOSIM_REQUIRE_TOOLS=1");
    eprintln!("skipped: tshark is not installed");
    false
}

/// A capture: magic number and version of libpcap, longest frame, link type; each frame with a time and its length twice.
fn pcap(link_type: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [0xa1b2_c3d4, 0x0002_0004, 0, 0, 65_535, link_type] {
        out.extend_from_slice(&u32::to_be_bytes(word));
    }
    for (index, frame) in frames.iter().enumerate() {
        for word in [index as u32, 0, frame.len() as u32, frame.len() as u32] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.extend_from_slice(frame);
    }
    out
}

/// What tshark says of `fields` for each frame, one line each, after it has found nothing malformed and every check sequence right.
fn read(name: &str, link_type: u32, frames: &[Vec<u8>], fields: &[&str]) -> Vec<String> {
    read_with("udp.check_checksum:TRUE", name, link_type, frames, fields)
}

/// The same, with a preference of tshark.
fn read_with(preference: &str, name: &str, link_type: u32, frames: &[Vec<u8>], fields: &[&str]) -> Vec<String> {
    let path = std::env::temp_dir().join(format!("protosim-lowpan-{}-{name}.pcap", std::process::id()));
    std::fs::write(&path, pcap(link_type, frames)).expect("a temporary file");
    let tshark = |arguments: &[&str]| {
        let mut process = Process::new("tshark");
        process.arg("-r").arg(&path).args(["-o", "6lowpan.context1:2001:db8::/64", "-o", preference]);
        let output = process.args(arguments).output().expect("tshark starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    // Warnings and errors, but for those of a group: that it has no key to decrypt with.
    let bad = "_ws.malformed || wpan.fcs_ok == 0 || udp.checksum.status == 0 || \
               (_ws.expert.severity >= 6291456 && !(_ws.expert.group == 83886080))";
    let listed: Vec<&str> = fields.iter().flat_map(|field| ["-e", field]).collect();
    let good = format!("!({bad})");
    let lines = tshark(&[&["-Y", &good, "-T", "fields", "-E", "separator=|"], &listed[..]].concat());
    assert!(lines.lines().count() == frames.len(), "{}", tshark(&["-V", "-Y", bad]));
    std::fs::remove_file(&path).expect("the file is there");
    lines.lines().map(str::to_owned).collect()
}

const PAN: PanId = PanId(0xabcd);

fn end(address: Address) -> Endpoint {
    Endpoint { pan: PAN, address }
}

fn data(content: &[u8]) -> Vec<u8> {
    Frame::data(1, end(A), end(B), rope(content)).encode()
}

/// The datagram in one frame from A to B, with context 1.
fn frame(datagram: &[u8], options: CompressOptions) -> Vec<u8> {
    data(&there_and_back(datagram, between_a_and_b(), &contexts(), options))
}

#[test]
fn frames_of_the_link_are_read() {
    if !has_tshark() {
        return;
    }
    let (child, parent) = (end(Address::Short(2)), end(Address::Short(1)));
    let everyone = Endpoint { pan: PanId::BROADCAST, address: Address::BROADCAST };
    let request =
        Frame { source: None, compresses_pan: false, ..Frame::command(5, child, everyone, Command::BeaconRequest) };
    let gts = Gts { is_permitted: true, slots: vec![GtsSlot { address: 2, start: 12, len: 2, is_receive: true }] };
    let beacon = Beacon {
        superframe: Superframe { permits_association: true, ..Superframe::default() },
        gts,
        pending_short: vec![2, 3],
        pending_extended: vec![0x0011_2233_4455_6677],
        ..Beacon::default()
    };
    let stray = Endpoint { pan: PanId::BROADCAST, address: A };
    let capability = Capability { wants_address: true, ..Capability::default() };
    let association = Command::AssociationResponse { short: 0x1234, status: 0 };
    let slots = Command::GtsRequest { len: 3, is_receive: true, is_allocation: true };
    let frames = [
        Frame::ack(7, true),
        Frame::data_request(8, end(A), parent),
        request,
        Frame::beacon(9, parent, beacon),
        Frame::command(10, stray, parent, Command::AssociationRequest(capability)),
        Frame::command(11, end(B), end(A), association),
        Frame::command(12, end(A), end(B), Command::DisassociationNotification { reason: 2 }),
        // To the coordinator, without an address (§7.3.9).
        Frame { destination: None, compresses_pan: false, ..Frame::command(13, child, parent, slots) },
    ];
    let encoded: Vec<Vec<u8>> = frames.iter().map(Frame::encode).collect();
    let fields = [
        "wpan.frame_type",
        "wpan.seq_no",
        "wpan.pending",
        "wpan.ack_request",
        "wpan.dst16",
        "wpan.src16",
        "wpan.src64",
        "wpan.cmd",
    ];
    // tshark 4.0 has numbers for types and commands.
    let expected = [
        "0x0002|7|1|0||||",
        "0x0003|8|0|1|0x0001||00:11:22:33:44:55:66:77|0x04",
        "0x0003|5|0|0|0xffff|||0x07",
        "0x0000|9|0|0||0x0001||",
        "0x0003|10|0|1|0x0001||00:11:22:33:44:55:66:77|0x01",
        "0x0003|11|0|1|||00:11:22:33:44:55:66:88|0x02",
        "0x0003|12|0|1|||00:11:22:33:44:55:66:77|0x03",
        "0x0003|13|0|1||0x0002||0x09",
    ];
    assert_eq!(read("link", WITH_FCS, &encoded, &fields), expected);
    let without: Vec<Vec<u8>> = frames.iter().map(Frame::encode_without_fcs).collect();
    assert_eq!(read("link-without", WITHOUT_FCS, &without, &fields), expected);
}

#[test]
fn secured_frames_have_the_headers_that_were_written() {
    if !has_tshark() {
        return;
    }
    let keys = [
        (KeyIdentifier::Implicit, "0x00|"),
        (KeyIdentifier::Index(3), "0x01|0x03"),
        (KeyIdentifier::Source4([1; 4], 4), "0x02|0x04"),
        (KeyIdentifier::Source8([2; 8], 5), "0x03|0x05"),
    ];
    let (mut frames, mut expected) = (Vec::new(), Vec::new());
    for (key, shown) in keys {
        let security = Security::sized(SecurityLevel::ENC_MIC_64, 0x0102_0304, key);
        frames.push(Frame::data(1, end(A), end(B), rope(b"secret")).secured(security).encode());
        expected.push(format!("6|{shown}|16909060"));
    }
    let fields =
        ["wpan.aux_sec.sec_level", "wpan.aux_sec.key_id_mode", "wpan.aux_sec.key_index", "wpan.aux_sec.frame_counter"];
    let found = read("security", WITH_FCS, &frames, &fields);
    let numbers = |line: &String| line.replace("0x06", "6");
    assert_eq!(found.iter().map(numbers).collect::<Vec<_>>(), expected);
}

#[test]
fn compressed_datagrams_are_read() {
    if !has_tshark() {
        return;
    }
    let global = ("2001:db8::211:2233:4455:6677", "2001:db8::211:2233:4455:6688");
    let mut cases: Vec<(Header, (u16, u16))> = Vec::new();
    for (source, destination) in [
        ("fe80::211:2233:4455:6677", "fe80::211:2233:4455:6688"),
        global,
        ("2001:db8::ff:fe00:1", "2001:db8::5"),
        ("2001:db8:7::1", "fe80::1"),
        ("::", "ff02::1a"),
        ("fe80::ff:fe00:9", "ff05::1:3"),
        ("fe80::1", "ff02::1:ff00:1"),
        ("fe80::1", "ff0e:1:2::3"),
        ("fe80::1", "ff35:40:2001:db8::7"),
    ] {
        cases.push((Header::new(source, destination), (0xf0b1, 0xf0b2)));
    }
    let base = Header::new(global.0, global.1);
    for (class, flow, hop_limit) in [(0xb9, 0xabcde, 1), (2, 0xabcde, 255), (0xb9, 0, 63), (3, 0, 64)] {
        cases.push((Header { class, flow, hop_limit, ..base }, (1000, 2000)));
    }
    cases.extend([(base, (1000, 0xf012)), (base, (0xf034, 2000))]);
    let fields = [
        "ipv6.src",
        "ipv6.dst",
        "ipv6.tclass",
        "ipv6.flow",
        "ipv6.hlim",
        "udp.srcport",
        "udp.dstport",
        "udp.length",
        "data.data",
    ];
    // Wireshark shows the flow label with five or six digits, by version.
    let digits = |line: String| line.replace("|0x00000|", "|0x000000|").replace("|0xabcde|", "|0x0abcde|");
    let expected: Vec<String> = cases
        .iter()
        .map(|(Header { class, flow, hop_limit, source, destination }, (from, to))| {
            format!("{source}|{destination}|0x{class:08x}|0x{flow:06x}|{hop_limit}|{from}|{to}|13|68656c6c6f")
        })
        .collect();
    // Where the checksum is left out, tshark 4.0 shows ffff and calls that wrong: it is not asked.
    for (elides_udp_checksum, preference) in [(false, "udp.check_checksum:TRUE"), (true, "udp.check_checksum:FALSE")] {
        let options = CompressOptions { elides_udp_checksum };
        let one = |(header, ports): &(Header, (u16, u16))| frame(&header.udp_datagram(*ports, b"hello"), options);
        let frames: Vec<Vec<u8>> = cases.iter().map(one).collect();
        let found = read_with(preference, "compressed", WITH_FCS, &frames, &fields);
        assert_eq!(found.into_iter().map(digits).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn extension_headers_are_read() {
    if !has_tshark() {
        return;
    }
    let local = Header::new("fe80::211:2233:4455:6677", "fe80::211:2233:4455:6688");
    let udp = local.udp((0xf0b1, 0xf0b2), b"hello");
    let inner = Header::new("2001:db8::211:2233:4455:6677", "2001:db8::211:2233:4455:6688");
    let checksum = local.checksum(135, &hex("3b 00 00 00 00 00 00 00"));
    // A routing type for experiments (RFC 4727), and a mobility header that asks for a binding anew (RFC 6275 §6.1.2).
    let routing = hex("11 00 fd 00 00 00 00 00");
    let mobility = [hex("3b 00 00 00"), checksum.to_be_bytes().to_vec(), hex("00 00")].concat();
    let datagrams = [
        local.around(0, &[hex("11 00 05 02 00 00 01 00"), udp.clone()].concat()),
        local.around(60, &[hex("11 00 1e 03 07 07 07 00"), udp.clone()].concat()),
        local.around(43, &[routing, udp.clone()].concat()),
        local.around(44, &[hex("11 00 00 00 12 34 56 78"), udp.clone()].concat()),
        local.around(135, &mobility),
        local.around(41, &inner.udp_datagram((0xf0b1, 0xf0b2), b"hello")),
        local.around(0, &[hex("3c 00 05 02 00 00 01 00"), hex("11 00 1e 03 07 07 07 00"), udp].concat()),
    ];
    let frames: Vec<Vec<u8>> = datagrams.iter().map(|datagram| frame(datagram, CompressOptions::default())).collect();
    // 7e in the first byte, or it would not be compressed at all.
    assert!(frames.iter().all(|frame| frame[21] == 0x7e));
    let fields = ["ipv6.nxt", "ipv6.plen", "udp.payload", "ipv6.src"];
    let found = read("extensions", WITH_FCS, &frames, &fields);
    let outer = local.source;
    let hello = "68656c6c6f";
    let expected = [
        format!("0|21|{hello}|{outer}"),
        format!("60|21|{hello}|{outer}"),
        format!("43|21|{hello}|{outer}"),
        format!("44|21|{hello}|{outer}"),
        format!("135|8||{outer}"),
        format!("41,17|53,13|{hello}|{outer},{}", inner.source),
        format!("0|29|{hello}|{outer}"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn fragments_are_put_together() {
    if !has_tshark() {
        return;
    }
    let header = Header::new("2001:db8::211:2233:4455:6677", "2001:db8::211:2233:4455:6688");
    let payload: Vec<u8> = (0..1232_u32).map(|index| (index * 3) as u8).collect();
    let datagram = header.udp_datagram((0xf0b1, 1234), &payload);
    assert_eq!(datagram.len(), 1280);
    let mut node = Adapter::new(contexts(), CompressOptions::default(), ReassemblyLimits::default(), 9);
    let compressed = node.send(rope(&datagram), A, B, 104).unwrap();
    let uncompressed = Fragments::new(rope(&datagram), Compressed::none(), 104, 10).unwrap();
    let frames: Vec<Vec<u8>> = compressed.chain(uncompressed).map(|content| data(&content.to_bytes())).collect();
    assert_eq!(frames.len(), 13 + 14);
    let found = read("fragments", WITH_FCS, &frames, &["6lowpan.frag.size", "ipv6.dst", "udp.length", "udp.payload"]);
    let text: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
    // The whole datagram is shown where its last fragment is.
    let whole = format!("1280|{}|1240|{text}", header.destination);
    for (index, line) in found.iter().enumerate() {
        let expected = if index == 12 || index == 26 { whole.clone() } else { "1280|||".to_owned() };
        assert_eq!(*line, expected, "frame {index}");
    }
}

#[test]
fn mesh_and_broadcast_headers_are_read() {
    if !has_tshark() {
        return;
    }
    let datagram =
        Header::new("fe80::211:2233:4455:6677", "fe80::211:2233:4455:6688").udp_datagram((0xf0b1, 0xf0b2), b"hello");
    let content = there_and_back(&datagram, between_a_and_b(), &Contexts::default(), CompressOptions::default());
    let mesh = |hops_left, broadcast| {
        let mesh = Mesh { hops_left, originator: A, final_destination: B };
        let mut out = Vec::new();
        Headers { mesh: Some(mesh), broadcast, fragment: None }.encode_into(&mut out);
        out.extend_from_slice(&content);
        Frame::data(1, end(Address::Short(1)), end(Address::Short(2)), Rope::from(out)).encode()
    };
    let frames = [mesh(3, None), mesh(20, Some(9))];
    let fields = ["6lowpan.mesh.orig64", "6lowpan.mesh.dest64", "6lowpan.bcast.seqnum", "ipv6.src", "data.data"];
    let found = read("mesh", WITH_FCS, &frames, &fields);
    let (a, b) = ("0x0011223344556677", "0x0011223344556688");
    let rest = "fe80::211:2233:4455:6677|68656c6c6f";
    assert_eq!(found, [format!("{a}|{b}||{rest}"), format!("{a}|{b}|9|{rest}")]);
}
