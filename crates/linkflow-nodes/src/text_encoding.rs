//! The encodings of text by the names that n8n's files have for them: those of the web, and some that are
//! older.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::Encoding;

/// How text is written as bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TextEncoding {
    /// One of the web's.
    Known(&'static Encoding),
    /// Seven bits.
    Ascii,
    /// Each byte is the character of its number.
    Latin1,
    /// ASCII, with these characters above it.
    CodePage(&'static str),
    /// The text shows the bytes in Base64.
    Base64,
    /// The text shows the bytes in hexadecimal digits.
    Hex,
}

/// Names without dashes, and what the web calls them.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("big5hkscs", "big5"),
    ("cp866", "ibm866"),
    ("cp874", "windows-874"),
    ("cp932", "shift_jis"),
    ("cp936", "gbk"),
    ("cp949", "euc-kr"),
    ("cp950", "big5"),
    ("eucjp", "euc-jp"),
    ("euckr", "euc-kr"),
    ("koi8r", "koi8-r"),
    ("koi8u", "koi8-u"),
    ("maccyrillic", "x-mac-cyrillic"),
    ("macroman", "macintosh"),
    ("shiftjis", "shift_jis"),
    ("tis620", "windows-874"),
    ("ucs2", "utf-16le"),
    ("unicode11utf8", "utf-8"),
    ("utf16", "utf-16le"),
    ("utf16be", "utf-16be"),
    ("utf16le", "utf-16le"),
    ("utf8", "utf-8"),
    ("windows31j", "shift_jis"),
];

/// What the upper half of the code page 437 stands for.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// What the upper half of the code page 850 stands for.
const CP850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";

/// What the upper half of the code page 852 stands for.
const CP852: &str = "ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×čáíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐└┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀ÓßÔŃńňŠšŔÚŕŰýÝţ´\u{ad}˝˛ˇ˘§÷¸°¨˙űŘř■\u{a0}";

impl TextEncoding {
    /// The encoding of that name; capitals, dashes and the like make no difference.
    pub fn named(name: &str) -> Option<TextEncoding> {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let plain = plain.to_ascii_lowercase();
        Some(match plain.as_str() {
            "ascii" | "usascii" => TextEncoding::Ascii,
            "base64" => TextEncoding::Base64,
            "binary" | "iso88591" | "l1" | "latin1" => TextEncoding::Latin1,
            "cp437" | "ibm437" => TextEncoding::CodePage(CP437),
            "cp850" | "ibm850" => TextEncoding::CodePage(CP850),
            "cp852" | "ibm852" => TextEncoding::CodePage(CP852),
            "hex" => TextEncoding::Hex,
            _ => TextEncoding::Known(known(name, &plain)?),
        })
    }

    /// Whether text may begin with a byte order mark.
    pub fn is_unicode(self) -> bool {
        matches!(self, TextEncoding::Known(e) if e == encoding_rs::UTF_8 || e.name().starts_with("UTF-16"))
    }

    /// The text of `bytes`, without a byte order mark.
    pub fn decode(self, bytes: &[u8]) -> String {
        match self {
            TextEncoding::Known(encoding) => encoding.decode_with_bom_removal(bytes).0.into_owned(),
            other => other.decode_whole(bytes),
        }
    }

    /// The text of `bytes`, with its byte order mark, if it has one.
    pub fn decode_whole(self, bytes: &[u8]) -> String {
        match self {
            TextEncoding::Known(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
            TextEncoding::Ascii => {
                bytes.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '\u{fffd}' }).collect()
            }
            TextEncoding::Latin1 => bytes.iter().copied().map(char::from).collect(),
            TextEncoding::CodePage(table) => {
                let table: Vec<char> = table.chars().collect();
                let of = |byte: &u8| match byte {
                    0..=0x7f => char::from(*byte),
                    _ => table[usize::from(byte - 0x80)],
                };
                bytes.iter().map(of).collect()
            }
            TextEncoding::Base64 => STANDARD.encode(bytes),
            TextEncoding::Hex => hex::encode(bytes),
        }
    }

    /// The bytes of `text`; what the encoding does not have becomes a question mark.
    pub fn encode(self, text: &str) -> Vec<u8> {
        let bytes = |of: &dyn Fn(char) -> Option<u8>| text.chars().map(|c| of(c).unwrap_or(b'?')).collect();
        let ascii = |c: char| u8::try_from(c).ok().filter(u8::is_ascii);
        match self {
            TextEncoding::Known(encoding) => encoded(encoding, text),
            TextEncoding::Ascii => bytes(&ascii),
            TextEncoding::Latin1 => bytes(&|c| u8::try_from(c).ok()),
            TextEncoding::CodePage(table) => {
                let above: std::collections::HashMap<char, u8> = table.chars().zip(0x80..=0xff).collect();
                bytes(&|c| ascii(c).or_else(|| above.get(&c).copied()))
            }
            TextEncoding::Base64 => {
                let plain: String = text.chars().filter(|c| !c.is_ascii_whitespace() && *c != '=').collect();
                base64::engine::general_purpose::STANDARD_NO_PAD.decode(plain).unwrap_or_default()
            }
            TextEncoding::Hex => hex::decode(text).unwrap_or_default(),
        }
    }
}

