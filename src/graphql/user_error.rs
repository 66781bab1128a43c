//! What the caller of a mutation can act on: it stands in the payload, beside what came of the call.
//!
//! A [`Failure`] is one of two things, and [`Failure::is_from_wms`] says which: ours (the input makes no sense here), or
//! the WMS's, whose own words are shown unchanged.

use async_graphql::{ID, Interface, Object};

use crate::record::{ErrorCode, Failure, Instant, Json};
use crate::sync::Refused;

use super::errors::{Fault, Result};

/// What the caller can act on. The response's own `errors` are for requests that could not be executed at all.
#[derive(Interface)]
#[graphql(
    field(name = "code", ty = "ErrorCode", desc = "What kind of error it is, in one word that programs can compare."),
    field(name = "message", ty = "String", desc = "What happened. For a `WmsError`, the WMS's own text, unchanged."),
    field(
        name = "path",
        ty = "Option<&[String]>",
        desc = "The input field that it speaks of, below `input`: [\"order\", \"lineItems\", \"0\", \"sku\"]. Null when it is none in particular."
    )
)]
pub enum UserError {
    /// Ours.
    InputError(InputError),
    /// The WMS's.
    WmsError(WmsError),
}

impl From<Failure> for UserError {
    fn from(failure: Failure) -> Self {
        if failure.is_from_wms() { Self::WmsError(WmsError(failure)) } else { Self::InputError(InputError(failure)) }
    }
}

impl UserError {
    /// The input field at `path` makes no sense; with an empty path, the input as a whole.
    pub fn input(path: &[&str], message: impl Into<String>) -> Self {
        let failure = Failure::ours(ErrorCode::InvalidInput, message);
        Self::InputError(InputError(if path.is_empty() { failure } else { failure.at(path) }))
    }

    /// The same, of what lies at `path` of a larger input.
    #[must_use]
    pub fn below(mut self, path: &[&str]) -> Self {
        let (Self::InputError(InputError(failure)) | Self::WmsError(WmsError(failure))) = &mut self;
        failure.path = Some(path.iter().map(|part| (*part).to_owned()).chain(failure.path.take().into_iter().flatten()).collect());
        self
    }

    /// The field `connectionId` of an input holds something else.
    pub fn no_connection(id: &ID) -> Self {
        Self::input(&["connectionId"], format!("{:?} is no connection's id", id.as_str()))
    }
}

/// What an engine refused with: for the payload, or else for nobody.
pub(super) fn refused(refused: Refused) -> Result<UserError> {
    match refused {
        Refused::Failure(failure) => Ok((*failure).into()),
        Refused::Store(error) => Err(Fault::from(error)),
    }
}

/// The input makes no sense here, or this server cannot do what it asks for. Nothing was sent to the WMS.
pub struct InputError(Failure);

/// The input makes no sense here, or this server cannot do what it asks for. Nothing was sent to the WMS.
#[Object]
impl InputError {
    /// What kind of error it is, in one word that programs can compare.
    async fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// What happened.
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// The input field that it speaks of, below `input`; null when it is none in particular.
    async fn path(&self) -> Option<&[String]> {
        self.0.path.as_deref()
    }
}

/// The WMS refused, or could not be asked.
pub struct WmsError(pub Failure);

/// The WMS refused, or could not be asked. What it sent along is shown as it came; null is what it did not send.
#[Object]
impl WmsError {
    /// What kind of error it is, in one word that programs can compare.
    async fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// The WMS's own text, unchanged.
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// The input field that it speaks of, below `input`; null when it is none in particular.
    async fn path(&self) -> Option<&[String]> {
        self.0.path.as_deref()
    }

    /// The HTTP status of the WMS's answer; null when there was none.
    async fn http_status(&self) -> Option<u16> {
        self.0.http_status
    }

    /// The WMS's own code.
    async fn wms_code(&self) -> Option<&str> {
        self.0.wms_code.as_deref()
    }

    /// The WMS's identifier of the call, which its support may ask for.
    async fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The WMS's whole answer.
    async fn body(&self) -> Option<Json> {
        self.0.body.as_ref().map(Json::of)
    }

    /// Whether the same call may work later.
    async fn retryable(&self) -> bool {
        self.0.retryable
    }

    /// Not before this moment: the WMS said so.
    async fn retry_after(&self) -> Option<Instant> {
        self.0.retry_after
    }
}
