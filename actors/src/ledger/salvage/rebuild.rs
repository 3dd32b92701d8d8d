//! **Job:** writes the proven rows into a new ledger.
//! **Owns:** nothing of the old files.
//! **Never:** writes a row anew: number, content and checksum are those that were found.

use super::chain::Source;
use super::reader::Reader;
use super::{Salvage, SalvageError, record};
use crate::ledger::{Ledger, LedgerSettings, row};

/// Rows of one transaction.
const BATCH: usize = 4096;

impl Salvage {
    /// Makes a ledger of the proven rows, reads it back, and closes it. There must be nothing at its path.
    pub fn rebuild(&self, settings: &LedgerSettings) -> Result<(), SalvageError> {
        let (mut ledger, _empty) = Ledger::open(settings, |_entry| ())?;
        let mut reader = Reader::new(&self.evidence);
        for batch in self.chain.rows.chunks(BATCH) {
            ledger.restore(batch, &mut reader)?;
        }
        ledger.close()?;
        let proven = self.chain.rows.len() as u64;
        let (ledger, recovered) = Ledger::open(settings, |_entry| ())?;
        let written = recovered.entries;
        if written != proven || ledger.last_checksum != self.chain.checksum {
            return Err(SalvageError::Different { proven, written });
        }
        Ok(ledger.close()?)
    }
}

impl Ledger {
    fn restore(&mut self, rows: &[Source], reader: &mut Reader<'_>) -> Result<(), SalvageError> {
        let (mut seq, mut checksum) = (self.last_seq, self.last_checksum);
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(row::INSERT)?;
            for source in rows {
                seq += 1;
                let record = match source {
                    Source::Found(candidate) => reader.record(candidate),
                    Source::Repaired(record) => Some(record.clone()),
                };
                let number = i64::try_from(seq).unwrap_or(0);
                // Read a second time; a disk that says something else now is noticed by the chain when it is read back.
                let Some(row) = record.as_deref().and_then(|record| record::row(number, record)) else { break };
                checksum = row.checksum;
                row.insert(&mut insert, checksum)?;
            }
        }
        transaction.commit()?;
        (self.last_seq, self.last_checksum) = (seq, checksum);
        self.mark.acknowledge(seq, checksum);
        Ok(())
    }
}
