//! Messages and ChannelData on a stream.

use super::super::wire::frame::{
    FIRST_CHANNEL, Frame, FrameReader, LAST_CHANNEL, LAST_OLD_CHANNEL, channel_data, frame,
};
use super::super::wire::{Class, MessageType, Method, TransactionId, Writer};
use crate::rope::Rope;
use proptest::prelude::*;

/// I17: 4 bytes more; over a stream a multiple of four.
#[test]
fn channel_data_is_four_bytes_longer() {
    assert_eq!(channel_data(0x4000, &Rope::fill(1, 0, 100), false).len(), 104);
    assert_eq!(channel_data(0x4000, &Rope::fill(1, 0, 101), false).len(), 105);
    assert_eq!(channel_data(0x4000, &Rope::fill(1, 0, 101), true).len(), 108);
    let bytes = channel_data(0x4001, &Rope::from(vec![1, 2, 3]), true).to_bytes();
    assert_eq!(bytes.to_vec(), [0x40, 1, 0, 3, 1, 2, 3, 0]);
}

#[test]
fn what_begins_a_frame() {
    assert_eq!(frame([0, 1, 0, 0]), Some(Frame::Stun));
    assert_eq!(frame([0x3f, 0xff, 0, 8]), Some(Frame::Stun));
    assert_eq!(frame([0x40, 0, 1, 2]), Some(Frame::Channel(FIRST_CHANNEL, 0x102)));
    assert_eq!(frame([0x4f, 0xff, 0, 0]), Some(Frame::Channel(LAST_CHANNEL, 0)));
    // RFC 5766 §11 has channels up to 0x7fff, RFC 8656 §12 up to 0x4fff; RTP begins with 0x80.
    assert_eq!(frame([0x7f, 0xff, 0, 0]), Some(Frame::Channel(LAST_OLD_CHANNEL, 0)));
    assert_eq!(frame([0x80, 0, 0, 0]), None);
}

proptest! {
    /// However the stream is cut, the same frames come out.
    #[test]
    fn a_stream_is_cut_into_its_frames(lens in prop::collection::vec((any::<bool>(), 0_u64..50), 0..8), pieces in prop::collection::vec(1_u64..40, 1..20)) {
        let (mut stream, mut frames) = (Rope::new(), Vec::new());
        for (index, (is_data, len)) in lens.iter().enumerate() {
            let data = Rope::fill(index as u32, 0, *len);
            if *is_data {
                stream.append(&channel_data(0x4000, &data, true));
                frames.push(channel_data(0x4000, &data, false).to_bytes());
            } else {
                let kind = MessageType::new(Class::Indication, Method(*len as u16));
                let message = Rope::from(Writer::new(kind, TransactionId([0; 12])).finish());
                stream.append(&message);
                frames.push(message.to_bytes());
            }
        }
        let (mut reader, mut read, mut at) = (FrameReader::default(), Vec::new(), 0);
        for piece in pieces.iter().cycle() {
            reader.push(&stream.slice(at, *piece));
            while let Some(frame) = reader.next_frame().unwrap() {
                read.push(frame.to_bytes());
            }
            at += piece;
            if at >= stream.len() {
                break;
            }
        }
        prop_assert_eq!(read, frames);
    }

    #[test]
    fn any_stream_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let mut reader = FrameReader::default();
        reader.push(&Rope::from(bytes));
        while let Ok(Some(_)) = reader.next_frame() {}
    }
}
