//! Ctrl-C and SIGTERM: finish the iteration, write a checkpoint, leave.

use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Installs the handler. A second signal ends the program at once.
pub fn install() {
    let result = ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        eprintln!("\nstopping after this iteration; again to stop at once");
    });
    if let Err(error) = result {
        eprintln!("warning: Ctrl-C will not write a checkpoint: {error}");
    }
}

/// Whether someone asked to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}
