//! PLACEHOLDER of the graphql branch
use futures_util::Stream;

use crate::store::{self, Predicate};

/// Reads the change log: replay, then live.
#[derive(Clone)]
pub struct Reader {}

#[allow(clippy::todo, missing_docs)]
impl Reader {
    pub async fn head(&self) -> Result<i64, store::Error> {
        todo!()
    }
    pub fn follow(&self, _: Option<i64>, _: Predicate) -> impl Stream<Item = Result<store::changes::Change, store::Error>> + Send + use<> {
        if true {
            todo!()
        }
        futures_util::stream::empty()
    }
}
