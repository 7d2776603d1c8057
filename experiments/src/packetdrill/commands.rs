//! Commands in back quotes, by a fixed table: nothing is ever run. What is not in the table makes a script unjudged.

use super::ast::Command;
use super::settings::{Settings, Unsupported};
use protosim_core::{Size, Span};
use protosim_models::tcp::EcnPolicy;
use protosim_models::tcp::congestion::CongestionConfig;

/// What the `defaults.sh` of packetdrill's own tests sets, as far as it means something here.
const DEFAULTS: [(&str, &str); 16] = [
    ("tcp_rmem", "4096 540000 15728640"),
    ("tcp_wmem", "4096 262144 4194304"),
    ("tcp_timestamps", "1"),
    ("tcp_syn_retries", "5"),
    ("tcp_synack_retries", "5"),
    ("tcp_frto", "2"),
    ("tcp_sack", "1"),
    ("tcp_dsack", "1"),
    ("tcp_reordering", "3"),
    ("tcp_congestion_control", "cubic"),
    ("tcp_slow_start_after_idle", "0"),
    ("tcp_early_retrans", "4"),
    ("tcp_recovery", "1"),
    ("tcp_ecn", "0"),
    ("tcp_fastopen", "0x70403"),
    ("tcp_fastopen_key", "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4"),
];

/// Settings of a kernel that change nothing here, or that are always so here.
const WITHOUT_EFFECT: [&str; 20] = [
    "tcp_fack",
    "tcp_retries1",
    "tcp_no_metrics_save",
    "tcp_moderate_rcvbuf",
    "tcp_tso_win_divisor",
    "tcp_min_tso_segs",
    "tcp_tso_rtt_log",
    "tcp_pacing_ss_ratio",
    "tcp_pacing_ca_ratio",
    "tcp_limit_output_bytes",
    "tcp_autocorking",
    "tcp_invalid_ratelimit",
    "tcp_challenge_ack_limit",
    "tcp_ecn_option",
    "tcp_ecn_fallback",
    "tcp_comp_sack_nr",
    "tcp_comp_sack_delay_ns",
    "tcp_base_mss",
    "tcp_fastopen_blackhole_timeout_sec",
    "tcp_adv_win_scale",
];

/// Does what a command asks for to the settings.
///
/// # Errors
/// What of it is not in the table.
pub(super) fn apply(command: &Command, settings: &mut Settings) -> Result<(), Unsupported> {
    let joined = command.text.replace("\\\n", " ");
    for line in joined.split(['\n', ';']).flat_map(|line| line.split("&&")) {
        one(line, settings).map_err(|reason| Unsupported::new(reason, command.place))?;
    }
    Ok(())
}

/// One simple command.
fn one(line: &str, settings: &mut Settings) -> Result<(), String> {
    let line = line.split(" #").next().unwrap_or_default().trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    // Where its words go is of no interest, unless that changes something.
    let plain = line.replace("> /dev/null", "").replace(">/dev/null", "").replace("2>&1", "");
    let words = split(&plain);
    let unknown = || Err(format!("the command `{line}`"));
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let name = program.rsplit('/').next().unwrap_or(program);
    match name {
        "defaults.sh" => DEFAULTS.iter().try_for_each(|(name, value)| sysctl(name, value, settings)),
        "sysctl" | "set_sysctls.py" => arguments.iter().filter(|word| !word.starts_with('-')).try_for_each(|word| {
            let Some((path, value)) = word.split_once('=') else { return unknown() };
            let name = path.rsplit(['/', '.']).next().unwrap_or(path);
            sysctl(name, value.trim(), settings)
        }),
        name if name.starts_with("sysctl_restore_") => Ok(()),
        "ip" => ip(arguments, settings).unwrap_or_else(unknown),
        "ifconfig" => match after(arguments, "mtu") {
            Some(mtu) => set_number(mtu, &mut settings.mtu),
            None => unknown(),
        },
        "tc" if arguments.first().is_some_and(|what| what == "qdisc") => {
            let known = ["fq", "fq_codel", "pfifo", "pfifo_fast", "noqueue"];
            if arguments.iter().any(|word| known.contains(&word.as_str()) || word == "del") { Ok(()) } else { unknown() }
        }
        "ethtool" | "true" | "sleep" | ":" => Ok(()),
        "modprobe" if arguments.iter().all(|module| module.starts_with("tcp_") || module.starts_with('-')) => Ok(()),
        _ => unknown(),
    }
}

