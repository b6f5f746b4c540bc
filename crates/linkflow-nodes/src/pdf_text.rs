//! The text of a page of a PDF: what its operators show, line by line as they show it.
//!
//! Nothing here looks for columns or tables, and nothing is drawn. Where two texts stand on one line with
//! a gap between them, there is a space; a new height begins a new line.

use std::collections::HashMap;
use std::rc::Rc;

use lopdf::content::{Content, Operation};
use lopdf::{Dictionary, Document, Encoding, Object, ObjectId};

/// Most bytes that the operators of one page may have, unpacked.
pub const PAGE_BYTES_MAX: usize = 32 << 20;
/// Most operators that are looked at in one file.
const OPERATIONS_MAX: usize = 20_000_000;
/// Most bytes that a font may say what its letters mean in.
const MAP_BYTES_MAX: usize = 4 << 20;
/// How deep forms may show forms.
const FORMS_MAX: usize = 8;
/// How many states may be put aside at a time.
const STATES_MAX: usize = 512;
/// A gap wider than this share of the letters' size is a space.
const SPACE: f64 = 0.2;
/// A step up or down by more than this share of the letters' size is a new line.
const LINE: f64 = 0.15;
/// Width of a letter whose font does not tell, in thousandths of its size.
const WIDTH: f64 = 500.0;

/// Reads pages.
pub struct Reader<'a> {
    document: &'a Document,
    known: HashMap<ObjectId, Rc<Font<'a>>>,
    n_operations: usize,
    text_bytes_left: usize,
}

/// Why a page is not read to its end.
#[derive(Debug, PartialEq)]
pub enum Stop {
    TooMuchText,
    TooManyOperations,
    Broken(String),
}

impl<'a> Reader<'a> {
    pub fn new(document: &'a Document, text_bytes_max: usize) -> Reader<'a> {
        Reader { document, known: HashMap::new(), n_operations: 0, text_bytes_left: text_bytes_max }
    }

    pub fn page(&mut self, page: ObjectId) -> Result<String, Stop> {
        let content = self.document.get_page_content_with_limit(page, PAGE_BYTES_MAX);
        let content = content.map_err(|e| Stop::Broken(e.to_string()))?;
        let (own, others) = self.document.get_page_resources(page).unwrap_or_default();
        let others = others.into_iter().filter_map(|id| self.document.get_dictionary(id).ok());
        let resources = own.into_iter().chain(others).collect();
        let mut lines = Lines { text: String::new(), left: self.text_bytes_left, last: None };
        self.show(&content, resources, State::default(), &mut lines, 0)?;
        self.text_bytes_left = lines.left;
        Ok(lines.text)
    }

    fn show(
        &mut self,
        content: &[u8],
        resources: Vec<&'a Dictionary>,
        state: State<'a>,
        lines: &mut Lines,
        depth: usize,
    ) -> Result<(), Stop> {
        let mut page = Page { resources, state, aside: Vec::new() };
        for operation in Content::decode_iter(content) {
            self.n_operations += 1;
            if self.n_operations > OPERATIONS_MAX {
                return Err(Stop::TooManyOperations);
            }
            // What is broken in the middle of a page ends it there.
            let Ok(operation) = operation else { break };
            match operation.operator.as_str() {
                "Tf" => page.state.font = self.font(&operation, &page.resources, &mut page.state.size),
                "Do" if depth < FORMS_MAX => self.form(&operation, &page, lines, depth)?,
                _ => page.take(&operation, lines)?,
            }
        }
        Ok(())
    }

    fn font(
        &mut self,
        operation: &Operation,
        resources: &[&'a Dictionary],
        size: &mut f64,
    ) -> Option<Rc<Font<'a>>> {
        *size = number(operation, 1);
        let name = operation.operands.first()?.as_name().ok()?;
        let listed = in_resources(self.document, resources, b"Font", name)?;
        let Object::Reference(id) = listed else {
            return Some(Rc::new(Font::read(listed.as_dict().ok()?, self.document)));
        };
        if let Some(known) = self.known.get(id) {
            return Some(known.clone());
        }
        let font = Rc::new(Font::read(self.document.get_dictionary(*id).ok()?, self.document));
        self.known.insert(*id, font.clone());
        Some(font)
    }

    /// A form is a piece of page that several pages may show.
    fn form(
        &mut self,
        operation: &Operation,
        page: &Page<'a>,
        lines: &mut Lines,
        depth: usize,
    ) -> Result<(), Stop> {
        let name = operation.operands.first().and_then(|o| o.as_name().ok()).unwrap_or_default();
        let Some(listed) = in_resources(self.document, &page.resources, b"XObject", name) else {
            return Ok(());
        };
        let Ok((_, Object::Stream(stream))) = self.document.dereference(listed) else { return Ok(()) };
        if stream.dict.get(b"Subtype").and_then(Object::as_name).ok() != Some(b"Form".as_slice()) {
            return Ok(());
        }
        let Ok(content) = stream.decompressed_content_with_limit(PAGE_BYTES_MAX) else { return Ok(()) };
        let own = stream.dict.get_deref(b"Resources", self.document).and_then(Object::as_dict).ok();
        let resources = own.map_or_else(|| page.resources.clone(), |own| vec![own]);
        let matrix = stream.dict.get_deref(b"Matrix", self.document).and_then(Object::as_array);
        let mut state = page.state.clone();
        if let Ok(matrix) = matrix {
            state.page = Matrix::of(matrix).times(&state.page);
        }
        self.show(&content, resources, state, lines, depth + 1)
    }
}

/// What is listed under a name in the first resources that have it.
fn in_resources<'a>(
    document: &'a Document,
    resources: &[&'a Dictionary],
    of: &[u8],
    name: &[u8],
) -> Option<&'a Object> {
    let lists = resources.iter().filter_map(|r| r.get_deref(of, document).and_then(Object::as_dict).ok());
    lists.filter_map(|list| list.get(name).ok()).next()
}

