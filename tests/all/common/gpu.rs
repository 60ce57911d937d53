//! What draws and trains in the tests of GPUs.

use gslab::device::{Adapter, Device, DeviceChoice, SoftwareAdapter, open_with};

/// The first adapter there is, if only a software renderer. Where there is none the test fails and
/// says what to install.
pub fn open() -> (burn::tensor::Device, Adapter) {
    match open_with(DeviceChoice::Gpu, SoftwareAdapter::Accept) {
        Ok(Device::Gpu { device, adapter }) => (device, adapter),
        Ok(Device::Cpu) => panic!("asked for a GPU, got the CPU"),
        Err(error) => panic!(
            "{error}\n\nThis test needs an adapter, if only a software renderer: \
             apt-get install mesa-vulkan-drivers libvulkan1"
        ),
    }
}
