//! What is refused, and with which reason code: each case is one byte or field away from a packet that is accepted.

use crate::mqtt::wire::{Decoder, Place, Property, ReasonCode, Version};
use crate::rope::Rope;
use ReasonCode::{MalformedPacket, ProtocolError, TopicAliasInvalid, UnsupportedProtocolVersion};

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("two hexadecimal digits")).collect()
}

const CONNECT_311: &str = "10 0e 00 04 4d 51 54 54 04 02 00 3c 00 02 63 31";
const CONNECT_5: &str = "10 0f 00 04 4d 51 54 54 05 02 00 3c 00 00 02 63 31";

/// What a server says to `hex`, behind a CONNECT if one is given.
fn at_server(connect: &str, hex: &str) -> Result<bool, (ReasonCode, &'static str)> {
    let mut decoder = Decoder::of_server();
    decoder.push(&Rope::from(bytes(connect)));
    if !connect.is_empty() {
        assert!(decoder.next_packet().unwrap().is_some());
    }
    decoder.push(&Rope::from(bytes(hex)));
    decoder.next_packet().map(|packet| packet.is_some()).map_err(|fault| (fault.reason, fault.rule))
}

fn at_client(version: Version, hex: &str) -> Result<bool, (ReasonCode, &'static str)> {
    let mut decoder = Decoder::of_client(version);
    decoder.push(&Rope::from(bytes(hex)));
    decoder.next_packet().map(|packet| packet.is_some()).map_err(|fault| (fault.reason, fault.rule))
}

#[test]
fn at_a_server_before_connect() {
    for (hex, reason, rule) in [
        ("c0 00", ProtocolError, "MQTT-3.1.0-1"),
        ("00 00", MalformedPacket, "v5 §2.1.2"),
        ("11 0e", MalformedPacket, "MQTT-2.1.3-1"),
        ("20 02 00 00", ProtocolError, "v5 §2.1.2"),
        ("10 0e 00 04 4d 51 54 74 04 02 00 3c 00 02 63 31", UnsupportedProtocolVersion, "MQTT-3.1.2-1"),
        // MQTT 3.1.
        ("10 10 00 06 4d 51 49 73 64 70 03 02 00 3c 00 02 63 31", UnsupportedProtocolVersion, "MQTT-3.1.2-1"),
        ("10 0e 00 04 4d 51 54 54 06 02 00 3c 00 02 63 31", UnsupportedProtocolVersion, "MQTT-3.1.2-2"),
        ("10 0e 00 04 4d 51 54 54 04 03 00 3c 00 02 63 31", MalformedPacket, "MQTT-3.1.2-3"),
        ("10 0e 00 04 4d 51 54 54 04 1e 00 3c 00 02 63 31", MalformedPacket, "MQTT-3.1.2-12"),
        ("10 0e 00 04 4d 51 54 54 04 0a 00 3c 00 02 63 31", ProtocolError, "MQTT-3.1.2-11"),
        ("10 0e 00 04 4d 51 54 54 04 22 00 3c 00 02 63 31", ProtocolError, "MQTT-3.1.2-13"),
        ("10 11 00 04 4d 51 54 54 04 42 00 3c 00 02 63 31 00 01 61", ProtocolError, "3.1.1 MQTT-3.1.2-22"),
        // A will without topic or payload; one byte too many; one too few.
        ("10 0e 00 04 4d 51 54 54 04 06 00 3c 00 02 63 31", MalformedPacket, "v5 §1.2"),
        ("10 0f 00 04 4d 51 54 54 04 02 00 3c 00 02 63 31 00", MalformedPacket, "v5 §1.2"),
        ("10 0d 00 04 4d 51 54 54 04 02 00 3c 00 02 63", MalformedPacket, "v5 §1.2"),
        // Properties whose length passes the end; a will's topic with a wildcard.
        ("10 0f 00 04 4d 51 54 54 05 02 00 3c 7f 00 02 63 31", MalformedPacket, "v5 §1.2"),
        ("10 14 00 04 4d 51 54 54 04 06 00 3c 00 02 63 31 00 01 23 00 01 61", ProtocolError, "MQTT-3.3.2-2"),
        // Its length in more bytes than needed, in 5.0; in 3.1.1 nothing says that it may not be.
        ("10 8f 00 00 04 4d 51 54 54 05 02 00 3c 00 00 02 63 31", MalformedPacket, "MQTT-1.5.5-1"),
        ("10 ff ff ff ff", MalformedPacket, "v5 §1.5.5"),
    ] {
        assert_eq!(at_server("", hex), Err((reason, rule)), "{hex}");
    }
    for hex in [
        CONNECT_311,
        CONNECT_5,
        "10 8e 00 00 04 4d 51 54 54 04 02 00 3c 00 02 63 31",
        // 5.0: a password without a user name.
        "10 12 00 04 4d 51 54 54 05 42 00 3c 00 00 02 63 31 00 01 61",
    ] {
        assert_eq!(at_server("", hex), Ok(true), "{hex}");
    }
}

