//! **Job:** looks at files once a second: whether the data file still has its name, how full its disk is, whether the
//! keys of the tokens have changed.
//! **Owns:** the pace.
//! **Never:** is waited for: a look may hang as long as a disk does.

use std::sync::Arc;
use std::time::Duration;

use doorbuster_actors::data_file::Names;
use doorbuster_actors::sale::SaleView;

use crate::auth::Identity;
use crate::background::Background;
use crate::ops::telemetry::disk::Disk;

const TICK: Duration = Duration::from_secs(1);

/// What there is to look at.
pub(super) struct Files {
    pub(super) sale: Arc<SaleView>,
    /// Of the data file and those beside it.
    pub(super) names: Names,
    /// How much room they take, and how much is left.
    pub(super) disk: Arc<Disk>,
    /// Whose keys may change.
    pub(super) identity: Arc<Identity>,
}

/// Starts to look at `files`.
pub(super) fn start(files: Files) -> std::io::Result<Background> {
    Background::start("file-watch", TICK, move || {
        if let Err(moved) = files.names.check() {
            files.sale.status.lost_files(&moved);
        }
        files.disk.look();
        files.identity.follow_key_file();
    })
}
