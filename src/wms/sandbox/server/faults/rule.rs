//! A rule: which requests it is for, and what goes wrong with them.
//!
//! **Invariant.** A [`Rule`] has been checked: its parameters are those of its fault, and within their bounds. It is written
//! as one flat object, and shown again just as it was written.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::listing::{self, Bend};

/// Which requests are struck, and how. Parsed from JSON such as `{"fault": "delay", "milliseconds": 500, "times": 3}`.
#[derive(Debug, Clone)]
pub struct Rule {
    written: Written,
    fault: Fault,
    method: Option<Method>,
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// Refused with this status; nothing is done.
    Status { status: StatusCode, message: Option<String>, retry_after: Option<u64> },
    /// Refused as by the rate limit.
    RateLimit { retry_after: u64 },
    /// Handled only after this time.
    Delay(Duration),
    /// Answered at this speed.
    Drip { bytes_per_second: u64 },
    /// Answered up to this many bytes of the body.
    CutOff { after_bytes: u64 },
    /// The connection is reset.
    Reset,
    /// Answered with a page in HTML; nothing is done.
    Garbage,
    /// Answered with half of the JSON.
    BrokenJson,
    /// Refused as if the token were wrong.
    ExpireToken,
    /// The listing is not as it should be.
    Bend(Bend),
    /// A write is carried out and not answered.
    AcceptThenDrop,
    /// A write is carried out and answered only after this time.
    AcceptThenDelay(Duration),
    /// A write is carried out, and the answer says that something broke.
    AcceptThenStatus(StatusCode),
}

/// What is wrong with a rule.
#[derive(Debug)]
pub(super) struct Complaint {
    /// The field.
    pub field: &'static str,
    /// A sentence.
    pub message: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// The faults' names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Name {
    Status,
    RateLimit,
    Delay,
    Drip,
    CutOff,
    Reset,
    Garbage,
    BrokenJson,
    ExpireToken,
    Vanish,
    EndEarly,
    Reorder,
    Duplicate,
    AcceptThenDrop,
    AcceptThenDelay,
    AcceptThenStatus,
}

/// A rule as it is written: every parameter of every fault, flat, since serde refuses unknown fields of flat objects only.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    milliseconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_second: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_percent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<u64>,
}

/// Which requests a rule is for where it does not say.
const EVERYTHING: &str = "/v1/*";

/// How long an answer is held back at most, in milliseconds: one hour.
const LONGEST: u64 = 3_600_000;

impl Rule {
    /// The rule that was written.
    ///
    /// # Errors
    /// The first field that is not as it must be.
    pub(super) fn of(written: Written) -> Result<Self, Complaint> {
        let mut rest = written.clone();
        let fault = fault(&mut rest)?;
        let left = [
            ("status", rest.status.is_some()),
            ("message", rest.message.is_some()),
            ("retryAfterSeconds", rest.retry_after_seconds.is_some()),
            ("milliseconds", rest.milliseconds.is_some()),
            ("bytesPerSecond", rest.bytes_per_second.is_some()),
            ("afterBytes", rest.after_bytes.is_some()),
            ("rowsPercent", rest.rows_percent.is_some()),
        ];
        if let Some((field, _)) = left.into_iter().find(|(_, is_left)| *is_left) {
            return Err(Complaint { field, message: "This fault has no such parameter".to_owned() });
        }
        let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        let method = match &written.method {
            None => None,
            Some(name) => Some(methods.into_iter().find(|method| method.as_str() == name).ok_or_else(|| {
                let message = format!("{name:?} is none of GET, POST, PUT, PATCH and DELETE");
                Complaint { field: "method", message }
            })?),
        };
        if written.path.as_ref().is_some_and(|path| !path.starts_with(['/', '*'])) {
            return Err(Complaint { field: "path", message: "A path begins with / or *".to_owned() });
        }
        if written.times == Some(0) {
            return Err(Complaint { field: "times", message: "A rule strikes at least once; leave it out to strike always".to_owned() });
        }
        written.percent.map(|percent| within("percent", Some(percent), 1, 100)).transpose()?;
        Ok(Self { written, fault, method })
    }

    /// Whether this rule is for such a request. Only listings can be bent, and only writes accepted.
    pub(super) fn matches(&self, method: &Method, path: &str) -> bool {
        let is_its_own = match self.fault {
            Fault::Bend(_) => method == Method::GET && listing::is_address(path),
            Fault::AcceptThenDrop | Fault::AcceptThenDelay(_) | Fault::AcceptThenStatus(_) => !method.is_safe(),
            _ => true,
        };
        is_its_own && self.method.as_ref().is_none_or(|own| own == method) && fits(self.written.path.as_deref().unwrap_or(EVERYTHING), path)
    }

    pub(super) fn fault(&self) -> &Fault {
        &self.fault
    }

    /// How many matching requests are let through first.
    pub(super) fn skip(&self) -> u64 {
        self.written.skip.unwrap_or(0)
    }

    /// How many requests are struck at most.
    pub(super) fn times(&self) -> Option<u64> {
        self.written.times
    }

    /// The chance that a matching request is struck.
    pub(super) fn percent(&self) -> Option<u32> {
        self.written.percent.map(percent)
    }
}