/// Words, with quotes taken off.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut is_word) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.push(c),
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                is_word = true;
            }
            None if c.is_whitespace() => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
            }
            None => {
                word.push(c);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    words
}

/// The word behind this one.
fn after<'a>(words: &'a [String], word: &str) -> Option<&'a str> {
    let at = words.iter().position(|other| other == word)?;
    // `mtu lock 1300`
    words.get(at + 1..)?.iter().map(String::as_str).find(|next| *next != "lock")
}

fn set_number<T: TryFrom<u64>>(text: &str, into: &mut T) -> Result<(), String> {
    *into = number(text)?;
    Ok(())
}

/// A whole number, decimal or with `0x`.
fn number<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    let value = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    value.and_then(|value| T::try_from(value).ok()).ok_or_else(|| format!("`{text}` where a number should be"))
}

/// `ip …`; `None` for what is not known.
fn ip(arguments: &[String], settings: &mut Settings) -> Option<Result<(), String>> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    match words.as_slice() {
        ["tcp_metrics" | "tcp_metric", "flush", ..] => Some(Ok(())),
        ["link", "set", ..] => Some(set_number(after(arguments, "mtu")?, &mut settings.mtu)),
        ["route" | "ro", "change" | "add" | "replace", ..] => Some(route(arguments, settings)),
        _ => None,
    }
}

/// What a route says of TCP.
fn route(arguments: &[String], settings: &mut Settings) -> Result<(), String> {
    for metric in ["rtt", "rttvar", "ssthresh", "cwnd", "reordering", "window", "initrwnd", "hoplimit"] {
        if after(arguments, metric).is_some() {
            return Err(format!("a route with `{metric}`"));
        }
    }
    if let Some(mtu) = after(arguments, "mtu") {
        set_number(mtu, &mut settings.mtu)?;
    }
    if let Some(window) = after(arguments, "initcwnd") {
        settings.tcp.initial_window = Some(number(window)?);
    }
    if let Some(mss) = after(arguments, "advmss") {
        settings.tcp.mss = Some(number(mss)?);
    }
    if let Some(algorithm) = after(arguments, "congctl") {
        settings.tcp.congestion = Some(congestion(algorithm)?);
    }
    if let Some(rto) = after(arguments, "rto_min") {
        let digits = rto.trim_end_matches("ms");
        settings.tcp.min_rto = Some(Span::from_millis(number(digits)?));
    }
    Ok(())
}

