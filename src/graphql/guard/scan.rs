//! The first look at a document: its tokens alone, before anything is built of them.
//!
//! What a parser would take memory or stack for is bounded here: tokens, the nesting of brackets, aliases, directives. It ends
//! at the first token too many. One thing of syntax is looked at as well: apollo-parser 0.8 drops an argument or an input field
//! that lacks its colon without a word, so that a filter would be left out which a client believes to be set.

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

/// What is counted.
#[derive(Default)]
struct Scan {
    tokens: usize,
    ignored: usize,
    aliases: usize,
    directives: usize,
    /// The brackets that are open.
    open: Vec<TokenKind>,
    /// Those of them that are parentheses.
    parentheses: usize,
    /// The last token.
    last: Option<TokenKind>,
    /// The last token is a name that only a colon may follow.
    names: bool,
}

impl Scan {
    /// Takes a token.
    ///
    /// # Errors
    /// One that must not follow.
    fn take(&mut self, kind: TokenKind) -> Result<(), &'static str> {
        if matches!(kind, TokenKind::Whitespace | TokenKind::Comma | TokenKind::Comment) {
            self.ignored += 1;
            return Ok(());
        }
        self.tokens += 1;
        if self.names && kind != TokenKind::Colon {
            return Err("Syntax Error: Expected \":\" after the name of an argument or of an input field.");
        }
        // Everywhere else in parentheses, a name is a value, a type, a variable or a directive.
        let begins = !matches!(self.last, Some(TokenKind::Colon | TokenKind::Dollar | TokenKind::Eq | TokenKind::At));
        self.names = kind == TokenKind::Name && self.parentheses > 0 && begins && self.open.last() != Some(&TokenKind::LBracket);
        match kind {
            TokenKind::LCurly | TokenKind::LBracket | TokenKind::LParen => {
                self.open.push(kind);
                self.parentheses += usize::from(kind == TokenKind::LParen);
            }
            TokenKind::RCurly | TokenKind::RBracket | TokenKind::RParen => {
                self.parentheses -= usize::from(self.open.pop() == Some(TokenKind::LParen));
            }
            // Within parentheses it belongs to an argument, or to a variable.
            TokenKind::Colon if self.parentheses == 0 => self.aliases += 1,
            TokenKind::At => self.directives += 1,
            _ => {}
        }
        self.last = Some(kind);
        Ok(())
    }

    /// What there is too much of.
    fn excess(&self, limits: &Limits) -> Option<(Code, &'static str, usize)> {
        // The end counts as a token.
        if self.tokens > limits.tokens.saturating_add(1) || self.ignored > limits.tokens.saturating_mul(IGNORED) {
            Some((Code::TooManyTokens, "tokens", limits.tokens))
        } else if self.open.len() > NESTING {
            Some((Code::TooDeep, "brackets within one another", NESTING))
        } else if self.aliases > limits.aliases {
            Some((Code::TooManyAliases, "aliases", limits.aliases))
        } else if self.directives > limits.directives {
            Some((Code::TooManyDirectives, "directives", limits.directives))
        } else {
            None
        }
    }
}

/// Counts the tokens of a document.
///
/// # Errors
/// Whatever there is too much of, with the place of the first one too many; an argument without its colon.
pub(super) fn scan(text: &str, limits: &Limits) -> Result<usize, Box<ServerError>> {
    let mut scan = Scan::default();
    for item in Lexer::new(text) {
        // What is no token is the parser's to refuse; so are brackets that do not fit.
        let (kind, offset) = item.map_or_else(|error| (None, error.index()), |token| (Some(token.kind()), token.index()));
        let refuse = |code, message: String| Err(Box::new(refused_at(code, message, Lines::new(text).pos(offset))));
        match kind {
            Some(kind) => {
                if let Err(message) = scan.take(kind) {
                    return refuse(Code::ParseFailed, message.to_owned());
                }
            }
            None => scan.tokens += 1,
        }
        if let Some((code, what, most)) = scan.excess(limits) {
            return refuse(code, format!("The document has more than {most} {what}"));
        }
    }
    Ok(scan.tokens)
}
