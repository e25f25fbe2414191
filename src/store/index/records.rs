//! Records, ledgers and what maintenance says, by number and sealed: they hold names and reasons.

use redb::{ReadableDatabase, TableDefinition};

use crate::base::entropy::draw;
use crate::store::index::{Fault, Index, Keys, Update, caught, damaged, present};

pub(super) const RECORDS: char = 'r';
pub(super) const LEDGERS: char = 'l';
pub(super) const MAINTENANCE: char = 'm';

type Definition<'a> = TableDefinition<'a, u64, &'static [u8]>;

impl Keys {
    fn bound(&self, table: &str, sequence: u64) -> Vec<u8> {
        [table.as_bytes(), &sequence.to_be_bytes()].concat()
    }

    fn open_sealed(&self, table: &str, sequence: u64, value: &[u8]) -> Result<Vec<u8>, Fault> {
        let (nonce, sealed) = value.split_first_chunk::<24>().ok_or_else(|| damaged("page"))?;
        let mut plain = sealed.to_vec();
        let bound = self.bound(table, sequence);
        self.seal.open(nonce, &bound, &mut plain).map_err(|_| damaged("page"))?;
        Ok(plain)
    }
}

impl Index {
    /// The records from one number to another, both included, as [`Update::record`] took them; those
    /// that the index does not have are left out.
    pub(crate) fn records(&self, keys: &Keys, from: u64, to: u64) -> Result<Vec<(u64, Vec<u8>)>, Fault> {
        self.pages(keys, RECORDS, from, to)
    }

    /// The ledgers likewise.
    pub(crate) fn ledgers(&self, keys: &Keys, from: u64, to: u64) -> Result<Vec<(u64, Vec<u8>)>, Fault> {
        self.pages(keys, LEDGERS, from, to)
    }

    /// The payloads of all prune records.
    pub(crate) fn maintenance(&self, keys: &Keys) -> Result<Vec<(u64, Vec<u8>)>, Fault> {
        self.pages(keys, MAINTENANCE, 0, u64::MAX)
    }

    fn pages(&self, keys: &Keys, letter: char, from: u64, to: u64) -> Result<Vec<(u64, Vec<u8>)>, Fault> {
        caught(|| {
            let name = keys.table(letter);
            let read = self.database.begin_read()?;
            let Some(table) = present(read.open_table(Definition::new(&name)))? else {
                return Ok(Vec::new());
            };
            let mut rows = Vec::new();
            for row in table.range(from..=to)? {
                let (sequence, value) = row?;
                let sequence = sequence.value();
                rows.push((sequence, keys.open_sealed(&name, sequence, value.value())?));
            }
            Ok(rows)
        })
    }
}

impl Update<'_> {
    /// Keeps a record.
    pub(crate) fn record(&mut self, sequence: u64, plain: &[u8]) -> Result<(), Fault> {
        self.page(RECORDS, sequence, plain)
    }

    /// Keeps a ledger.
    pub(crate) fn ledger(&mut self, sequence: u64, plain: &[u8]) -> Result<(), Fault> {
        self.page(LEDGERS, sequence, plain)
    }

    /// Keeps the payload of a prune record.
    pub(crate) fn maintenance(&mut self, sequence: u64, plain: &[u8]) -> Result<(), Fault> {
        self.page(MAINTENANCE, sequence, plain)
    }

    fn page(&mut self, letter: char, sequence: u64, plain: &[u8]) -> Result<(), Fault> {
        let name = self.keys.table(letter);
        let nonce: [u8; 24] = draw(self.entropy).map_err(|error| Fault(error.to_string()))?;
        let mut sealed = plain.to_vec();
        let bound = self.keys.bound(&name, sequence);
        self.keys.seal.seal(&nonce, &bound, &mut sealed).map_err(|error| Fault(error.to_string()))?;
        let value = [nonce.as_slice(), &sealed].concat();
        caught(|| {
            self.write.open_table(Definition::new(&name))?.insert(sequence, value.as_slice())?;
            Ok(())
        })
    }
}
