//! PDF files: their pages' text, and what they say of themselves. The texts of a page are put together
//! in `pdf_text.rs`.

use linkflow_model::Object as Json;
use linkflow_node::NodeError;
use lopdf::{Dictionary, Document, LoadOptions, Object, decode_text_string};
use serde_json::Value;

use crate::pdf_text::{Reader, Stop};
use crate::xml_text::{Piece, Pieces};

/// Most bytes that one stream of the file may have, unpacked.
const STREAM_BYTES_MAX: usize = 64 << 20;
/// Most pages that are read.
const PAGES_MAX: usize = 20_000;
/// Most bytes of what a file says of itself in XML.
const METADATA_BYTES_MAX: usize = 1 << 20;

/// What is asked of a file.
#[derive(Debug)]
pub struct Asked {
    /// How the file is named in messages.
    pub name: String,
    pub password: String,
    /// Pages to read at most; 0 for all.
    pub pages_max: usize,
    /// Whether the pages' texts become one.
    pub is_joined: bool,
    /// Bytes of text that are too many.
    pub text_bytes_max: usize,
}

/// Reads a file: `numpages`, `numrender`, `info`, `metadata`, `text`, `version`.
pub fn read(bytes: &[u8], asked: &Asked) -> Result<Json, NodeError> {
    let document = load(bytes, asked)?;
    let pages: Vec<_> = document.page_iter().take(PAGES_MAX).collect();
    if pages.is_empty() {
        return Err(NodeError::data(format!("the PDF \"{}\" has no pages that can be read", asked.name)));
    }
    let n_read = if asked.pages_max == 0 { pages.len() } else { pages.len().min(asked.pages_max) };
    let mut reader = Reader::new(&document, asked.text_bytes_max);
    let mut texts = Vec::with_capacity(n_read);
    for (at, page) in pages.iter().take(n_read).enumerate() {
        texts.push(reader.page(*page).map_err(|stop| stopped(stop, at + 1, asked))?);
    }
    let mut json = Json::new();
    json.insert("numpages".to_owned(), Value::from(pages.len()));
    json.insert("numrender".to_owned(), Value::from(n_read));
    json.insert("info".to_owned(), Value::Object(info(&document)));
    if let Some(metadata) = metadata(&document) {
        json.insert("metadata".to_owned(), Value::Object(metadata));
    }
    let text = if asked.is_joined { Value::String(texts.join("\n\n")) } else { Value::from(texts) };
    json.insert("text".to_owned(), text);
    json.insert("version".to_owned(), Value::from(env!("CARGO_PKG_VERSION")));
    Ok(json)
}

fn load(bytes: &[u8], asked: &Asked) -> Result<Document, NodeError> {
    let name = &asked.name;
    let password = Some(asked.password.clone()).filter(|p| !p.is_empty());
    let options =
        LoadOptions { password, max_decompressed_size: Some(STREAM_BYTES_MAX), ..LoadOptions::default() };
    let locked = || match asked.password.is_empty() {
        true => NodeError::data(format!("the PDF \"{name}\" is protected: its password is needed")),
        false => NodeError::param("options.password", format!("does not open the PDF \"{name}\"")),
    };
    match Document::load_mem_with_options(bytes, options) {
        Ok(document) if document.is_encrypted() => Err(locked()),
        Ok(document) => Ok(document),
        Err(lopdf::Error::InvalidPassword) => Err(locked()),
        Err(e) => Err(NodeError::data(format!("the PDF \"{name}\" cannot be read: {e}"))),
    }
}

fn stopped(stop: Stop, page: usize, asked: &Asked) -> NodeError {
    match stop {
        Stop::TooMuchText => NodeError::Limit {
            what: format!("the text of the PDF \"{}\"", asked.name),
            limit: format!("{} bytes", asked.text_bytes_max),
        },
        Stop::TooManyOperations => NodeError::Limit {
            what: format!("what the pages of the PDF \"{}\" draw", asked.name),
            limit: "20000000 steps".to_owned(),
        },
        Stop::Broken(why) => {
            NodeError::data(format!("page {page} of the PDF \"{}\" cannot be read: {why}", asked.name))
        }
    }
}