fn number(operation: &Operation, at: usize) -> f64 {
    operation.operands.get(at).and_then(|o| o.as_float().ok()).map_or(0.0, f64::from)
}

/// A matrix of six numbers, as PDF has them.
#[derive(Clone, Copy, Debug)]
struct Matrix([f64; 6]);

impl Default for Matrix {
    fn default() -> Matrix {
        Matrix([1.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    }
}

impl Matrix {
    fn of(numbers: &[Object]) -> Matrix {
        let mut matrix = Matrix::default();
        for (place, number) in matrix.0.iter_mut().zip(numbers) {
            *place = number.as_float().map_or(*place, f64::from);
        }
        matrix
    }

    fn moved(x: f64, y: f64) -> Matrix {
        Matrix([1.0, 0.0, 0.0, 1.0, x, y])
    }

    /// This one first, then the other.
    fn times(&self, then: &Matrix) -> Matrix {
        let ([a, b, c, d, e, f], [g, h, i, j, k, l]) = (self.0, then.0);
        Matrix([
            a * g + b * i,
            a * h + b * j,
            c * g + d * i,
            c * h + d * j,
            e * g + f * i + k,
            e * h + f * j + l,
        ])
    }
}

#[derive(Clone)]
struct State<'a> {
    page: Matrix,
    /// Where the next text goes, and where its line began.
    text: Matrix,
    line: Matrix,
    font: Option<Rc<Font<'a>>>,
    size: f64,
    letter_gap: f64,
    word_gap: f64,
    stretch: f64,
    leading: f64,
    rise: f64,
}

impl Default for State<'_> {
    fn default() -> Self {
        State {
            page: Matrix::default(),
            text: Matrix::default(),
            line: Matrix::default(),
            font: None,
            size: 0.0,
            letter_gap: 0.0,
            word_gap: 0.0,
            stretch: 1.0,
            leading: 0.0,
            rise: 0.0,
        }
    }
}

struct Page<'a> {
    resources: Vec<&'a Dictionary>,
    state: State<'a>,
    aside: Vec<State<'a>>,
}

