//! Dates in HTTP headers, parsed by the lenient rules for cookies of RFC 6265, 5.1.1, since servers use
//! many formats.

/// Parses a date. Returns seconds since 1970.
pub(crate) fn parse(text: &[u8]) -> Option<i64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let words = text.split(|&byte| is_delimiter(byte));
    for word in words.filter(|word| !word.is_empty()) {
        // The first word that matches a field is that field.
        if time.is_none()
            && let Some(found) = time_of_day(word)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(word, 1, 2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = month_of(word)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = number(word, 2, 4)
        {
            year = Some(found);
        }
    }
    let year = match year? {
        short @ 70..=99 => 1900 + short,
        short @ 0..=69 => 2000 + short,
        long @ 1601.. => long,
        _ => return None,
    };
    let (day, month) = (day?, month?);
    if !(1..=length(month, year)).contains(&day) {
        return None;
    }
    Some(days_since_1970(year, month, day) * 86_400 + time?)
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'/' | b';'..=b'@' | b'['..=b'`' | b'{'..=b'~')
}

/// Parses the digits at the beginning. `None` if there are fewer than `min` or more than `max`.
fn number(word: &[u8], min: usize, max: usize) -> Option<i64> {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    // At most four digits cannot overflow.
    (min..=max).contains(&digits).then(|| {
        let digits = word.iter().take(digits);
        digits.fold(0, |value, digit| value * 10 + i64::from(digit - b'0'))
    })
}

/// Parses a time such as `8:49:37` to seconds.
fn time_of_day(word: &[u8]) -> Option<i64> {
    let mut fields = word.splitn(3, |&byte| byte == b':');
    let mut whole = || fields.next().filter(|field| (1..=2).contains(&field.len()));
    let (hour, minute) = (whole()?, whole()?);
    if !hour.iter().chain(minute).all(u8::is_ascii_digit) {
        return None;
    }
    let (hour, minute) = (number(hour, 1, 2)?, number(minute, 1, 2)?);
    let second = number(fields.next()?, 1, 2)?;
    (hour < 24 && minute < 60 && second < 60).then_some((hour * 60 + minute) * 60 + second)
}

/// The month, from 1 to 12.
fn month_of(word: &[u8]) -> Option<i64> {
    const MONTHS: [&[u8]; 12] = [
        b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov",
        b"dec",
    ];
    let start = word.get(..3)?;
    let found = MONTHS
        .iter()
        .position(|month| start.eq_ignore_ascii_case(month))?;
    i64::try_from(found + 1).ok()
}

fn length(month: i64, year: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 in the Gregorian calendar. Years are counted from March, so that a leap day is the
/// last day of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_parsed_in_every_format() {
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            // Netscape's format.
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "6 november 1994 8:49:37",
            "1994 08:49:37x nov 6th",
            "08:49:37;06/NOV/94",
        ] {
            assert_eq!(parse(date.as_bytes()), Some(784_111_777), "{date}");
        }
    }

    #[test]
    fn days_are_counted_across_leap_years_and_centuries() {
        for (date, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
            ("Mon, 01 Jan 1601 00:00:00 GMT", -11_644_473_600),
            ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600),
            ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
            // Years with two digits up to 69 belong to the 21st century.
            ("Wed, 01-Jan-69 00:00:00 GMT", 3_124_224_000),
            ("Thu, 01-Jan-70 00:00:00 GMT", 0),
        ] {
            assert_eq!(parse(date.as_bytes()), Some(seconds), "{date}");
        }
    }

    #[test]
    fn an_invalid_date_is_rejected() {
        for date in [
            "",
            "0",
            "never",
            "Sun, 06 Nov 1994",
            "Sun, 06 1994 08:49:37",
            "Sun, Nov 1994 08:49:37",
            "06 Nov 08:49:37",
            "29 Feb 1900 00:00:00",
            "31 Apr 2000 00:00:00",
            "00 Apr 2000 00:00:00",
            "32 Mar 2000 00:00:00",
            "01 Jan 1600 00:00:00",
            "01 Jan 19999 00:00:00",
            "01 Jan 200 00:00:00",
            "01 Jan 2000 24:00:00",
            "01 Jan 2000 00:60:00",
            "01 Jan 2000 00:00:60",
            "01 Jan 2000 000:00:00",
            "01 Jan 2000 00:00",
        ] {
            assert_eq!(parse(date.as_bytes()), None, "{date}");
        }
    }
}