#[test]
fn at_a_server_of_both_versions() {
    for (of_311, of_5, reason, rule) in [
        (CONNECT_311, CONNECT_5, ProtocolError, "MQTT-3.1.0-2"),
        ("36 09 00 03 61 2f 62 00 0a 68 69", "36 0a 00 03 61 2f 62 00 0a 00 68 69", MalformedPacket, "MQTT-3.3.1-4"),
        ("38 07 00 03 61 2f 62 68 69", "38 08 00 03 61 2f 62 00 68 69", ProtocolError, "MQTT-3.3.1-2"),
        ("32 09 00 03 61 2f 62 00 00 68 69", "32 0a 00 03 61 2f 62 00 00 00 68 69", ProtocolError, "MQTT-2.2.1-3"),
        ("30 07 00 03 61 2f 2b 68 69", "30 08 00 03 61 2f 23 00 68 69", ProtocolError, "MQTT-3.3.2-2"),
        ("30 07 00 03 61 00 62 68 69", "30 08 00 03 61 00 62 00 68 69", MalformedPacket, "MQTT-1.5.4-2"),
        ("60 02 00 0b", "60 02 00 0b", MalformedPacket, "MQTT-2.1.3-1"),
        ("42 02 00 0b", "42 02 00 0b", MalformedPacket, "MQTT-2.1.3-1"),
        ("80 08 00 0a 00 03 61 2f 62 01", "80 09 00 0a 00 00 03 61 2f 62 01", MalformedPacket, "MQTT-2.1.3-1"),
        ("a0 07 00 0c 00 03 61 2f 62", "a0 08 00 0c 00 00 03 61 2f 62", MalformedPacket, "MQTT-2.1.3-1"),
        ("40 02 00 00", "40 02 00 00", ProtocolError, "MQTT-2.2.1-3"),
        ("82 02 00 0a", "82 03 00 0a 00", ProtocolError, "MQTT-3.8.3-2"),
        ("a2 02 00 0a", "a2 03 00 0a 00", ProtocolError, "MQTT-3.10.3-2"),
        ("82 08 00 0a 00 03 61 2b 62 01", "82 09 00 0a 00 00 03 61 2b 62 01", ProtocolError, "MQTT-4.7.1-2"),
        ("82 08 00 0a 00 03 23 2f 62 01", "82 09 00 0a 00 00 03 23 2f 62 01", ProtocolError, "MQTT-4.7.1-1"),
        ("82 05 00 0a 00 00 01", "82 06 00 0a 00 00 00 01", ProtocolError, "MQTT-4.7.3-1"),
        ("c0 01", "c0 01", MalformedPacket, "v5 §3.12"),
    ] {
        assert_eq!(at_server(CONNECT_311, of_311), Err((reason, rule)), "{of_311}");
        assert_eq!(at_server(CONNECT_5, of_5), Err((reason, rule)), "{of_5}");
    }
    for (of_311, reason, rule) in [
        ("82 08 00 0a 00 03 61 2f 62 03", MalformedPacket, "3.1.1 MQTT-3-8.3-4"),
        ("82 08 00 0a 00 03 61 2f 62 04", MalformedPacket, "MQTT-3.8.3-5"),
        ("30 02 00 00", ProtocolError, "MQTT-4.7.3-1"),
        ("f0 00", MalformedPacket, "3.1.1 §2.2.1"),
        ("e0 01 00", MalformedPacket, "v5 §1.2"),
        ("40 03 00 0a 00", MalformedPacket, "v5 §1.2"),
    ] {
        assert_eq!(at_server(CONNECT_311, of_311), Err((reason, rule)), "{of_311}");
    }
    // Not shared in 3.1.1: a filter like others.
    assert_eq!(at_server(CONNECT_311, "82 0c 00 01 00 07 24 73 68 61 72 65 2f 01"), Ok(true));
    // A length in more bytes than needed is one in 3.1.1.
    assert_eq!(at_server(CONNECT_311, "c0 80 00"), Ok(true));
    assert_eq!(at_server(CONNECT_5, "c0 80 00"), Err((MalformedPacket, "MQTT-1.5.5-1")));
}