impl Page<'_> {
    fn take(&mut self, operation: &Operation, lines: &mut Lines) -> Result<(), Stop> {
        let n = |at| number(operation, at);
        let state = &mut self.state;
        match operation.operator.as_str() {
            "q" if self.aside.len() < STATES_MAX => self.aside.push(state.clone()),
            "Q" => *state = self.aside.pop().unwrap_or_else(|| state.clone()),
            "cm" => state.page = Matrix::of(&operation.operands).times(&state.page),
            "BT" => (state.text, state.line) = Default::default(),
            "Tm" => state.begin_at(Matrix::of(&operation.operands)),
            "Td" => state.next_line(n(0), n(1)),
            "TD" => {
                state.leading = -n(1);
                state.next_line(n(0), n(1));
            }
            "T*" => state.next_line(0.0, -state.leading),
            "TL" => state.leading = n(0),
            "Tc" => state.letter_gap = n(0),
            "Tw" => state.word_gap = n(0),
            "Tz" => state.stretch = n(0) / 100.0,
            "Ts" => state.rise = n(0),
            "Tj" => state.text_of(operation.operands.first(), lines)?,
            "'" => {
                state.next_line(0.0, -state.leading);
                state.text_of(operation.operands.first(), lines)?;
            }
            "\"" => {
                (state.word_gap, state.letter_gap) = (n(0), n(1));
                state.next_line(0.0, -state.leading);
                state.text_of(operation.operands.get(2), lines)?;
            }
            "TJ" => {
                for piece in operation.operands.first().and_then(|o| o.as_array().ok()).into_iter().flatten()
                {
                    match piece.as_float() {
                        Ok(back) => state.advance(-f64::from(back) / 1000.0 * state.size),
                        Err(_) => state.text_of(Some(piece), lines)?,
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl State<'_> {
    fn begin_at(&mut self, matrix: Matrix) {
        (self.text, self.line) = (matrix, matrix);
    }

    fn next_line(&mut self, x: f64, y: f64) {
        self.begin_at(Matrix::moved(x, y).times(&self.line));
    }

    /// Goes on by so much, in units of the text.
    fn advance(&mut self, by: f64) {
        self.text = Matrix::moved(by * self.stretch, 0.0).times(&self.text);
    }

    /// The place of the next letter on the page, and how tall letters are there.
    fn place(&self) -> (f64, f64, f64) {
        let at = Matrix::moved(0.0, self.rise).times(&self.text).times(&self.page);
        let tall = (at.0[2].powi(2) + at.0[3].powi(2)).sqrt() * self.size.abs();
        (at.0[4], at.0[5], tall)
    }

    fn text_of(&mut self, shown: Option<&Object>, lines: &mut Lines) -> Result<(), Stop> {
        let (Some(bytes), Some(font)) = (shown.and_then(|o| o.as_str().ok()), self.font.clone()) else {
            return Ok(());
        };
        let (x, y, tall) = self.place();
        self.advance(font.width(bytes, self));
        let (end, ..) = self.place();
        lines.put(&font.text(bytes), Place { x, y, end, tall })
    }
}

/// A font, as far as text goes.
struct Font<'a> {
    /// What its codes mean, where the font says so.
    meanings: Option<Meanings>,
    /// What they mean by the encoding of its letters.
    encoding: Option<Encoding<'a>>,
    /// Whether codes have two bytes.
    is_wide: bool,
    widths: HashMap<u32, f64>,
    missing_width: f64,
}

impl<'a> Font<'a> {
    fn read(font: &'a Dictionary, document: &'a Document) -> Font<'a> {
        let is_wide = font.get(b"Subtype").and_then(Object::as_name).ok() == Some(b"Type0".as_slice());
        let map = font.get_deref(b"ToUnicode", document).and_then(Object::as_stream);
        let map = map.and_then(|map| map.get_plain_content_with_limit(MAP_BYTES_MAX)).ok();
        // Codes of a wide font that does not say what they mean stand for shapes, and for no letters.
        let has_encoding = !is_wide || !is_identity(font);
        let encoding =
            font.get_font_encoding_with_limit(document, PAGE_BYTES_MAX).ok().filter(|_| has_encoding);
        let (widths, missing_width) =
            if is_wide { wide_widths(font, document) } else { widths(font, document) };
        Font { meanings: map.map(|map| Meanings::read(&map)), encoding, is_wide, widths, missing_width }
    }

    fn text(&self, bytes: &[u8]) -> String {
        let encoded = |bytes: &[u8]| self.encoding.as_ref().and_then(|e| e.bytes_to_string(bytes).ok());
        let text = match &self.meanings {
            None => encoded(bytes).unwrap_or_default(),
            Some(meanings) => {
                let codes = bytes.chunks(if self.is_wide { 2 } else { 1 });
                codes
                    .map(|code| meanings.of(number_of(code)).or_else(|| encoded(code)).unwrap_or_default())
                    .collect()
            }
        };
        text.replace('\0', "")
    }

    fn width(&self, bytes: &[u8], state: &State<'_>) -> f64 {
        let one = |code: u32| {
            let width = self.widths.get(&code).unwrap_or(&self.missing_width) / 1000.0 * state.size;
            let word_gap = if code == 32 && !self.is_wide { state.word_gap } else { 0.0 };
            width + state.letter_gap + word_gap
        };
        match self.is_wide {
            true => bytes.chunks(2).map(|code| one(number_of(code))).sum(),
            false => bytes.iter().map(|b| one(u32::from(*b))).sum(),
        }
    }
}

fn number_of(code: &[u8]) -> u32 {
    code.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte))
}

