//! What FTP servers say of the files in a folder: lines for programs (MLSD), and lines for people as
//! `ls` and as Windows write them. Pure.

use linkflow_model::Millis;

use crate::remote::{Entry, rights_of};

/// `type=file;size=5;modify=20260102030405; name`. Nothing for the folder itself and the one above.
pub fn machine_line(line: &str) -> Option<Entry> {
    let (facts, name) = line.trim_end_matches('\r').split_once(' ')?;
    let mut entry = Entry { name: name.to_owned(), kind: '-', ..Entry::default() };
    for fact in facts.split(';') {
        let Some((key, value)) = fact.split_once('=') else { continue };
        match key.to_ascii_lowercase().as_str() {
            "type" => match value.to_ascii_lowercase().as_str() {
                "cdir" | "pdir" => return None,
                "dir" => entry.kind = 'd',
                link if link.starts_with("os.unix=slink") || link.starts_with("os.unix=symlink") => {
                    entry.kind = 'l';
                }
                _ => {}
            },
            "size" => entry.size = value.parse().unwrap_or(0),
            "modify" => entry.modified_seconds = stamp(value),
            "unix.mode" => entry.rights = u32::from_str_radix(value, 8).map(rights_of).unwrap_or_default(),
            "unix.owner" | "unix.ownername" => value.clone_into(&mut entry.owner),
            "unix.uid" if entry.owner.is_empty() => value.clone_into(&mut entry.owner),
            "unix.group" | "unix.groupname" => value.clone_into(&mut entry.group),
            "unix.gid" if entry.group.is_empty() => value.clone_into(&mut entry.group),
            _ => {}
        }
    }
    is_entry(entry)
}

/// A line as `ls -l` or Windows write it. Nothing for what is neither.
pub fn line(line: &str, now: Millis) -> Option<Entry> {
    let line = line.trim_end_matches('\r');
    unix_line(line, now).or_else(|| windows_line(line)).and_then(is_entry)
}

fn is_entry(entry: Entry) -> Option<Entry> {
    // A name with a slash would lead elsewhere.
    let is_one = !matches!(entry.name.as_str(), "" | "." | "..") && !entry.name.contains('/');
    is_one.then_some(entry)
}

/// `drwxr-xr-x 2 owner group 4096 Jan 02 03:04 name`.
fn unix_line(line: &str, now: Millis) -> Option<Entry> {
    let (mode, mut rest) = word(line)?;
    let kind = mode.chars().next().filter(|c| "-dlbcps".contains(*c))?;
    if mode.len() < 10 || !mode.is_ascii() {
        return None;
    }
    let mut words = Vec::new();
    // Links, owner, group, size, month, day, time or year.
    for _ in 0..7 {
        let (word, after) = word(rest)?;
        words.push(word);
        rest = after;
    }
    let name = rest.strip_prefix(' ').unwrap_or(rest);
    let (name, target) = match name.split_once(" -> ").filter(|_| kind == 'l') {
        Some((name, target)) => (name, Some(target.to_owned())),
        None => (name, None),
    };
    Some(Entry {
        name: name.to_owned(),
        kind,
        size: words[3].parse().ok()?,
        rights: mode[1..10].to_owned(),
        owner: words[1].to_owned(),
        group: words[2].to_owned(),
        target,
        modified_seconds: listed_date(words[4], words[5], words[6], now),
    })
}

