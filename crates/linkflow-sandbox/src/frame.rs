//! What goes through the pipe: a kind, a length, a payload of text.
//!
//! ```text
//! parent -> child   R run (a code request)       A answer to a question
//! child -> parent   H hello (notes)              Q question about a node
//!                   D done (a code response)     F failed (a code failure)
//! ```

use std::io::{self, Read, Write};

pub const HEADER_BYTES: usize = 5;

/// A frame's kind and the length of its payload.
pub fn read_header(header: [u8; HEADER_BYTES]) -> (u8, usize) {
    let [kind, length @ ..] = header;
    (kind, u32::from_le_bytes(length) as usize)
}

pub fn header(kind: u8, length: usize) -> Option<[u8; HEADER_BYTES]> {
    let [a, b, c, d] = u32::try_from(length).ok()?.to_le_bytes();
    Some([kind, a, b, c, d])
}

/// The next frame; nothing where the other side has closed the pipe.
pub fn read(from: &mut impl Read) -> io::Result<Option<(u8, Vec<u8>)>> {
    let mut header = [0; HEADER_BYTES];
    match from.read_exact(&mut header) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let (kind, length) = read_header(header);
    let mut payload = Vec::new();
    payload.try_reserve_exact(length).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    payload.resize(length, 0);
    from.read_exact(&mut payload)?;
    Ok(Some((kind, payload)))
}

pub fn write(to: &mut impl Write, kind: u8, payload: &[u8]) -> io::Result<()> {
    let header = header(kind, payload.len()).ok_or(io::ErrorKind::InvalidInput)?;
    to.write_all(&header)?;
    to.write_all(payload)?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_as_they_went_in_and_then_the_pipe_ends() {
        let mut pipe = Vec::new();
        write(&mut pipe, b'Q', b"hello").unwrap();
        write(&mut pipe, b'D', b"").unwrap();
        let mut from = pipe.as_slice();
        assert_eq!(read(&mut from).unwrap(), Some((b'Q', b"hello".to_vec())));
        assert_eq!(read(&mut from).unwrap(), Some((b'D', Vec::new())));
        assert_eq!(read(&mut from).unwrap(), None);
        assert!(read(&mut &[b'Q', 9, 0, 0, 0, 1][..]).is_err());
    }
}