/// What the file says of itself, under the names that n8n has for it.
fn info(document: &Document) -> Json {
    let catalog = document.catalog().ok();
    let entry = |key: &[u8]| catalog.and_then(|c| c.get_deref(key, document).ok());
    let form = entry(b"AcroForm").and_then(|form| form.as_dict().ok());
    let of_form = |key: &[u8]| form.and_then(|form| form.get_deref(key, document).ok());
    let has_list =
        |object: Option<&Object>| object.and_then(|o| o.as_array().ok()).is_some_and(|l| !l.is_empty());
    let is_signed =
        of_form(b"SigFlags").and_then(|flags| flags.as_i64().ok()).is_some_and(|flags| flags & 1 == 1);
    let language = entry(b"Lang").and_then(|lang| decode_text_string(lang).ok());
    let mut info = Json::new();
    let mut put = |name: &str, value: Value| _ = info.insert(name.to_owned(), value);
    put("PDFFormatVersion", Value::from(document.version.clone()));
    put("Language", language.map_or(Value::Null, Value::String));
    put("EncryptFilterName", document.was_encrypted().then_some("Standard").map_or(Value::Null, Value::from));
    put("IsLinearized", Value::from(is_linearized(document)));
    put("IsAcroFormPresent", Value::from(has_list(of_form(b"Fields"))));
    put("IsXFAPresent", Value::from(of_form(b"XFA").is_some()));
    put("IsCollectionPresent", Value::from(entry(b"Collection").is_some()));
    put("IsSignaturesPresent", Value::from(is_signed));
    let listed = document.trailer.get_deref(b"Info", document).and_then(Object::as_dict);
    if let Ok(listed) = listed {
        add_listed(listed, document, &mut info);
    }
    info
}

fn is_linearized(document: &Document) -> bool {
    document.objects.values().filter_map(|o| o.as_dict().ok()).any(|dict| dict.has(b"Linearized"))
}

/// The entries that every file may have, and under `Custom` those of a file's own.
fn add_listed(listed: &Dictionary, document: &Document, info: &mut Json) {
    const KNOWN: [&[u8]; 9] = [
        b"Title",
        b"Author",
        b"Subject",
        b"Keywords",
        b"Creator",
        b"Producer",
        b"CreationDate",
        b"ModDate",
        b"Trapped",
    ];
    let mut custom = Json::new();
    for (key, value) in listed.iter() {
        let Some(value) = document.dereference(value).ok().and_then(|(_, value)| plain(value)) else {
            continue;
        };
        let name = String::from_utf8_lossy(key).into_owned();
        let place = if KNOWN.contains(&key.as_slice()) { &mut *info } else { &mut custom };
        place.insert(name, value);
    }
    if !custom.is_empty() {
        info.insert("Custom".to_owned(), Value::Object(custom));
    }
}

fn plain(value: &Object) -> Option<Value> {
    Some(match value {
        Object::String(bytes, _) => Value::String(
            decode_text_string(value).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned()),
        ),
        Object::Name(name) => serde_json::json!({"name": String::from_utf8_lossy(name)}),
        Object::Boolean(flag) => Value::from(*flag),
        Object::Integer(n) => Value::from(*n),
        Object::Real(n) => Value::from(*n),
        _ => return None,
    })
}

/// The file's XML about itself: the properties of its descriptions, by their names in small letters.
fn metadata(document: &Document) -> Option<Json> {
    let stream = document.catalog().ok()?.get_deref(b"Metadata", document).ok()?.as_stream().ok()?;
    let bytes = stream.get_plain_content_with_limit(METADATA_BYTES_MAX).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    properties(text.trim_end_matches('\0').trim())
}