fn known(name: &str, plain: &str) -> Option<&'static Encoding> {
    let other = OTHER_NAMES.iter().find(|(n, _)| *n == plain).map(|(_, label)| (*label).to_owned());
    let numbered = |prefix: &str, label: &str| {
        let number = plain.strip_prefix(prefix)?;
        number.bytes().all(|b| b.is_ascii_digit()).then(|| format!("{label}{number}"))
    };
    let label = other
        .or_else(|| numbered("iso8859", "iso-8859-"))
        .or_else(|| numbered("windows", "windows-"))
        .or_else(|| numbered("win", "windows-"))
        .or_else(|| numbered("cp", "windows-"));
    label
        .and_then(|label| Encoding::for_label(label.as_bytes()))
        .or_else(|| Encoding::for_label(plain.as_bytes()))
        .or_else(|| Encoding::for_label(name.trim().as_bytes()))
}

fn encoded(encoding: &'static Encoding, text: &str) -> Vec<u8> {
    match encoding.name() {
        "UTF-16LE" => return text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "UTF-16BE" => return text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => {}
    }
    let (whole, _, has_unknown) = encoding.encode(text);
    if !has_unknown {
        return whole.into_owned();
    }
    // The web writes what it does not have as `&#8364;`, which is no text of that encoding.
    let mut letter = [0; 4];
    let one = |c: char| match encoding.encode(c.encode_utf8(&mut letter)) {
        (bytes, _, false) => bytes.into_owned(),
        _ => b"?".to_vec(),
    };
    text.chars().flat_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_n8n_and_bytes_what_it_reads() {
        for (name, text) in [
            ("ascii", "\u{fffd}A\u{fffd}\u{fffd}\u{fffd}"),
            ("base64", "6UGAk6Q="),
            ("binary", "éA\u{80}\u{93}¤"),
            ("cp437", "ΘAÇôñ"),
            ("cp850", "ÚAÇôñ"),
            ("cp866", "щAАУд"),
            ("hex", "e9418093a4"),
            ("iso88591", "éA\u{80}\u{93}¤"),
            ("iso885915", "éA\u{80}\u{93}€"),
            ("koi8r", "ИA─⌠╓"),
            ("koi8u", "ИA─⌠є"),
            ("latin1", "éA\u{80}\u{93}¤"),
            ("macroman", "ÈAÄì§"),
            ("utf8", "\u{fffd}A\u{fffd}\u{fffd}\u{fffd}"),
            ("windows1250", "éA€“¤"),
            ("windows1251", "йAЂ“¤"),
            ("windows1252", "éA€“¤"),
            ("win1252", "éA€“¤"),
            ("cp1252", "éA€“¤"),
            ("maccyrillic", "йAАУ§"),
            ("utf-8", "\u{fffd}A\u{fffd}\u{fffd}\u{fffd}"),
            ("ISO-8859-1", "éA\u{80}\u{93}¤"),
            ("iso8859-1", "éA\u{80}\u{93}¤"),
            ("us-ascii", "\u{fffd}A\u{fffd}\u{fffd}\u{fffd}"),
        ] {
            let encoding = TextEncoding::named(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(encoding.decode_whole(&[0xe9, 0x41, 0x80, 0x93, 0xa4]), text, "{name}");
        }
        assert_eq!(TextEncoding::named("nosuch"), None);
    }

    #[test]
    fn text_is_written_as_it_was_read() {
        for name in
            ["latin1", "cp437", "cp850", "cp852", "koi8-r", "utf16", "utf16be", "windows1252", "macroman"]
        {
            let encoding = TextEncoding::named(name).expect("an encoding");
            let bytes: Vec<u8> = (0..=0x7f).chain([0xe9, 0, 0x93, 0]).collect();
            assert_eq!(encoding.encode(&encoding.decode_whole(&bytes)), bytes, "{name}");
        }
        for (name, text, bytes) in [
            ("ascii", "aé", &b"a?"[..]),
            ("latin1", "é€", b"\xe9?"),
            ("windows1251", "éд", b"?\xe4"),
            ("cp850", "é€", b"\x82?"),
            ("hex", "e941", b"\xe9A"),
            ("base64", "6UE=", b"\xe9A"),
            ("shiftjis", "豆", b"\x93\xa4"),
        ] {
            assert_eq!(TextEncoding::named(name).expect("an encoding").encode(text), bytes, "{name}");
        }
    }
}
