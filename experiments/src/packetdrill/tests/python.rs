//! Expressions: expected values are Python's.

use super::super::python::{Names, Unread, Value, parse, run};

fn check(text: &str) -> Result<(), String> {
    let mut names = Names::new();
    names.insert("tcpi_snd_cwnd".to_owned(), Value::Int(10));
    names.insert("tcpi_options".to_owned(), Value::Int(0b10_0111));
    run(&parse(text).expect(text), &mut names)
}

#[test]
fn assertions_hold_or_say_what_their_names_stand_for() {
    assert_eq!(check("assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd"), Ok(()));
    let error = check("assert tcpi_snd_cwnd == 11, 'cwnd=%d' % tcpi_snd_cwnd").unwrap_err();
    assert_eq!(error, "`tcpi_snd_cwnd == 11` does not hold: tcpi_snd_cwnd = 10, cwnd=10");
}

#[test]
fn python_counts_as_python_does() {
    for text in [
        "assert 5 <= tcpi_snd_cwnd <= 20",
        "assert not 5 <= tcpi_snd_cwnd <= 9",
        "assert tcpi_snd_cwnd == 9 or tcpi_snd_cwnd == 10 and True",
        "assert (tcpi_options & 32) != 0 and (tcpi_options & 8) == 0",
        "assert -7 // 2 == -4 and -7 % 3 == 2 and 7 % -3 == -2",
        "assert 7 / 2 == 3.5 and 2 + 3 * 4 == 14 and (2 + 3) * 4 == 20",
        "assert 1 << 4 == 16 and 0x10 >> 2 == 4 and 6 ^ 3 == 5 and 6 | 1 == 7 and ~0 == -1",
        "cwnd = 3; cwnd += 7\nassert tcpi_snd_cwnd == cwnd, (tcpi_snd_cwnd, cwnd)",
        "print(tcpi_snd_cwnd); print tcpi_snd_cwnd # a remark",
        "assert min(3, 1, 2) == 1 and max(3, 1, 2) == 3 and abs(-2) == 2 and int('4') == 4",
        "assert tcpi_snd_cwnd in (9, 10) and tcpi_snd_cwnd not in (1,)",
        "assert 'a' + 'b' == 'ab' and str(5) == '5'",
        "x = (1 +\n 2)\nassert x == 3",
    ] {
        assert_eq!(check(text), Ok(()), "{text}");
    }
    for text in ["assert 1 == 2", "assert unknown == 1", "assert 1 / 0", "assert 'a' < 1"] {
        assert!(check(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_not_known_is_told_from_what_is_wrong() {
    assert!(matches!(parse("if x:\n pass"), Err(Unread::Unknown(0, _))));
    assert!(matches!(parse("assert sum(x) == 1"), Err(Unread::Unknown(7, _))));
    assert!(matches!(parse("assert (1"), Err(Unread::Mistake(9, _))));
    assert!(matches!(parse("assert x = 1"), Err(Unread::Mistake(9, _))));
}

/// Everything that says nothing about a connection is worth a mistake, not a panic: as deep as the stack is not.
#[test]
fn nesting_has_an_end() {
    assert!(parse(&"(".repeat(100_000)).is_err());
    assert!(parse(&"-".repeat(100_000)).is_err());
    assert!(parse(&"1+".repeat(100_000)).is_err());
}
