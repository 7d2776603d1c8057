//! As much of DER (X.690) as certificates, OCSP responses and ECDSA signatures need. Lengths must come out to the byte,
//! which a writer of this size makes easy.

/// INTEGER.
pub(super) const INTEGER: u8 = 0x02;
/// BIT STRING.
pub(super) const BIT_STRING: u8 = 0x03;
/// OCTET STRING.
pub(super) const OCTET_STRING: u8 = 0x04;
/// OBJECT IDENTIFIER.
pub(super) const OID: u8 = 0x06;
/// SEQUENCE.
pub(super) const SEQUENCE: u8 = 0x30;
/// SET.
pub(super) const SET: u8 = 0x31;

/// A value with its tag and length; its contents are the joined `parts`.
pub(super) fn node(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(len + 5);
    out.push(tag);
    let bytes = (len as u32).to_be_bytes();
    match len {
        0..0x80 => out.push(len as u8),
        _ => {
            let used = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
            out.push(0x80 | used.len() as u8);
            out.extend_from_slice(used);
        }
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// A SEQUENCE of `parts`.
pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    node(SEQUENCE, parts)
}

/// An INTEGER of a big-endian number that is not negative.
pub(super) fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    match &number[zeros..] {
        [] => node(INTEGER, &[&[0]]),
        number if number[0] >= 0x80 => node(INTEGER, &[&[0], number]),
        number => node(INTEGER, &[number]),
    }
}

/// A BIT STRING of whole bytes.
pub(super) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    node(BIT_STRING, &[&[0], bytes])
}

/// A `[number]` of a constructed type.
pub(super) fn context(number: u8, parts: &[&[u8]]) -> Vec<u8> {
    node(0xa0 | number, parts)
}

/// Takes values off the front of a slice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

/// A value as it stood there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    /// Its tag.
    pub(super) tag: u8,
    /// What is in it.
    pub(super) contents: &'a [u8],
    /// With tag and length.
    pub(super) whole: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// True if nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next value, whatever it is; `None` for what is not DER.
    pub(super) fn any(&mut self) -> Option<Value<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (len, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // Up to 3 bytes of length; 0x80 alone is BER.
            0x81..=0x83 => {
                let (len, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let value = len.iter().fold(0, |value, byte| value << 8 | usize::from(*byte));
                // The shortest form.
                (value >= 0x80 && len[0] != 0).then_some((value, rest))?
            }
            _ => return None,
        };
        let (contents, behind) = rest.split_at_checked(len)?;
        let whole = &self.0[..self.0.len() - behind.len()];
        self.0 = behind;
        Some(Value { tag, contents, whole })
    }

    /// The next value, if it has this tag.
    pub(super) fn value(&mut self, tag: u8) -> Option<Value<'a>> {
        self.any().filter(|value| value.tag == tag)
    }

    /// The contents of the next value, if it has this tag.
    pub(super) fn contents(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.value(tag).map(|value| value.contents)
    }

    /// The next value, if it is an INTEGER that is not negative: big-endian, without the zero byte of its sign.
    pub(super) fn unsigned(&mut self) -> Option<&'a [u8]> {
        match self.contents(INTEGER)? {
            [0, rest @ ..] if rest.first().is_some_and(|byte| *byte >= 0x80) => Some(rest),
            number @ [0..0x80, ..] if number.len() == 1 || number[0] != 0 => Some(number),
            _ => None,
        }
    }

    /// The bytes of the next value, if it is a BIT STRING of whole bytes.
    pub(super) fn bits(&mut self) -> Option<&'a [u8]> {
        match self.contents(BIT_STRING)? {
            [0, bits @ ..] => Some(bits),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_the_shortest() {
        for (len, header) in [(0x7f, 2), (0x80, 3), (0xff, 3), (0x100, 4), (0xffff, 4), (0x10000, 5)] {
            let contents = vec![7; len];
            let whole = node(OCTET_STRING, &[&contents]);
            assert_eq!(whole.len(), header + len);
            let value = Reader::new(&whole).value(OCTET_STRING).unwrap();
            assert_eq!((value.contents, value.whole), (&contents[..], &whole[..]));
        }
        // Longer than need be, indefinite, cut off.
        for bad in [&[4, 0x81, 1, 0][..], &[4, 0x82, 0, 0x80], &[4, 0x80, 0, 0], &[4, 2, 0], &[4]] {
            assert!(Reader::new(bad).any().is_none(), "{bad:?}");
        }
    }

    #[test]
    fn integers_keep_their_sign_off() {
        // X.690 §8.3: 128 takes two bytes, 127 one.
        assert_eq!(integer(&[0, 0, 127]), [2, 1, 127]);
        assert_eq!(integer(&[128]), [2, 2, 0, 128]);
        assert_eq!(integer(&[]), [2, 1, 0]);
        assert_eq!(Reader::new(&[2, 2, 0, 128]).unsigned(), Some(&[128][..]));
        assert_eq!(Reader::new(&[2, 1, 0]).unsigned(), Some(&[0][..]));
        assert_eq!(Reader::new(&[2, 2, 0, 127]).unsigned(), None);
        assert_eq!(Reader::new(&[2, 1, 128]).unsigned(), None);
    }
}
