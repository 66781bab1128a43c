//! Places in a text: from a byte's offset to line and column, without reading the text again for each.

use async_graphql::Pos;

/// The characters before each of these blocks are counted beforehand.
const BLOCK: usize = 256;

/// A text, prepared for many questions.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// Where lines begin.
    starts: Vec<usize>,
    /// The characters before each block.
    before: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let ends = bytes.iter().enumerate().filter(|&(at, byte)| *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')));
        let starts = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        let mut count = 0;
        let counted = |block| {
            count += characters(block);
            count
        };
        let before = std::iter::once(0).chain(bytes.chunks(BLOCK).map(counted)).collect();
        Self { text, starts, before }
    }

    /// The characters before an offset.
    fn index(&self, offset: usize) -> usize {
        let offset = offset.min(self.text.len());
        let block = offset / BLOCK;
        let counted = self.before.get(block).copied().unwrap_or_default();
        counted + characters(&self.text.as_bytes()[block * BLOCK..offset])
    }

    /// Line and column of an offset, both from 1.
    pub(super) fn pos(&self, offset: usize) -> Pos {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        Pos { line, column: self.index(offset) - self.index(start) + 1 }
    }
}

/// The characters that begin in these bytes.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| (**byte & 0xC0) != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offset_has_the_place_that_counting_gives() {
        let text = format!("äb\r\nc\r\rd\n{}é\n{}x", "ü€y".repeat(200), "🦀".repeat(100));
        let lines = Lines::new(&text);
        let (mut line, mut column) = (1, 1);
        let mut rest = text.char_indices().peekable();
        while let Some((at, c)) = rest.next() {
            assert_eq!(lines.pos(at), Pos { line, column }, "{at}");
            if c == '\n' || (c == '\r' && rest.peek().is_none_or(|(_, next)| *next != '\n')) {
                (line, column) = (line + 1, 1);
            } else {
                column += 1;
            }
        }
        assert_eq!(lines.pos(text.len()), Pos { line, column });
        assert_eq!(Lines::new("").pos(0), Pos { line: 1, column: 1 });
    }
}
