//! Writes, erased: a command of any kind and what came of it. The contract is in [`Push`](super::Push).

use serde::Deserialize as _;
use serde_json::Value;

use crate::record::draft::{
    AdjustInventory, CancelOrder, CancelReturn, Command, CreateInboundShipment, CreateOrder, CreateProduct, CreateReturn, Named,
    ReceiveInboundShipment, ShipOrder, UpdateInboundShipment, UpdateOrder, UpdateProduct, UpdateReturn, WriteAction, commands,
};
use crate::record::{DataType, InboundShipment, InventoryItem, Json, Order, Product, Record, Return};

/// What came of a write.
#[derive(Debug, Clone)]
pub struct Written<T> {
    /// The record as the WMS now holds it.
    pub record: T,
    /// Input fields that the WMS has no place for, as dotted paths.
    pub unused_fields: Vec<String>,
}

/// What a look at the WMS tells of a write that no answer came to. `W` is what came of it: [`Written`], or [`AnyWritten`].
#[derive(Debug, Clone)]
pub enum Found<W> {
    /// It was carried out.
    Done(W),
    /// It was not, and cannot be any more: the WMS knows nothing of it.
    NotDone,
    /// The WMS does not tell, for this reason. A person must look.
    Unclear(String),
}

impl<T> Found<Written<T>> {
    /// The same, erased.
    pub fn erased(self) -> Found<AnyWritten>
    where
        AnyWritten: From<Written<T>>,
    {
        match self {
            Self::Done(written) => Found::Done(written.into()),
            Self::NotDone => Found::NotDone,
            Self::Unclear(why) => Found::Unclear(why),
        }
    }
}

/// A command that can be found in an [`AnyCommand`], and whose record can be found in an [`AnyWritten`].
pub trait Pushable: Command + Into<AnyCommand> {
    /// The command, if `any` is one of this kind.
    fn of(any: &AnyCommand) -> Option<&Self>;
    /// What came of it, if `any` is of its type of record.
    fn written(any: AnyWritten) -> Option<Written<Self::Record>>;
}

macro_rules! any_command {
    ($([$command:ident, $record:ident])+) => {
        /// A command of any kind.
        #[derive(Debug, Clone)]
        pub enum AnyCommand {
            $(#[doc = concat!("[`", stringify!($command), "`]")] $command(Box<$command>)),+
        }

        impl AnyCommand {
            /// What it does.
            pub fn action(&self) -> WriteAction {
                match self { $(Self::$command(_) => <$command as Command>::ACTION),+ }
            }

            /// See [`Command::FIELD`].
            pub fn field(&self) -> Option<&'static str> {
                match self { $(Self::$command(_) => <$command as Command>::FIELD),+ }
            }

            /// See [`Command::refs`].
            pub fn refs(&self) -> Vec<Named> {
                match self { $(Self::$command(command) => command.refs()),+ }
            }

            /// The command as JSON, in the names and values of the mutation's input.
            pub fn request(&self) -> Value {
                match self { $(Self::$command(command) => Json::of(command).to_value()),+ }
            }

            /// The command of which this is the [`request`](Self::request); `None` where it is none of this kind.
            pub fn read(action: WriteAction, request: &Value) -> Option<Self> {
                match action {
                    $(WriteAction::$command => $command::deserialize(request).ok().map(Self::from),)+
                    WriteAction::Passthrough => None,
                }
            }
        }

        $(
            impl From<$command> for AnyCommand {
                fn from(command: $command) -> Self {
                    Self::$command(Box::new(command))
                }
            }

            impl Pushable for $command {
                fn of(any: &AnyCommand) -> Option<&Self> {
                    match any {
                        AnyCommand::$command(command) => Some(command),
                        _ => None,
                    }
                }

                fn written(any: AnyWritten) -> Option<Written<$record>> {
                    match any {
                        AnyWritten::$record(written) => Some(*written),
                        _ => None,
                    }
                }
            }
        )+
    };
}
commands!(any_command);

macro_rules! any_written {
    ($($record:ident),+) => {
        /// What came of a command of any kind.
        #[derive(Debug, Clone)]
        pub enum AnyWritten {
            $(#[doc = concat!("Of a [`", stringify!($record), "`].")] $record(Box<Written<$record>>)),+
        }

        impl AnyWritten {
            /// The type of the record.
            pub fn data_type(&self) -> DataType {
                match self { $(Self::$record(_) => <$record as Record>::DATA_TYPE),+ }
            }

            /// Input fields that the WMS has no place for.
            pub fn unused_fields(&self) -> &[String] {
                match self { $(Self::$record(written) => &written.unused_fields),+ }
            }
        }

        $(impl From<Written<$record>> for AnyWritten {
            fn from(written: Written<$record>) -> Self {
                Self::$record(Box::new(written))
            }
        })+
    };
}
any_written!(Order, InboundShipment, Return, Product, InventoryItem);