#[test]
fn at_a_server_of_5_0() {
    for (hex, reason, rule) in [
        // Neither topic nor alias; an alias of 0; the number of a subscription.
        ("30 03 00 00 00", ProtocolError, "v5 §3.3.2.1"),
        ("30 09 00 03 61 2f 62 03 23 00 00", TopicAliasInvalid, "MQTT-3.3.2-8"),
        ("30 08 00 03 61 2f 62 02 0b 05", ProtocolError, "MQTT-3.3.4-6"),
        // Twice; not here; not known; neither 0 nor 1; cut.
        ("30 0a 00 03 61 2f 62 04 01 00 01 00", ProtocolError, "v5 §2.2.2.2"),
        ("30 09 00 03 61 2f 62 03 21 00 05", MalformedPacket, "v5 §2.2.2.2"),
        ("30 08 00 03 61 2f 62 02 04 00", MalformedPacket, "v5 §2.2.2.2"),
        ("30 09 00 03 61 2f 62 03 81 01 00", MalformedPacket, "v5 §2.2.2.2"),
        ("30 08 00 03 61 2f 62 02 01 02", ProtocolError, "v5 §2.2.2.2"),
        ("30 08 00 03 61 2f 62 02 02 00", MalformedPacket, "v5 §1.2"),
        // A length of properties in more bytes than needed; a response topic with a wildcard.
        ("30 07 00 03 61 2f 62 80 00", MalformedPacket, "MQTT-1.5.5-1"),
        ("30 0a 00 03 61 2f 62 04 08 00 01 2b", ProtocolError, "MQTT-3.3.2-14"),
        // Subscription options: QoS 3, retain handling 3, reserved bits, No Local with a share; numbers of 0 and twice.
        ("82 09 00 0a 00 00 03 61 2f 62 03", ProtocolError, "v5 §3.8.3.1"),
        ("82 09 00 0a 00 00 03 61 2f 62 31", ProtocolError, "v5 §3.8.3.1"),
        ("82 09 00 0a 00 00 03 61 2f 62 41", MalformedPacket, "MQTT-3.8.3-5"),
        ("82 12 00 01 00 00 0c 24 73 68 61 72 65 2f 67 2f 61 2f 62 05", ProtocolError, "MQTT-3.8.3-4"),
        ("82 0d 00 01 00 00 07 24 73 68 61 72 65 2f 01", ProtocolError, "MQTT-4.8.2-1"),
        ("82 0b 00 0a 02 0b 00 00 03 61 2f 62 01", ProtocolError, "v5 §3.8.2.1.2"),
        ("82 0d 00 0a 04 0b 01 0b 02 00 03 61 2f 62 01", ProtocolError, "v5 §2.2.2.2"),
        // Reason codes that are none, or not of this packet.
        ("40 03 00 0a 05", MalformedPacket, "v5 §2.4"),
        ("40 03 00 0a 04", ProtocolError, "v5 §2.4"),
        ("62 03 00 0a 10", ProtocolError, "v5 §2.4"),
        ("e0 01 86", ProtocolError, "v5 §2.4"),
        // Authentication data without their method; bytes behind the end.
        ("f0 06 18 04 16 00 01 61", ProtocolError, "v5 §3.1.2.11.10"),
        ("e0 03 00 00 00", MalformedPacket, "v5 §1.2"),
    ] {
        assert_eq!(at_server(CONNECT_5, hex), Err((reason, rule)), "{hex}");
    }
    for hex in [
        "30 06 00 03 61 2f 62 00",
        // The longer forms of what is mostly shortened.
        "40 03 00 0a 00",
        "40 04 00 0a 00 00",
        "40 04 00 0a 10 00",
        "e0 01 00",
        "e0 02 00 00",
        "f0 00",
    ] {
        assert_eq!(at_server(CONNECT_5, hex), Ok(true), "{hex}");
    }
}