/// What the codes of a font mean, as its map to Unicode says.
#[derive(Default)]
struct Meanings {
    single: HashMap<u32, Vec<u16>>,
    /// First and last code, and what the first one means; the others follow it.
    ranges: Vec<(u32, u32, Vec<u16>)>,
}

impl Meanings {
    /// Reads the lists `beginbfchar <code> <text>` and `beginbfrange <first> <last> <text>`, where a list
    /// of texts may stand for the last one. What it does not understand is left out.
    fn read(map: &[u8]) -> Meanings {
        let mut meanings = Meanings::default();
        let mut given: Vec<Vec<u8>> = Vec::new();
        let (mut list_of, mut is_listed) = (0, false);
        let mut rest = map;
        while let Some((&byte, behind)) = rest.split_first() {
            rest = behind;
            match byte {
                b'<' => {
                    let end = rest.iter().position(|b| *b == b'>').unwrap_or(rest.len());
                    given.push(hex_bytes(&rest[..end]));
                    rest = rest.get(end + 1..).unwrap_or_default();
                    if list_of > 0 && !is_listed && given.len() == list_of {
                        meanings.add(&std::mem::take(&mut given), list_of);
                    }
                }
                b'[' => is_listed = true,
                b']' => {
                    is_listed = false;
                    meanings.add_listed(&std::mem::take(&mut given));
                }
                b'b' if rest.starts_with(b"eginbfchar") => (list_of, given) = (2, Vec::new()),
                b'b' if rest.starts_with(b"eginbfrange") => (list_of, given) = (3, Vec::new()),
                b'e' if rest.starts_with(b"ndbf") => list_of = 0,
                _ => {}
            }
        }
        meanings.ranges.sort_by_key(|(first, ..)| *first);
        meanings
    }

    fn add(&mut self, given: &[Vec<u8>], list_of: usize) {
        match given {
            [code, text] if list_of == 2 => _ = self.single.insert(number_of(code), units(text)),
            [first, last, text] => self.ranges.push((number_of(first), number_of(last), units(text))),
            _ => {}
        }
    }

    fn add_listed(&mut self, given: &[Vec<u8>]) {
        let [first, _, texts @ ..] = given else { return };
        let codes = number_of(first)..=0xffff;
        self.single.extend(codes.zip(texts).map(|(code, text)| (code, units(text))));
    }

    fn of(&self, code: u32) -> Option<String> {
        let single = self.single.get(&code).cloned();
        let units = single.or_else(|| {
            let behind = self.ranges.partition_point(|(first, ..)| *first <= code);
            let (first, last, text) = self.ranges.get(behind.checked_sub(1)?)?;
            let mut text = text.clone();
            let end = text.last_mut().filter(|_| code <= *last)?;
            *end = end.wrapping_add((code - first) as u16);
            Some(text)
        })?;
        Some(String::from_utf16_lossy(&units))
    }
}

fn hex_bytes(digits: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> =
        digits.iter().filter_map(|d| char::from(*d).to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4) | pair.get(1).unwrap_or(&0)).collect()
}

/// Text in UTF-16; a single byte is a letter of its own.
fn units(text: &[u8]) -> Vec<u16> {
    match text {
        [byte] => vec![u16::from(*byte)],
        text => text.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect(),
    }
}

fn is_identity(font: &Dictionary) -> bool {
    font.get(b"Encoding").and_then(Object::as_name).is_ok_and(|name| name.starts_with(b"Identity"))
}

