//! HTTP dates (RFC 9110 §5.6.7), in seconds since 1970.

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY: u64 = 86_400;

/// The IMF-fixdate of a moment \[s since 1970\], 29 bytes: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn http_date(secs: u64) -> String {
    let (days, second) = (secs / DAY, secs % DAY);
    let (year, month, day) = civil(days);
    let name = DAYS[(days % 7) as usize];
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{name}, {day:02} {} {year:04} {hour:02}:{minute:02}:{second:02} GMT", MONTHS[month as usize - 1])
}

/// The moment of an HTTP date, in any of its three forms; `None` if it is none, or before 1970.
pub fn parse_http_date(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let words: Vec<&str> = text.split([' ', ',', '-']).filter(|word| !word.is_empty()).collect();
    let (day, month, year, time) = match words.as_slice() {
        // IMF-fixdate, and RFC 850's with its two digits for the year.
        [_, day, month, year, time, "GMT"] => (*day, *month, *year, *time),
        // asctime.
        [_, month, day, time, year] => (*day, *month, *year, *time),
        _ => return None,
    };
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let year_number = number(year)?;
    let year = match year.len() {
        // RFC 9110 §5.6.7: one that seems to be more than 50 years in the future is past. Counted from 2026, where runs begin.
        2 if year_number > 76 => 1900 + year_number,
        2 => 2000 + year_number,
        4 => year_number,
        _ => return None,
    };
    let mut clock = time.split(':').map(number);
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let day = number(day)?;
    let is_date = (1970..=9999).contains(&year) && (1..=31).contains(&day);
    if !is_date || clock.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(days_to(year, month, day) * DAY + hour * 3600 + minute * 60 + second)
}

/// One or two digits, or four of a year.
fn number(text: &str) -> Option<u64> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// Days from 1970 to a date of the Gregorian calendar. Years begin in March, so that the leap day is the last one.
fn days_to(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    // 719468 days lie between the first of March of the year 0 and 1970.
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

/// Year, month and day of a number of days from 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 9110 §5.6.7: 784111777 s after 1970 (`date -u -d @784111777`).
    #[test]
    fn three_forms_are_one_moment() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse_http_date(text.as_bytes()), Some(784_111_777), "{text}");
        }
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    /// From `date -u -d @SECONDS`: a leap day of a year that 400 divides, the days around one that 100 divides, the first day.
    #[test]
    fn the_calendar_leaps() {
        let moments = [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_767_225_600, "Thu, 01 Jan 2026 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ];
        for (secs, text) in moments {
            assert_eq!(http_date(secs), text);
            assert_eq!(parse_http_date(text.as_bytes()), Some(secs));
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in ["", "0", "Sun, 06 Nov 1994", "Sun, 06 Noo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT"] {
            assert_eq!(parse_http_date(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_http_date("Sun, 00 Jan 1969 08:49:37 GMT".as_bytes()), None);
    }
}