#[test]
fn at_a_client() {
    for (hex, reason, rule) in [
        ("20 03 02 00 00", MalformedPacket, "MQTT-3.2.2-1"),
        ("20 03 01 87 00", ProtocolError, "MQTT-3.2.2-6"),
        ("20 06 00 00 03 21 00 00", ProtocolError, "v5 §3.1.2.11.3"),
        ("20 08 00 00 05 27 00 00 00 00", ProtocolError, "v5 §3.1.2.11.4"),
        ("20 05 00 00 02 24 02", ProtocolError, "v5 §3.2.2.3.4"),
        ("20 03 00 04 00", ProtocolError, "v5 §2.4"),
        ("e0 07 00 05 11 00 00 00 00", ProtocolError, "MQTT-3.14.2-2"),
        ("82 09 00 0a 00 00 03 61 2f 62 01", ProtocolError, "v5 §2.1.2"),
    ] {
        assert_eq!(at_client(Version::V5, hex), Err((reason, rule)), "{hex}");
    }
    for (hex, reason, rule) in [
        ("20 02 01 05", ProtocolError, "MQTT-3.2.2-6"),
        ("20 02 00 06", MalformedPacket, "3.1.1 §3.2.2.3"),
        ("90 03 00 0a 03", MalformedPacket, "3.1.1 MQTT-3.9.3-2"),
        ("b0 03 00 0a 00", MalformedPacket, "v5 §1.2"),
        ("e0 00", ProtocolError, "v5 §2.1.2"),
    ] {
        assert_eq!(at_client(Version::V311, hex), Err((reason, rule)), "{hex}");
    }
    assert_eq!(at_client(Version::V5, "30 0a 00 03 61 2f 62 04 0b 05 0b 06"), Ok(true));
}

/// The table of v5 §2.2.2.2, from the side of the packets, as the sheet has it.
#[test]
fn properties_and_their_packets() {
    use Place::{
        Auth, Connack, Connect, Disconnect, Puback, Pubcomp, Publish, Pubrec, Pubrel, Suback, Subscribe, Unsuback,
        Unsubscribe, Will,
    };
    let table: [(Place, &[u8]); 14] = [
        (Connect, &[0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27]),
        (Will, &[0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26]),
        (
            Connack,
            &[0x11, 0x12, 0x13, 0x15, 0x16, 0x1a, 0x1c, 0x1f, 0x21, 0x22, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a],
        ),
        (Publish, &[0x01, 0x02, 0x03, 0x08, 0x09, 0x0b, 0x23, 0x26]),
        (Puback, &[0x1f, 0x26]),
        (Pubrec, &[0x1f, 0x26]),
        (Pubrel, &[0x1f, 0x26]),
        (Pubcomp, &[0x1f, 0x26]),
        (Subscribe, &[0x0b, 0x26]),
        (Suback, &[0x1f, 0x26]),
        (Unsubscribe, &[0x26]),
        (Unsuback, &[0x1f, 0x26]),
        (Disconnect, &[0x11, 0x1c, 0x1f, 0x26]),
        (Auth, &[0x15, 0x16, 0x1f, 0x26]),
    ];
    for (place, identifiers) in table {
        for identifier in 0..=255 {
            let is_allowed = Property::is_allowed_in(identifier, place);
            assert_eq!(is_allowed, identifiers.contains(&identifier), "{identifier:#x} in {place:?}");
        }
    }
}