/// Widths of a font whose codes have one byte.
fn widths(font: &Dictionary, document: &Document) -> (HashMap<u32, f64>, f64) {
    let first =
        font.get_deref(b"FirstChar", document).and_then(Object::as_i64).unwrap_or(0).clamp(0, 255) as u32;
    let listed = font.get_deref(b"Widths", document).and_then(Object::as_array);
    let Ok(listed) = listed else { return (built_in_widths(font), WIDTH) };
    let width = |object: &Object| document.dereference(object).ok()?.1.as_float().ok().map(f64::from);
    let widths = listed.iter().take(256).enumerate().filter_map(|(i, o)| Some((first + i as u32, width(o)?)));
    (widths.collect(), WIDTH)
}

/// Roughly, for the fonts that every reader has: what is narrow, what is wide.
fn built_in_widths(font: &Dictionary) -> HashMap<u32, f64> {
    let name = font.get(b"BaseFont").and_then(Object::as_name).unwrap_or_default();
    let is_fixed = name.starts_with(b"Courier");
    let width = |letter: u8| match letter {
        _ if is_fixed => 600.0,
        b' ' | b'.' | b',' | b'!' | b'/' | b':' | b';' | b'I' | b'f' | b't' => 278.0,
        b'i' | b'j' | b'l' | b'\'' | b'|' => 222.0,
        b'(' | b')' | b'-' | b'r' => 333.0,
        b'm' | b'M' | b'W' | b'%' | b'@' => 860.0,
        b'A'..=b'Z' | b'w' | b'&' => 690.0,
        b'c' | b'k' | b's' | b'v' | b'x' | b'y' | b'z' => 500.0,
        _ => 556.0,
    };
    (32..=255u8).map(|letter| (u32::from(letter), width(letter))).collect()
}

/// Widths of a font whose codes have two bytes: lists `first [w w w]` and ranges `first last w`.
fn wide_widths(font: &Dictionary, document: &Document) -> (HashMap<u32, f64>, f64) {
    let below = font.get_deref(b"DescendantFonts", document).and_then(Object::as_array);
    let below = below.ok().and_then(|list| document.dereference(list.first()?).ok()?.1.as_dict().ok());
    let Some(below) = below else { return (HashMap::new(), 1000.0) };
    let missing = below.get_deref(b"DW", document).and_then(Object::as_float).map_or(1000.0, f64::from);
    let mut widths = HashMap::new();
    let mut rest = below.get_deref(b"W", document).and_then(Object::as_array).map_or(&[][..], Vec::as_slice);
    while let [first, second, behind @ ..] = rest {
        let Ok(first) = first.as_float() else { break };
        let first = first.clamp(0.0, 65_535.0) as u32;
        if let Ok((_, Object::Array(list))) = document.dereference(second) {
            let listed = list.iter().zip(first..=65_535);
            widths.extend(listed.filter_map(|(w, code)| Some((code, f64::from(w.as_float().ok()?)))));
            rest = behind;
        } else if let ([width, behind @ ..], Ok(last)) = (behind, second.as_float()) {
            let width = width.as_float().map_or(missing, f64::from);
            widths.extend((first..=last.clamp(0.0, 65_535.0) as u32).map(|code| (code, width)));
            rest = behind;
        } else {
            break;
        }
    }
    (widths, missing)
}

/// Where a text stands on the page.
#[derive(Clone, Copy)]
struct Place {
    x: f64,
    y: f64,
    end: f64,
    tall: f64,
}

/// Texts, put together as they come.
struct Lines {
    text: String,
    left: usize,
    last: Option<Place>,
}

impl Lines {
    fn put(&mut self, text: &str, at: Place) -> Result<(), Stop> {
        if text.is_empty() {
            return Ok(());
        }
        let separator = self.last.map_or("", |last| between(last, at));
        let is_spaced = self.text.ends_with(char::is_whitespace) || text.starts_with(char::is_whitespace);
        if separator == "\n" || !is_spaced {
            self.text.push_str(separator);
        }
        self.left = self.left.checked_sub(text.len() + 1).ok_or(Stop::TooMuchText)?;
        self.text.push_str(text);
        self.last = Some(at);
        Ok(())
    }
}

fn between(last: Place, at: Place) -> &'static str {
    let tall = last.tall.max(at.tall);
    let gap = at.x - last.end;
    if (at.y - last.y).abs() > LINE * tall {
        "\n"
    } else if gap > SPACE * tall || gap < -tall {
        " "
    } else {
        ""
    }
}
