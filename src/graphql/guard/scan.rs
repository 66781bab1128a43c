//! The first look at a document: its tokens alone, before anything is built of them.
//!
//! What a parser would take memory or stack for is bounded here: tokens, the nesting of brackets, aliases, directives. One
//! pass without allocation, which ends at the first token too many.

use apollo_parser::{Lexer, TokenKind};
use async_graphql::ServerError;

use super::Limits;
use super::place::Lines;
use crate::graphql::errors::{Code, refused_at};

/// Brackets within one another. A document as deep as [`Limits::depth`] allows by default needs a third of it, and the
/// recursions over documents (of the parser, of the validation, of whoever executes) are safe with it.
pub(super) const NESTING: usize = 64;

/// Blanks between tokens, commas and comments: so many for each token that is allowed.
const IGNORED: usize = 4;

/// Counts the tokens of a document.
///
/// # Errors
/// Whatever there is too much of, with the place of the first one too many.
pub(super) fn scan(text: &str, limits: &Limits) -> Result<usize, Box<ServerError>> {
    let (mut tokens, mut ignored, mut nesting, mut parentheses, mut aliases, mut directives) = (0, 0, 0_usize, 0_usize, 0, 0);
    let mut end = 0;
    for item in Lexer::new(text) {
        // What is no token is the parser's to refuse.
        let (kind, offset) = item.map_or_else(|error| (TokenKind::Eof, error.index()), |token| (token.kind(), token.index()));
        end = end.max(offset);
        match kind {
            TokenKind::Whitespace | TokenKind::Comma | TokenKind::Comment => ignored += 1,
            _ => tokens += 1,
        }
        match kind {
            TokenKind::LCurly | TokenKind::LBracket => nesting += 1,
            TokenKind::LParen => {
                nesting += 1;
                parentheses += 1;
            }
            TokenKind::RCurly | TokenKind::RBracket => nesting = nesting.saturating_sub(1),
            TokenKind::RParen => {
                nesting = nesting.saturating_sub(1);
                parentheses = parentheses.saturating_sub(1);
            }
            // Within parentheses it belongs to an argument, or to a variable.
            TokenKind::Colon if parentheses == 0 => aliases += 1,
            TokenKind::At => directives += 1,
            _ => {}
        }
        let excess = |code, what: &str, most: usize| {
            Err(Box::new(refused_at(code, format!("The document has more than {most} {what}"), Lines::new(text).pos(end))))
        };
        // The end counts as one.
        if tokens > limits.tokens + 1 || ignored > IGNORED * limits.tokens {
            return excess(Code::TooManyTokens, "tokens", limits.tokens);
        } else if nesting > NESTING {
            return excess(Code::TooDeep, "brackets within one another", NESTING);
        } else if aliases > limits.aliases {
            return excess(Code::TooManyAliases, "aliases", limits.aliases);
        } else if directives > limits.directives {
            return excess(Code::TooManyDirectives, "directives", limits.directives);
        }
    }
    Ok(tokens)
}
