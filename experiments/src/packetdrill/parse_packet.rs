//! The grammar of packets.

use super::ast::{EcnBits, IcmpError, IpInfo, Options, Packet, Segment, TcpOption};
use super::lexer::Kind;
use super::parse::{Parsed, Parser};
use crate::tree::Diagnostic;
use protosim_models::packet::TcpFlags;

/// Control bits as scripts write them.
pub(super) const FLAGS: [(char, TcpFlags); 8] = [
    ('F', TcpFlags::FIN),
    ('S', TcpFlags::SYN),
    ('R', TcpFlags::RST),
    ('P', TcpFlags::PSH),
    ('U', TcpFlags::URG),
    ('E', TcpFlags::ECE),
    ('W', TcpFlags::CWR),
    ('.', TcpFlags::ACK),
];

impl Parser<'_> {
    /// What stands behind `<` (`is_inbound`) or `>`.
    pub(super) fn packet(&mut self, is_inbound: bool) -> Parsed<Packet> {
        let mut foreign = None;
        while let Some(what) = self.encapsulation()? {
            foreign = Some(what);
        }
        let place = self.place();
        let ip = self.ip_info()?;
        if is_inbound && ip.ecn == Some(EcnBits::Ect01) {
            let message = "`ect01` is for packets that are awaited alone";
            return Err(self.report(Diagnostic::error("packetdrill::contradiction", place, message)));
        }
        if self.take_word("encap") {
            self.skip_to_flags();
            foreign = Some("an encapsulated packet");
        }
        let packet = if self.take_word("icmp") {
            Packet::Icmp(self.icmp()?)
        } else if self.take_word("udp") {
            self.udp()?
        } else {
            Packet::Tcp(self.segment(ip, is_inbound)?)
        };
        Ok(foreign.map_or(packet, Packet::Foreign))
    }

    /// An outer header, up to its colon.
    fn encapsulation(&mut self) -> Parsed<Option<&'static str>> {
        let what = match self.peek() {
            Kind::Word(word) if word == "ipv4" || word == "ipv6" => "an encapsulated packet",
            Kind::Word(word) if word == "gre" || word == "GREv0" => "GRE",
            Kind::Word(word) if word == "mpls" => "MPLS",
            _ => return Ok(None),
        };
        while !self.take(':') {
            if matches!(self.peek(), Kind::End | Kind::BackQuoted(_) | Kind::Code(_)) {
                return Err(self.expected("`:` behind the outer header"));
            }
            self.next();
        }
        Ok(Some(what))
    }

    fn skip_to_flags(&mut self) {
        while matches!(self.peek(), Kind::Word(word) if word == "psp" || word == "spi") || matches!(self.peek(), Kind::Hex(_)) {
            self.next();
        }
    }

    /// `[ect0]`, `(tos 0x4)`, `[ttl 64]`, `[flowlabel 0x1]`
    fn ip_info(&mut self) -> Parsed<IpInfo> {
        let mut ip = IpInfo::default();
        let close = match self.peek() {
            Kind::Sign('[') => ']',
            Kind::Sign('(') => ')',
            _ => return Ok(ip),
        };
        self.next();
        loop {
            let Kind::Word(word) = self.peek().clone() else { return Err(self.expected_ip()) };
            match word.as_str() {
                "noecn" => ip.ecn = Some(EcnBits::NotEct),
                "ect0" => ip.ecn = Some(EcnBits::Ect0),
                "ect1" => ip.ecn = Some(EcnBits::Ect1),
                "ce" => ip.ecn = Some(EcnBits::Ce),
                "ect01" => ip.ecn = Some(EcnBits::Ect01),
                "tos" | "ttl" | "flowlabel" => {}
                _ => return Err(self.expected_ip()),
            }
            self.next();
            match word.as_str() {
                "tos" => ip.tos = Some(self.byte("a traffic class")?),
                "ttl" => ip.ttl = Some(self.byte("a time to live")?),
                "flowlabel" => {
                    self.number("a flow label", 0xf_ffff)?;
                    ip.has_flow_label = true;
                }
                _ => {}
            }
            if !self.take(',') {
                break;
            }
        }
        self.expect(close)?;
        Ok(ip)
    }

    fn expected_ip(&mut self) -> super::parse::Mistaken {
        self.expected("`noecn`, `ect0`, `ect1`, `ect01`, `ce`, `tos`, `ttl` or `flowlabel`")
    }

    fn segment(&mut self, ip: IpInfo, is_inbound: bool) -> Parsed<Segment> {
        let ports = self.ports()?;
        let (flags, has_ace) = self.flags()?;
        let (start, len) = self.range()?;
        let ack = if self.take_word("ack") { Some(self.number("an acknowledgment number", u32::MAX)?) } else { None };
        let window = if self.take_word("win") { Some(self.short("a window")?) } else { None };
        let urgent = if self.take_word("urg") { Some(self.short("an urgent pointer")?) } else { None };
        let place = self.place();
        let options = self.options()?;
        if is_inbound && options == Options::Unchecked {
            let message = "`<...>` is for packets that are awaited alone";
            return Err(self.report(Diagnostic::error("packetdrill::contradiction", place, message)));
        }
        Ok(Segment { ip, ports, flags, has_ace, start, len, ack, window, urgent, options })
    }

    /// `1234 > 80`
    pub(super) fn ports(&mut self) -> Parsed<Option<(u16, u16)>> {
        if !matches!((self.peek(), self.peek_second()), (Kind::Int(_), Kind::Sign('>'))) {
            return Ok(None);
        }
        let from = self.short("a port")?;
        self.expect('>')?;
        Ok(Some((from, self.short("a port")?)))
    }

    /// Control bits, and whether the accurate-ECN field is given.
    fn flags(&mut self) -> Parsed<(TcpFlags, bool)> {
        const WHAT: &str = "flags: `F`, `S`, `R`, `P`, `U`, `E`, `W`, `.` for ACK, or `-` for none";
        let start = self.place();
        if self.take('-') {
            return Ok((TcpFlags::NONE, false));
        }
        let mut written = String::new();
        if let Kind::Word(word) = self.peek() {
            written.push_str(word);
            self.next();
        }
        let mut has_ace = false;
        // The point of `P.` and of the accurate-ECN field `P.5` belong to the flags; that of `P .5` too.
        if self.take('.') {
            written.push('.');
        } else if let Kind::Decimal(text) = self.peek()
            && text.starts_with('.')
        {
            written.push('.');
            has_ace = true;
            self.next();
        }
        if written.is_empty() {
            return Err(self.expected(WHAT));
        }
        let mut flags = TcpFlags::NONE;
        for c in written.chars() {
            match FLAGS.iter().find(|(name, _)| *name == c) {
                Some((_, flag)) => flags = flags.with(*flag),
                None if c == 'A' => has_ace = true,
                None => {
                    let message = format!("`{c}` is no flag: expected {WHAT}");
                    return Err(self.report(Diagnostic::error("packetdrill::syntax", start, message)));
                }
            }
        }
        Ok((flags, has_ace))
    }

    /// `start:end(len)`
    fn range(&mut self) -> Parsed<(u32, u32)> {
        let place = self.place();
        let start = self.number("a sequence number", u32::MAX)?;
        self.expect(':')?;
        let end = self.number("a sequence number", u32::MAX)?;
        self.expect('(')?;
        // Longer ones than a packet are bursts, in packets that are awaited.
        let len = self.number("a length", 1 << 30)?;
        self.expect(')')?;
        if start.wrapping_add(len) != end {
            let message = format!("{start} and {len} bytes make {}, not {end}", start.wrapping_add(len));
            let place = place.to(self.before());
            return Err(self.report(Diagnostic::error("packetdrill::contradiction", place, message)));
        }
        Ok((start, len))
    }

    fn options(&mut self) -> Parsed<Options> {
        // The next event begins with a time, so `<` here can only be options.
        if !self.take('<') {
            return Ok(Options::List(Vec::new()));
        }
        if *self.peek() == Kind::Ellipsis {
            self.next();
            self.expect('>')?;
            return Ok(Options::Unchecked);
        }
        let mut list = vec![self.tcp_option()?];
        while self.take(',') {
            list.push(self.tcp_option()?);
        }
        if !self.take('>') {
            return Err(self.expected("`,` and another option, or `>`"));
        }
        Ok(Options::List(list))
    }

    fn tcp_option(&mut self) -> Parsed<TcpOption> {
        const WHAT: &str = "a TCP option: mss, wscale, sackOK, sack, TS, nop, eol, FO";
        let Kind::Word(name) = self.peek().clone() else { return Err(self.expected(WHAT)) };
        let place = self.next().span;
        Ok(match name.as_str() {
            "nop" => TcpOption::Nop,
            "eol" => TcpOption::Eol,
            "mss" => TcpOption::Mss(self.short("an MSS")?),
            "wscale" => TcpOption::WindowScale(self.byte("a window scale")?),
            "sackOK" => TcpOption::SackPermitted,
            "sack" => TcpOption::Sack(self.sack_blocks()?),
            "TS" => {
                if !self.take_word("val") {
                    return Err(self.expected("`val`"));
                }
                let value = self.number("a timestamp", u32::MAX)?;
                if !self.take_word("ecr") {
                    return Err(self.expected("`ecr`"));
                }
                TcpOption::Timestamps(value, self.number("a timestamp", u32::MAX)?)
            }
            "FO" => TcpOption::FastOpen(self.cookie()?),
            "FOEXP" | "md5" | "ECN" => {
                while !matches!(self.peek(), Kind::Sign(',' | '>') | Kind::End) {
                    self.next();
                }
                TcpOption::Other(name)
            }
            _ => {
                let help = crate::tree::suggest(&name, ["mss", "wscale", "sackOK", "sack", "TS", "nop", "eol", "FO"])
                    .map(|near| format!("did you mean `{near}`?"));
                let message = format!("expected {WHAT}, found `{name}`");
                return Err(self.report(Diagnostic::error("packetdrill::syntax", place, message).help(help)));
            }
        })
    }

    fn sack_blocks(&mut self) -> Parsed<Vec<(u32, u32)>> {
        let mut blocks = Vec::new();
        while blocks.is_empty() || matches!(self.peek(), Kind::Int(_)) {
            let left = self.number("the left edge of a block", u32::MAX)?;
            self.expect(':')?;
            blocks.push((left, self.number("the right edge of a block", u32::MAX)?));
        }
        Ok(blocks)
    }

    /// Hexadecimal digits, a name for them, or nothing.
    fn cookie(&mut self) -> Parsed<String> {
        if !matches!(self.peek(), Kind::Word(_) | Kind::Int(_) | Kind::Hex(_)) {
            return Ok(String::new());
        }
        let place = self.next().span;
        Ok(self.written(place).to_owned())
    }

    /// `icmp unreachable frag_needed mtu 1300 [1:1001(1000)]`
    fn icmp(&mut self) -> Parsed<IcmpError> {
        let Kind::Word(kind) = self.peek().clone() else {
            return Err(self.expected("a type of ICMP, as in `unreachable`"));
        };
        self.next();
        let mut error = IcmpError { kind, code: None, mtu: None, about: None };
        if let Kind::Word(code) = self.peek().clone()
            && !matches!(code.as_str(), "mtu" | "id")
        {
            self.next();
            error.code = Some(code);
        }
        if self.take_word("mtu") {
            error.mtu = Some(u64::from(self.number("an MTU", 1 << 24)?));
        }
        if self.take_word("id") {
            self.number("an identifier", u32::from(u16::MAX))?;
        }
        if self.take('[') {
            if self.take_word("udp") || self.take_word("raw") {
                self.expect('(')?;
                self.number("a length", u32::from(u16::MAX))?;
                self.expect(')')?;
            } else {
                error.about = Some(self.range()?.0);
            }
            self.expect(']')?;
        }
        Ok(error)
    }

    fn udp(&mut self) -> Parsed<Packet> {
        self.ports()?;
        self.expect('(')?;
        self.number("a length", u32::from(u16::MAX))?;
        self.expect(')')?;
        Ok(Packet::Foreign("UDP"))
    }
}
