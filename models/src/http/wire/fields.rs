//! Header fields (RFC 9110 §5): names without case, values as they are.

use super::Fault;

/// One field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name, as written.
    pub name: String,
    /// Its value, without the space around it.
    pub value: Vec<u8>,
}

/// The fields of a head or of trailers, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fields(Vec<Field>);

/// True for `tchar` (RFC 9110 §5.6.2).
const fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

/// True if `bytes` are a token (RFC 9110 §5.6.2), such as the name of a method or of a field.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_tchar(*byte))
}

/// Without the optional space around it (RFC 9110 §5.6.3).
pub(super) fn trimmed(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

impl Fields {
    /// No fields.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one at the end.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push(Field { name: name.into(), value: value.into() });
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Field> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values of the fields with this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let is_it = move |field: &&Field| field.name.eq_ignore_ascii_case(name);
        self.0.iter().filter(is_it).map(|field| field.value.as_slice())
    }

    /// The value of the first field with this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value.as_slice())
    }

    /// The same, if it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// The members of a list that may be spread over several fields (RFC 9110 §5.6.1); empty ones are left out.
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.all(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(trimmed)
            .filter(|member| !member.is_empty())
    }

    /// True if such a list has this member, without regard to case.
    pub fn has(&self, name: &str, member: &str) -> bool {
        self.list(name).any(|other| other.eq_ignore_ascii_case(member.as_bytes()))
    }

    /// What Content-Length says (RFC 9110 §8.6); equal values count once.
    ///
    /// # Errors
    /// When it is no number below 2^63, or there are two that differ.
    pub fn content_length(&self) -> Result<Option<u64>, Fault> {
        let mut length = None;
        for value in self.all("content-length").flat_map(|value| value.split(|byte| *byte == b',')).map(trimmed) {
            let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            let number =
                std::str::from_utf8(value).ok().filter(|_| is_number).and_then(|text| text.parse::<u64>().ok());
            let number =
                number.filter(|number| *number < 1 << 63).ok_or(Fault::bad("a Content-Length that is no length"))?;
            if length.is_some_and(|other| other != number) {
                return Err(Fault::bad("two values of Content-Length"));
            }
            length = Some(number);
        }
        Ok(length)
    }

    /// Reads a field's line, without its end. Space before the colon is an error where `is_strict`.
    pub(super) fn push_line(&mut self, line: &[u8], is_strict: bool) -> Result<(), Fault> {
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Fault::bad("a field without a colon"))?;
        let (mut name, value) = (&line[..colon], trimmed(&line[colon + 1..]));
        if !is_strict {
            name = name.trim_ascii_end();
        }
        // A token is ASCII.
        let text =
            std::str::from_utf8(name).ok().filter(|_| is_token(name)).ok_or(Fault::bad("a field without a name"))?;
        if value.contains(&0) {
            return Err(Fault::bad("a zero byte in a field"));
        }
        self.push(text, value);
        Ok(())
    }

    /// Goes on with the last field's value, which was folded (RFC 9112 §5.2): the fold is a space.
    pub(super) fn unfold(&mut self, line: &[u8]) -> Result<(), Fault> {
        let last = self.0.last_mut().ok_or(Fault::bad("space before the first field"))?;
        if line.contains(&0) {
            return Err(Fault::bad("a zero byte in a field"));
        }
        let more = trimmed(line);
        if !last.value.is_empty() && !more.is_empty() {
            last.value.push(b' ');
        }
        last.value.extend_from_slice(more);
        Ok(())
    }

    /// Bytes that they are written in.
    pub(super) fn wire_len(&self) -> u64 {
        // A colon, a space and the line's end.
        self.0.iter().map(|field| (field.name.len() + field.value.len() + 4) as u64).sum()
    }

    /// Writes them, one a line.
    pub(super) fn write_to(&self, out: &mut Vec<u8>) {
        for field in &self.0 {
            out.extend_from_slice(field.name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(&field.value);
            out.extend_from_slice(b"\r\n");
        }
    }
}

impl<N: Into<String>, V: Into<Vec<u8>>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut all = Self::new();
        fields.into_iter().for_each(|(name, value)| all.push(name, value));
        all
    }
}