fn properties(text: &str) -> Option<Json> {
    let mut pieces = Pieces::of(text);
    let mut path: Vec<String> = Vec::new();
    let mut found = Json::new();
    // Within a property: its depth, its name, its text, and the texts of its list.
    let mut open: Option<(usize, String, String, Vec<String>)> = None;
    while let Ok(Some(piece)) = pieces.next_piece() {
        match piece {
            Piece::Start { name, .. } => {
                let name = name.to_lowercase();
                if open.is_none() && path.last().is_some_and(|above| above == "rdf:description") {
                    open = Some((path.len(), name.clone(), String::new(), Vec::new()));
                } else if let (Some((.., list)), "rdf:li") = (&mut open, name.as_str()) {
                    list.push(String::new());
                }
                path.push(name);
            }
            Piece::End { .. } => {
                path.pop();
                if let Some((_, name, text, list)) = open.take_if(|(depth, ..)| *depth == path.len()) {
                    let is_list = matches!(name.as_str(), "dc:creator" | "dc:subject");
                    let list = list.iter().map(|text| Value::from(text.trim())).collect();
                    found.insert(name, if is_list { list } else { Value::from(text.trim()) });
                }
            }
            Piece::Text(_) | Piece::Cdata(_) => {
                let more = match &piece {
                    Piece::Text(text) => text.as_ref(),
                    Piece::Cdata(text) => text,
                    _ => "",
                };
                if let Some((_, _, text, list)) = &mut open {
                    text.push_str(more);
                    list.last_mut().into_iter().for_each(|last| last.push_str(more));
                }
            }
        }
    }
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked() -> Asked {
        let (name, password) = ("x.pdf".to_owned(), String::new());
        Asked { name, password, pages_max: 0, is_joined: true, text_bytes_max: 100_000 }
    }

    fn stream(content: &str, more: &str) -> String {
        format!("<</Length {}{more}>>\nstream\n{content}\nendstream", content.len())
    }

    /// A file of these objects, counted from 1: the first is the catalog, the second says what it is.
    fn pdf(objects: &[String]) -> Vec<u8> {
        let mut out = String::from("%PDF-1.4\n");
        let mut places = String::new();
        for (i, object) in objects.iter().enumerate() {
            places += &format!("{:010} 00000 n \n", out.len());
            out += &format!("{} 0 obj\n{object}\nendobj\n", i + 1);
        }
        let (n, at) = (objects.len() + 1, out.len());
        out += &format!("xref\n0 {n}\n0000000000 65535 f \n{places}");
        out += &format!("trailer\n<</Size {n}/Root 1 0 R/Info 2 0 R>>\nstartxref\n{at}\n%%EOF\n");
        out.into_bytes()
    }

    /// A file with one page for each of these contents.
    fn pages(contents: &[&str]) -> Vec<u8> {
        let kids: Vec<String> = (0..contents.len()).map(|i| format!("{} 0 R", 9 + i * 2)).collect();
        let cmap = "begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange \
                    1 beginbfchar <0001> <00E4> endbfchar 2 beginbfrange <0002> <0004> <03B1> <0005> <0006> [<00660069> <0062>] \
                    endbfrange endcmap";
        let xmp = "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF><rdf:Description><dc:title><rdf:Alt><rdf:li>\
                   A &amp; B</rdf:li></rdf:Alt></dc:title><dc:creator><rdf:Seq><rdf:li>Ada</rdf:li><rdf:li>Bo</rdf:li>\
                   </rdf:Seq></dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>";
        let mut objects = vec![
            "<</Type/Catalog/Pages 3 0 R/Metadata 8 0 R/Lang(en)>>".to_owned(),
            "<</Title(Invoices)/CreationDate(D:2026)/Ours(x)>>".to_owned(),
            format!(
                "<</Type/Pages/Count {}/Kids[{}]/Resources<</Font<</F1 4 0 R/F2 5 0 R/F3 6 0 R>>\
                 /XObject<</X1 7 0 R>>>>>>",
                contents.len(),
                kids.join(" ")
            ),
            "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_owned(),
            "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_owned(),
            "<</Type/Font/Subtype/Type0/BaseFont/A/Encoding/Identity-H/DescendantFonts[<</Type/Font/Subtype\
             /CIDFontType2/DW 500/W[1[700 800] 3 4 250]>>]/ToUnicode 99 0 R>>"
                .to_owned(),
            stream(
                "BT /F1 12 Tf 72 300 Td (in a form) Tj ET",
                "/Type/XObject/Subtype/Form/Resources<</Font<</F1 4 0 R>>>>",
            ),
            stream(xmp, "/Type/Metadata/Subtype/XML"),
        ];
        for (i, content) in contents.iter().enumerate() {
            objects.push(format!("<</Type/Page/Parent 3 0 R/Contents {} 0 R>>", 10 + i * 2));
            objects.push(stream(content, ""));
        }
        objects.push(stream(cmap, ""));
        let cmap_at = format!("{} 0 R", objects.len());
        objects[5] = objects[5].replace("99 0 R", &cmap_at);
        pdf(&objects)
    }

    #[track_caller]
    fn check_text(content: &str, expected: &str) {
        let json = read(&pages(&[content]), &asked()).unwrap();
        assert_eq!(json["text"], expected, "{content}");
    }

    #[test]
    fn texts_of_one_height_are_a_line() {
        check_text("BT /F1 24 Tf 72 720 Td (Hello World) Tj 0 -30 Td (Next) Tj ET", "Hello World\nNext");
        check_text(
            "BT /F1 12 Tf 72 720 Td (One) Tj ( word) Tj ET BT /F1 12 Tf 300 720 Td (far) Tj ET",
            "One word far",
        );
        check_text("BT /F1 12 Tf 14 TL 9 9 Td (a) Tj T* (b) Tj (c) ' 0 0 (d) \" ET", "a\nb\nc\nd");
        check_text("BT /F1 12 Tf 1 0 0 1 72 500 Tm (a) Tj 1 0 0 1 72 400 Tm (b) Tj ET", "a\nb");
    }

    #[test]
    fn letters_that_are_moved_closer_stay_one_word_and_gaps_are_spaces() {
        check_text("BT /F1 12 Tf 9 9 Td [(Ker) -20 (ned) -400 (gap) 30 (s)] TJ ET", "Kerned gaps");
        check_text("BT /F3 12 Tf 9 9 Td <0001> Tj <0002> Tj ET", "äα");
    }

    #[test]
    fn letters_are_told_by_the_fonts_encoding_or_its_map() {
        check_text("BT /F2 12 Tf 9 9 Td (Zo\\353 \\(caf\\351\\) \\200) Tj ET", "Zoë (café) €");
        check_text("BT /F3 12 Tf 9 9 Td <0001000200030005> Tj ET", "äαβfi");
        check_text("BT /F9 12 Tf 9 9 Td (no such font) Tj ET", "");
    }

    #[test]
    fn forms_and_moved_pages_count() {
        check_text(
            "q 1 0 0 1 0 50 cm BT /F1 12 Tf 9 9 Td (up) Tj ET Q BT /F1 12 Tf 9 9 Td (down) Tj ET",
            "up\ndown",
        );
        check_text("BT /F1 12 Tf 9 9 Td (before) Tj ET /X1 Do", "before\nin a form");
    }

    #[test]
    fn a_file_says_what_it_is() {
        let file = pages(&["BT /F1 9 Tf (a) Tj ET", "BT /F1 9 Tf (b) Tj ET"]);
        let json = read(&file, &asked()).unwrap();
        let info = json!({"PDFFormatVersion": "1.4", "Language": "en", "EncryptFilterName": null,
            "IsLinearized": false, "IsAcroFormPresent": false, "IsXFAPresent": false, "IsCollectionPresent": false,
            "IsSignaturesPresent": false, "Title": "Invoices", "CreationDate": "D:2026", "Custom": {"Ours": "x"}});
        assert_eq!(json["info"], info);
        assert_eq!(json["metadata"], json!({"dc:title": "A & B", "dc:creator": ["Ada", "Bo"]}));
        assert_eq!((&json["numpages"], &json["text"]), (&json!(2), &json!("a\n\nb")));
        let one = Asked { pages_max: 1, is_joined: false, ..asked() };
        let json = read(&file, &one).unwrap();
        assert_eq!(
            (&json["numpages"], &json["numrender"], &json["text"]),
            (&json!(2), &json!(1), &json!(["a"]))
        );
    }

    #[test]
    fn what_is_no_pdf_or_has_too_much_text_is_an_error() {
        for bytes in [&b""[..], b"not a pdf", b"%PDF-1.4\n%%EOF"] {
            let error = read(bytes, &asked()).unwrap_err().to_string();
            assert!(error.contains("the PDF \"x.pdf\""), "{error}");
        }
        let long = format!("BT /F1 9 Tf {} ET", "(many letters) Tj ".repeat(200));
        let error = read(&pages(&[&long]), &Asked { text_bytes_max: 1_000, ..asked() }).unwrap_err();
        assert!(error.to_string().contains("1000 bytes"), "{error}");
    }

    #[test]
    fn no_broken_file_makes_the_reader_panic() {
        let sound = pages(&["BT /F3 12 Tf 9 9 Td [<0001> -20 (x)] TJ ET /X1 Do"]);
        let mut seed = 20_u64;
        for round in 0..300 {
            let mut bytes = sound.clone();
            for _ in 0..=round % 5 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (seed >> 33) as usize % bytes.len();
                match round % 3 {
                    0 => bytes[at] = seed as u8,
                    1 => bytes.truncate(at.max(1)),
                    _ => bytes.insert(at, b"0123456789<>[]()/ R"[(seed >> 13) as usize % 19]),
                }
            }
            let _ = read(&bytes, &asked());
        }
    }

    #[test]
    fn forms_that_show_themselves_end() {
        let file = String::from_utf8(pages(&["/X1 Do"])).unwrap();
        let own = file
            .replace("(in a form) Tj ET", "(x) Tj ET /X1 Do ")
            .replace("<</F1 4 0 R>>>>", "<</F1 4 0 R>>>>");
        let _ = read(own.as_bytes(), &asked());
    }
}