/// A setting of the kernel.
fn sysctl(name: &str, value: &str, settings: &mut Settings) -> Result<(), String> {
    let unknown = || Err(format!("the setting `{name}={value}`"));
    let flag = || number::<u64>(value).map(|value| Some(value != 0));
    let tcp = &mut settings.tcp;
    match name {
        "tcp_ecn" => {
            tcp.ecn = Some(match value {
                "0" => EcnPolicy::Off,
                "1" => EcnPolicy::Request,
                "2" => EcnPolicy::Accept,
                _ => return unknown(),
            });
        }
        "tcp_timestamps" => tcp.timestamps = flag()?,
        "tcp_window_scaling" => tcp.window_scaling = flag()?,
        "tcp_sack" => tcp.sack = flag()?,
        "tcp_dsack" => tcp.dsack = flag()?,
        "tcp_frto" => tcp.f_rto = flag()?,
        "tcp_slow_start_after_idle" => tcp.restart_after_idle = flag()?,
        "tcp_early_retrans" => match value {
            "0" => tcp.tail_loss_probe = Some(false),
            "3" | "4" => tcp.tail_loss_probe = Some(true),
            _ => return unknown(),
        },
        "tcp_recovery" => match number::<u64>(value)? {
            0 => tcp.rack = Some(false),
            1 => tcp.rack = Some(true),
            _ => return unknown(),
        },
        "tcp_reordering" => tcp.dup_thresh = Some(number(value)?),
        "tcp_retries2" => tcp.data_retries = Some(number(value)?),
        "tcp_syn_retries" => tcp.syn_retries = Some(number(value)?),
        "tcp_synack_retries" => tcp.syn_ack_retries = Some(number(value)?),
        "tcp_syn_linear_timeouts" => tcp.syn_linear_retries = Some(number(value)?),
        "tcp_fin_timeout" => tcp.fin_wait_2 = Some(Span::from_secs(number::<u32>(value)?.into())),
        "tcp_rto_min_us" => tcp.min_rto = Some(Span::from_micros(number::<u32>(value)?.into())),
        "tcp_rto_max_ms" => tcp.max_rto = Some(Span::from_millis(number::<u32>(value)?.into())),
        "tcp_syncookies" if value == "0" || value == "1" => tcp.syn_cookies = flag()?,
        "tcp_max_syn_backlog" => tcp.syn_backlog = Some(number(value)?),
        "ip_no_pmtu_disc" if value == "0" || value == "1" => tcp.path_mtu_discovery = Some(value == "0"),
        "tcp_keepalive_time" => settings.keepalive.idle = Span::from_secs(number::<u32>(value)?.into()),
        "tcp_keepalive_intvl" => settings.keepalive.interval = Span::from_secs(number::<u32>(value)?.into()),
        "tcp_keepalive_probes" => settings.keepalive.probes = number(value)?,
        "tcp_congestion_control" => tcp.congestion = Some(congestion(value)?),
        "tcp_wmem" => tcp.send_buffer = Some(Size::from_bytes(memory(value, 1)?)),
        "tcp_rmem" => tcp.receive_buffer = Some(Size::from_bytes(memory(value, 2)?)),
        "tcp_fastopen" => return fast_open(number(value)?, settings),
        "tcp_fastopen_key" => settings.has_cookie_key = true,
        "tcp_mtu_probing" | "tcp_abort_on_overflow" if value == "0" => {}
        "tcp_notsent_lowat" if value == "4294967295" || value == "-1" => {}
        name if WITHOUT_EFFECT.contains(&name) => {}
        _ => return unknown(),
    }
    Ok(())
}

/// Bits of `tcp_fastopen`: 1 client, 2 server, 4 and 0x200 without a cookie, 0x400 for every listener.
fn fast_open(bits: u64, settings: &mut Settings) -> Result<(), String> {
    if bits & 0x204 != 0 {
        return Err("data with the SYN and no cookie (bits 4 and 0x200 of `tcp_fastopen`)".to_owned());
    }
    settings.fast_open = (bits & 1 != 0, bits & 2 != 0);
    settings.fast_open_listeners = bits & 0x402 == 0x402;
    Ok(())
}

/// One of the three numbers of `tcp_rmem` and `tcp_wmem`.
fn memory(value: &str, which: usize) -> Result<u64, String> {
    match value.split_whitespace().nth(which) {
        Some(text) => number(text),
        None => Err(format!("`{value}` where three sizes should be")),
    }
}

/// A congestion control by the kernel's name for it.
pub(super) fn congestion(name: &str) -> Result<CongestionConfig, String> {
    let ours = match name {
        "reno" => "NewReno",
        "cubic" => "Cubic",
        "bbr" => "Bbr",
        "dctcp" => "Dctcp",
        _ => return Err(format!("the congestion control `{name}`")),
    };
    let read = |text: String| ron::from_str::<CongestionConfig>(&text).ok();
    read(ours.to_owned()).or_else(|| read(format!("{ours}()"))).ok_or_else(|| format!("the congestion control `{name}`"))
}
