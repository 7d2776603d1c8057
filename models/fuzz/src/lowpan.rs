//! IEEE 802.15.4 and 6LoWPAN: frames, datagrams, and fragments that come in any order.

use protosim_core::{LocalTime, Span};
use protosim_models::ieee802154::{Address, FCS_LEN, Frame};
use protosim_models::lowpan::{
    Adapter, CompressOptions, Context, Contexts, Ends, Headers, ReassemblyLimits, compress, expand,
};
use protosim_models::rope::Rope;

const A: Address = Address::Extended(0x0011_2233_4455_6677);
const B: Address = Address::Short(7);

/// A frame without its check sequence, the content of one, and a list of such contents, each behind its length and the time until it comes:
/// the first byte chooses. What was read is written such that it reads the same, and reassembly keeps within its limits.
pub fn lowpan(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    match choice % 3 {
        0 => frame(data),
        1 => content(data),
        _ => fragments(data),
    }
}

fn contexts() -> Contexts {
    let mut contexts = Contexts::default();
    for (id, (prefix, len)) in
        [("2001:db8::", 64), ("2001:db8:1::", 48), ("2001:db8::ff:fe00:0", 112)].into_iter().enumerate()
    {
        let prefix = prefix.parse().expect("an address");
        assert!(contexts.set(id as u8, Context::new(prefix, len)), "one of sixteen");
    }
    contexts
}

fn frame(data: &[u8]) {
    let Ok(frame) = Frame::decode_without_fcs(data) else { return };
    let bytes = frame.encode();
    assert_eq!(bytes.len(), frame.mpdu_len(), "the length is known without encoding");
    assert_eq!(bytes.len(), data.len() + FCS_LEN, "nothing is added");
    assert_eq!(Frame::decode(&bytes), Ok(frame), "what was read is written such that it reads the same");
}

fn content(data: &[u8]) {
    let Ok((headers, used)) = Headers::decode(data) else { return };
    let mut out = Vec::new();
    headers.encode_into(&mut out);
    assert_eq!(Headers::decode(&out), Ok((headers, out.len())), "what was read is written such that it reads the same");
    let (ends, contexts) = (Ends::of_frame(A, B), contexts());
    let content = &data[used..];
    let Ok(head) = expand(content, ends, &contexts) else { return };
    let rest = Rope::from(content[head.used()..].to_vec());
    let Ok(datagram) = head.finish(&rest) else { return };
    for elides_udp_checksum in [false, true] {
        let options = CompressOptions { elides_udp_checksum };
        // One that came uncompressed may be anything.
        let Ok(compressed) = compress(&datagram, ends, &contexts, options, usize::MAX) else { continue };
        let head = expand(&compressed.head, ends, &contexts).expect("what was written is read");
        assert_eq!((head.used(), head.header_len()), (compressed.head.len(), compressed.covered));
        let rest = datagram.slice(compressed.covered, datagram.len());
        let again = head.finish(&rest).expect("it is no longer than it was");
        assert_eq!(again.to_bytes(), datagram.to_bytes(), "a datagram expands to itself");
    }
}

fn fragments(mut data: &[u8]) {
    let limits = ReassemblyLimits { datagrams: 3, bytes: 3000, timeout: Span::from_secs(5) };
    let mut node = Adapter::new(contexts(), CompressOptions::default(), limits, 0);
    let (mut now, mut drops) = (LocalTime::ZERO, Vec::new());
    while let [len, wait, rest @ ..] = data {
        let (content, behind) = rest.split_at(rest.len().min(usize::from(*len)));
        now = now.saturating_add(Span::from_millis(u64::from(*wait)));
        let content = Rope::from(content.to_vec());
        let came = node.receive(&content, (A, B), now, &mut drops);
        assert!(came.is_none_or(|datagram| datagram.len() <= 0xffff + 40), "length fields hold it");
        assert!(node.reassembler().len() <= limits.datagrams && node.reassembler().bytes() <= limits.bytes);
        assert!(node.next_expiry().is_none_or(|due| due > now), "what is due is gone");
        // One for each fragment that came, and one for each datagram that timed out.
        assert!(drops.len() <= 2 + limits.datagrams);
        drops.clear();
        data = behind;
    }
    node.expire(now.saturating_add(limits.timeout), &mut drops);
    assert!(node.reassembler().is_empty() && node.reassembler().bytes() == 0);
}