/// The fault, whose parameters are taken out of `rest`.
fn fault(rest: &mut Written) -> Result<Fault, Complaint> {
    let name = rest.fault.ok_or_else(|| Complaint { field: "fault", message: "A rule names its fault".to_owned() })?;
    let wait = |rest: &mut Written| within("milliseconds", rest.milliseconds.take(), 1, LONGEST).map(Duration::from_millis);
    let rows = |rest: &mut Written| within("rowsPercent", rest.rows_percent.take(), 1, 100).map(percent);
    Ok(match name {
        Name::Status => {
            let status = status(rest, 400)?;
            Fault::Status { status, message: rest.message.take(), retry_after: rest.retry_after_seconds.take() }
        }
        Name::RateLimit => Fault::RateLimit { retry_after: rest.retry_after_seconds.take().unwrap_or(1) },
        Name::Delay => Fault::Delay(wait(rest)?),
        Name::Drip => Fault::Drip { bytes_per_second: within("bytesPerSecond", rest.bytes_per_second.take(), 1, u64::from(u32::MAX))? },
        Name::CutOff => Fault::CutOff { after_bytes: within("afterBytes", rest.after_bytes.take(), 0, u64::from(u32::MAX))? },
        Name::Reset => Fault::Reset,
        Name::Garbage => Fault::Garbage,
        Name::BrokenJson => Fault::BrokenJson,
        Name::ExpireToken => Fault::ExpireToken,
        Name::Vanish => Fault::Bend(Bend::Vanish { rows_percent: rows(rest)? }),
        Name::EndEarly => Fault::Bend(Bend::EndEarly),
        Name::Reorder => Fault::Bend(Bend::Reorder),
        Name::Duplicate => Fault::Bend(Bend::Duplicate { rows_percent: rows(rest)? }),
        Name::AcceptThenDrop => Fault::AcceptThenDrop,
        Name::AcceptThenDelay => Fault::AcceptThenDelay(wait(rest)?),
        Name::AcceptThenStatus => Fault::AcceptThenStatus(status(rest, 500)?),
    })
}

/// The status of an answer, from `low` on.
fn status(rest: &mut Written, low: u64) -> Result<StatusCode, Complaint> {
    let status = within("status", rest.status.take(), low, 599)?;
    Ok(u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or_default())
}

fn within(field: &'static str, value: Option<u64>, low: u64, high: u64) -> Result<u64, Complaint> {
    match value {
        Some(value) if (low..=high).contains(&value) => Ok(value),
        Some(_) => Err(Complaint { field, message: format!("It must be from {low} to {high}") }),
        None => Err(Complaint { field, message: "This fault needs it".to_owned() }),
    }
}

/// A number that has been seen to be at most 100.
fn percent(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(100)
}

/// Whether `text` is of the form `glob`, in which each `*` stands for anything, or for nothing.
fn fits(glob: &str, text: &str) -> bool {
    let Some((first, rest)) = glob.split_once('*') else { return glob == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        // The first place will do: what a later one fits, the `*` after an earlier one fits too.
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    true
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|e| e.to_string())
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Self::of(Written::deserialize(input)?).map_err(D::Error::custom)
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        self.written.serialize(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (glob, text, fit) in [
            ("/v1/*", "/v1/orders", true),
            ("/v1/orders", "/v1/orders", true),
            ("/v1/orders", "/v1/orders/1", false),
            ("/v1/orders*", "/v1/orders/1/ship", true),
            ("/v1/orders/*/ship", "/v1/orders/1/ship", true),
            ("/v1/orders/*/ship", "/v1/orders/1/cancel", false),
            ("*s*", "/v1/orders", true),
            ("*ab*b", "xabb", true),
            ("*ab*b", "xab", false),
            ("**", "", true),
            ("/v1/a*a", "/v1/a", false),
        ] {
            assert_eq!(fits(glob, text), fit, "{glob} {text}");
        }
    }

    #[test]
    fn a_rule_is_shown_as_it_was_written() {
        let text = r#"{"fault":"status","status":503,"message":"Closed","retryAfterSeconds":5,"method":"GET","path":"/v1/orders*","skip":2,"times":3,"percent":50}"#;
        let rule: Rule = text.parse().unwrap();
        assert_eq!(serde_json::to_string(&rule).unwrap(), text);
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_told_by_its_field() {
        let complaint = |text: &str| text.parse::<Rule>().unwrap_err();
        assert_eq!(complaint("{}"), "fault: A rule names its fault");
        assert_eq!(complaint(r#"{"fault":"status"}"#), "status: This fault needs it");
        assert_eq!(complaint(r#"{"fault":"status","status":200}"#), "status: It must be from 400 to 599");
        assert_eq!(complaint(r#"{"fault":"reset","milliseconds":5}"#), "milliseconds: This fault has no such parameter");
        assert_eq!(complaint(r#"{"fault":"delay","milliseconds":0}"#), "milliseconds: It must be from 1 to 3600000");
        assert_eq!(complaint(r#"{"fault":"vanish","rowsPercent":101}"#), "rowsPercent: It must be from 1 to 100");
        assert_eq!(complaint(r#"{"fault":"reset","percent":0}"#), "percent: It must be from 1 to 100");
        assert_eq!(complaint(r#"{"fault":"reset","times":0}"#), "times: A rule strikes at least once; leave it out to strike always");
        assert_eq!(complaint(r#"{"fault":"reset","method":"get"}"#), "method: \"get\" is none of GET, POST, PUT, PATCH and DELETE");
        assert_eq!(complaint(r#"{"fault":"reset","path":"v1"}"#), "path: A path begins with / or *");
        assert!(complaint(r#"{"fault":"flood"}"#).starts_with("unknown variant `flood`, expected one of `status`"));
        assert!(complaint(r#"{"fault":"reset","often":1}"#).starts_with("unknown field `often`"));
    }
}