/// The next word, and what is behind it from the space on.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(' ');
    let end = text.find(' ')?;
    (end > 0).then(|| text.split_at(end))
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// `Jan 02 03:04` is in the last year, `Jan 02 2020` is what it says.
fn listed_date(month: &str, day: &str, rest: &str, now: Millis) -> Option<i64> {
    let month = MONTHS.iter().position(|m| month.to_ascii_lowercase().starts_with(m))? as i8 + 1;
    let day: i8 = day.parse().ok()?;
    let at = |year: i16, hour: i8, minute: i8| {
        let date = jiff::civil::Date::new(year, month, day).ok()?;
        let time = jiff::civil::Time::new(hour, minute, 0, 0).ok()?;
        Some(date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
    };
    match rest.split_once(':') {
        Some((hour, minute)) => {
            let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
            let today = jiff::Timestamp::from_millisecond(now.0).ok()?;
            let year = today.to_zoned(jiff::tz::TimeZone::UTC).year();
            // A day later may be the server's zone; more than that was last year.
            let later = now.0 / 1_000 + 86_400;
            at(year, hour, minute).filter(|at| *at <= later).or_else(|| at(year - 1, hour, minute))
        }
        None => at(rest.parse().ok()?, 0, 0),
    }
}

/// `01-02-26  03:04PM  <DIR>  name`.
fn windows_line(line: &str) -> Option<Entry> {
    let (date, rest) = word(line)?;
    let (time, rest) = word(rest)?;
    let (size, rest) = word(rest)?;
    let numbers: Vec<i16> = date.split(['-', '/']).filter_map(|n| n.parse().ok()).collect();
    let [month, day, year] = numbers.try_into().ok()?;
    let (clock, half) = time.split_at_checked(5)?;
    let (hour, minute) = clock.split_once(':')?;
    let hour: i8 = hour.parse().ok()?;
    let hour = match half.to_ascii_lowercase().as_str() {
        "pm" => hour % 12 + 12,
        "am" => hour % 12,
        _ => hour,
    };
    let year = if year < 70 {
        year + 2_000
    } else if year < 100 {
        year + 1_900
    } else {
        year
    };
    let day = jiff::civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let at = day.to_datetime(jiff::civil::Time::new(hour, minute.parse().ok()?, 0, 0).ok()?);
    let is_folder = size.eq_ignore_ascii_case("<dir>");
    Some(Entry {
        name: rest.trim_start_matches(' ').to_owned(),
        kind: if is_folder { 'd' } else { '-' },
        size: if is_folder { 0 } else { size.replace(',', "").parse().ok()? },
        modified_seconds: Some(at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second()),
        ..Entry::default()
    })
}

/// `20260102030405`, of which fractions are left out.
fn stamp(text: &str) -> Option<i64> {
    let part = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<i16>().ok());
    let date = jiff::civil::Date::new(part(0, 4)?, part(4, 6)? as i8, part(6, 8)? as i8).ok()?;
    let time =
        jiff::civil::Time::new(part(8, 10)? as i8, part(10, 12)? as i8, part(12, 14)? as i8, 0).ok()?;
    Some(date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-04T05:06:07Z.
    const NOW: Millis = linkflow_node::testing::NOW;

    fn check(text: &str, expected: Option<(char, &str, u64, &str)>) {
        let found = if text.contains(';') { machine_line(text) } else { line(text, NOW) };
        let shown = found.map(|e| {
            let at = e.modified_seconds.and_then(|s| jiff::Timestamp::from_second(s).ok());
            (e.kind, e.name, e.size, at.map_or(String::new(), |at| at.to_string()))
        });
        let expected = expected.map(|(kind, name, size, at)| (kind, name.to_owned(), size, at.to_owned()));
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn lines_of_every_kind_are_read() {
        check(
            "-rw-r--r--    1 0  0   5 Jan 02 03:04 a b.txt",
            Some(('-', "a b.txt", 5, "2026-01-02T03:04:00Z")),
        );
        check("drwxr-xr-x 2 me us 4096 Dec 31  2020  two", Some(('d', " two", 4096, "2020-12-31T00:00:00Z")));
        check(
            "-rw-r--r-- 1 0 0 5 Mar 06 03:04 last year",
            Some(('-', "last year", 5, "2025-03-06T03:04:00Z")),
        );
        check("lrwxrwxrwx 1 0 0 4 Jan 02 03:04 l -> /etc", Some(('l', "l", 4, "2026-01-02T03:04:00Z")));
        check("01-02-26  03:04PM       <DIR>          a b", Some(('d', "a b", 0, "2026-01-02T15:04:00Z")));
        check("01-02-2026  12:04AM  1,234 x", Some(('-', "x", 1234, "2026-01-02T00:04:00Z")));
        check(
            "type=file;size=7;modify=20260102030405.123;UNIX.mode=0644; n.txt",
            Some(('-', "n.txt", 7, "2026-01-02T03:04:05Z")),
        );
        check("type=cdir; .", None);
        check("Type=OS.unix=slink:/etc;Size=1; l", Some(('l', "l", 1, "")));
        check("total 8", None);
        check("drwxr-xr-x 2 me us 4096 Dec 31  2020 ..", None);
        check("-rw-r--r-- 1 0 0 5 Jan 02 03:04 ../../etc/passwd", None);
    }
}
