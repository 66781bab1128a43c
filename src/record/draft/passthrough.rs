//! Any call of the WMS's own API, with the connection's credentials.

use async_graphql::{InputObject, SimpleObject};
use serde::{Deserialize, Serialize};

use crate::record::{Json, codes};

codes! {
    /// What a call of HTTP does.
    pub enum HttpMethod {
        /// Reads.
        Get = "GET",
        /// Makes or does.
        Post = "POST",
        /// Puts in the place of what is there.
        Put = "PUT",
        /// Changes.
        Patch = "PATCH",
        /// Removes.
        Delete = "DELETE",
    }
}

/// A parameter of an address.
#[derive(Debug, Clone, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryParameter {
    /// Its name.
    pub name: String,
    /// Its value, not yet encoded.
    pub value: String,
}

/// A call of the WMS's own API.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Passthrough {
    /// What it does.
    pub method: HttpMethod,
    /// The address below the connection's own, such as `/v1/orders`. It cannot leave the WMS.
    pub path: String,
    /// The parameters of the address.
    pub query: Vec<QueryParameter>,
    /// What is sent; nothing when left out.
    #[serde(default, with = "super::plain", skip_serializing_if = "Option::is_none")]
    pub body: Option<Json>,
}

/// What the WMS answered to a call of its own API, whatever it was.
#[derive(Debug, Clone, PartialEq, SimpleObject, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Passed {
    /// The HTTP status.
    pub status: u16,
    /// The body: JSON as it came, any other text as a string; null when there was none.
    #[serde(default, with = "super::plain")]
    pub body: Option<Json>,
    /// The identifier that the WMS gave the call.
    pub request_id: Option<String>,
}
