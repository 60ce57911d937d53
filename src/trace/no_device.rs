//! A program that was built without support for GPUs has none to time. The twin of `device.rs`.

use super::Stage;

/// There is none.
pub enum Window {}

pub fn want() {}

pub fn time() {}

pub fn is_timed() -> bool {
    false
}

pub(super) fn begin(_stage: Stage) -> Option<Window> {
    None
}

pub(super) fn end(window: Window) {
    match window {}
}

pub(super) fn settle() {}
