//! Any call of Tryton's own REST interface, for the company that the key's user works for.

use serde_json::Value;

use super::refuse;
use crate::record::Json;
use crate::record::draft::{HttpMethod, Passed, Passthrough};
use crate::wms::http::{Call, Reply};
use crate::wms::tryton::Tryton;
use crate::wms::{Error, Pass};

impl Pass for Tryton {
    async fn pass(&self, call: &Passthrough) -> Result<Passed, Error> {
        let path = inside(&call.path)?;
        let method: fn(&crate::wms::http::Site, &str) -> Call = match call.method {
            HttpMethod::Get => crate::wms::http::Site::get,
            HttpMethod::Post => crate::wms::http::Site::post,
            HttpMethod::Put => crate::wms::http::Site::put,
            HttpMethod::Patch => crate::wms::http::Site::patch,
            HttpMethod::Delete => crate::wms::http::Site::delete,
        };
        let query: Vec<(&str, &str)> = call.query.iter().map(|parameter| (parameter.name.as_str(), parameter.value.as_str())).collect();
        let mut request = method(&self.site, path).query(&query);
        if let Some(body) = &call.body {
            request = request.json(&body.to_value());
        }
        let session = self.session().await?;
        let reply = self.ready(request, session.context()).send().await?;
        Ok(Passed { status: reply.status, body: body(&reply), request_id: reply.header("x-request-id").map(str::to_owned) })
    }
}

/// The address, if it stays within the database's REST interface.
fn inside(path: &str) -> Result<&str, Error> {
    let decoded = path.to_ascii_lowercase();
    let leaves = path.split('/').any(|part| matches!(part, "." | ".."))
        || ["%2e", "%2f", "%5c", "\\", "?", "#", "//"].iter().any(|part| decoded.contains(part));
    if !path.starts_with("/rest/") || leaves {
        return Err(refuse(&["path"], "The path begins with /rest/ and goes on with the parts of an address, such as /rest/model/sale.sale"));
    }
    Ok(path)
}

fn body(reply: &Reply) -> Option<Json> {
    if reply.body.is_empty() {
        return None;
    }
    let parsed: Option<Value> = serde_json::from_slice(&reply.body).ok();
    Some(Json::of(&parsed.unwrap_or_else(|| Value::String(String::from_utf8_lossy(&reply.body).into_owned()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_inside() {
        for path in ["/rest/model/sale.sale", "/rest/model/sale.sale/1/quote", "/rest/report/sale.sale/1"] {
            assert!(inside(path).is_ok(), "{path}");
        }
        for path in [
            "/",
            "rest/model",
            "/other/rest/model",
            "/rest/../rpc/",
            "/rest/%2e%2e/rpc",
            "/rest/a?b=c",
            "/rest//x",
            "/rest/a#b",
            "/rest/a%2Fb",
            "/rest/a\\b",
        ] {
            assert!(inside(path).is_err(), "{path}");
        }
    }
}
