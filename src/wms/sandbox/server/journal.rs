//! The writes that were accepted, one JSON line each, so that a restarted sandbox is the one that was stopped.
//!
//! **Invariants.** The first line says what the sandbox was seeded with; from it the same data is made again, and the
//! writes are carried out again, at the same moments. A line is in the file before its write shows anywhere. The last
//! line may be torn (the machine stopped while it was written): it is cut off, and its write was never answered.
//! Lines are handed to the operating system, not forced to disk: a sandbox survives its own death, not the machine's.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write as _};
use std::path::Path;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::input::{
    Adjustment, AsnChange, Cancellation, NewAsn, NewOrder, NewProduct, NewReceipt, NewRma, NewShipment, OrderChange, ProductChange, RmaChange,
};
use crate::record::Instant;

/// What a sandbox is seeded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub seed: u64,
    pub orders: u32,
    pub epoch: Instant,
}

/// A write that was accepted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    pub at: Instant,
    /// The idempotency key that it came under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    pub write: Write,
}

impl Entry {
    /// The idempotency key, wherever it stands: in the first version's files it stands in the order.
    pub(super) fn take_key(&mut self) -> Option<String> {
        match &mut self.write {
            Write::CreateOrder { key: Some(key), .. } => Some(std::mem::take(key)),
            _ => self.key.take(),
        }
    }
}

/// What can be written. Rows are named by their numbers. What was added since the first version has a default, so that older
/// files can be read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Write {
    /// `POST /v1/orders`
    CreateOrder {
        #[serde(default, skip_serializing)]
        key: Option<String>,
        order: Box<NewOrder>,
    },
    /// `PATCH /v1/orders/{id}`
    ChangeOrder { order: u32, change: Box<OrderChange> },
    /// `POST /v1/orders/{id}/ship`
    ShipOrder {
        order: u32,
        #[serde(default)]
        shipment: Box<NewShipment>,
    },
    /// `POST /v1/orders/{id}/cancel`
    CancelOrder {
        order: u32,
        #[serde(default)]
        cancellation: Box<Cancellation>,
    },
    /// `POST /v1/asns`
    CreateAsn { asn: Box<NewAsn> },
    /// `PATCH /v1/asns/{id}`
    ChangeAsn { asn: u32, change: Box<AsnChange> },
    /// `POST /v1/asns/{id}/receive`
    ReceiveAsn { asn: u32, receipt: Box<NewReceipt> },
    /// `POST /v1/rmas`
    CreateRma { rma: Box<NewRma> },
    /// `PATCH /v1/rmas/{id}`
    ChangeRma { rma: u32, change: Box<RmaChange> },
    /// `POST /v1/rmas/{id}/cancel`
    CancelRma { rma: u32, cancellation: Box<Cancellation> },
    /// `POST /v1/products`
    CreateProduct { product: Box<NewProduct> },
    /// `PATCH /v1/products/{id}`
    ChangeProduct { product: u32, change: Box<ProductChange> },
    /// `POST /v1/inventory/{id}/adjust`
    AdjustInventory { item: u32, adjustment: Box<Adjustment> },
    /// `DELETE /v1/{resource}/{id}`
    Delete { resource: String, number: u32 },
}

impl Write {
    /// What it does, in the words of the API.
    pub(super) fn action(&self) -> &'static str {
        match self {
            Self::CreateOrder { .. } => "orders.create",
            Self::ChangeOrder { .. } => "orders.change",
            Self::ShipOrder { .. } => "orders.ship",
            Self::CancelOrder { .. } => "orders.cancel",
            Self::CreateAsn { .. } => "asns.create",
            Self::ChangeAsn { .. } => "asns.change",
            Self::ReceiveAsn { .. } => "asns.receive",
            Self::CreateRma { .. } => "rmas.create",
            Self::ChangeRma { .. } => "rmas.change",
            Self::CancelRma { .. } => "rmas.cancel",
            Self::CreateProduct { .. } => "products.create",
            Self::ChangeProduct { .. } => "products.change",
            Self::AdjustInventory { .. } => "inventory.adjust",
            Self::Delete { .. } => "delete",
        }
    }

    /// Whether it makes a row.
    pub(super) fn makes(&self) -> bool {
        matches!(self, Self::CreateOrder { .. } | Self::CreateAsn { .. } | Self::CreateRma { .. } | Self::CreateProduct { .. })
    }

    /// The hash by which the same request is known again.
    pub(super) fn fingerprint(&self) -> blake3::Hash {
        blake3::hash(&serde_json::to_vec(self).unwrap_or_default())
    }
}

/// An open journal.
pub(super) struct Journal {
    file: File,
    length: u64,
}

impl Journal {
    /// Opens the journal at `path`, or begins one with `header`. What it was begun with, and what was written since.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds anything but a journal.
    pub(super) fn open(path: &Path, header: Header) -> anyhow::Result<(Self, Header, Vec<Entry>)> {
        let shown = path.display();
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = open.with_context(|| format!("Failed to open the sandbox's journal {shown}"))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(|| format!("Failed to read the sandbox's journal {shown}"))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < bytes.len() {
            tracing::warn!(journal.path = %shown, journal.bytes = bytes.len() - whole, "The last line of the sandbox's journal is torn; it is cut off");
        }
        let mut lines = bytes.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let seeded = match lines.next() {
            Some(line) => {
                Some(serde_json::from_slice(line).with_context(|| format!("The first line of {shown} is not the header of a sandbox's journal"))?)
            }
            None => None,
        };
        let mut entries = Vec::new();
        for (index, line) in lines.enumerate() {
            match serde_json::from_slice(line) {
                Ok(entry) => entries.push(entry),
                Err(e) => bail!("Line {} of the sandbox's journal {shown} cannot be read: {e}", index + 2),
            }
        }
        let length = u64::try_from(whole)?;
        let mut journal = Self { file, length };
        journal.file.set_len(length).and_then(|()| journal.file.seek(SeekFrom::End(0))).with_context(|| format!("Failed to write to {shown}"))?;
        if seeded.is_none() {
            journal.line(&header).with_context(|| format!("Failed to begin the sandbox's journal {shown}"))?;
        }
        Ok((journal, seeded.unwrap_or(header), entries))
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// When the file cannot be written; the journal is then as it was before.
    pub(super) fn append(&mut self, entry: &Entry) -> std::io::Result<()> {
        self.line(entry)
    }

    fn line(&mut self, value: &impl Serialize) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        if let Err(e) = self.file.write_all(&line) {
            // Half a line in the middle of the file would make it unreadable.
            self.file.set_len(self.length)?;
            self.file.seek(SeekFrom::Start(self.length))?;
            return Err(e);
        }
        self.length += line.len() as u64;
        Ok(())
    }
}
