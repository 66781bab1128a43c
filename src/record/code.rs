//! Enumerations whose text is the same in GraphQL, in the database and in JSON.

/// Declares an enumeration whose variants have one text each. Expands to the enum with its GraphQL derive, `ALL`,
/// `as_str`, `FromStr`, `Display` and serde by text:
///
/// ```ignore
/// codes! {
///     /// Where a thing stands.
///     pub enum Status: "a status" {
///         /// Not begun.
///         Open = "OPEN",
///     }
/// }
/// // enum Status { Open }      Status::Open.as_str() == "OPEN"      "OPEN".parse() == Ok(Status::Open)
/// ```
macro_rules! codes {
    ($(#[$doc:meta])* pub enum $name:ident $(derive $derive:ident)? { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, async_graphql::Enum)]
        $(#[derive($derive)])?
        pub enum $name {
            $($(#[$variant_meta])* #[graphql(name = $text)] $variant),+
        }

        impl $name {
            /// Every value, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The text that GraphQL, the database and JSON use.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::record::UnknownCode;

            fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::record::UnknownCode { code: text.to_owned(), of: stringify!($name) }),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, out: S) -> std::result::Result<S::Ok, S::Error> {
                out.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> std::result::Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(input)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use codes;

/// A text that is none of an enumeration's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code:?} is no {of}")]
pub struct UnknownCode {
    /// The text.
    pub code: String,
    /// The enumeration's name.
    pub of: &'static str,
}
