//! Frames in the memory of a GPU.

use crate::{
    gpu::{Buffer, Gpu, GpuError, Shader, buffer_of_words, check_limit},
    learn::impala::{COLOURS, FRAME, SIZE},
    render::gpu::WORDS,
};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

const UNPACK: Shader = Shader {
    name: "unpack",
    source: include_str!("../../../shaders/unpack.wgsl"),
    workgroup: (64, 1),
};
/// Pixels that an invocation takes.
const PIXELS: usize = 4;

/// Rows of frames, `[64, 64, 3]` bytes each. They lie in slabs, since there may be more than one
/// buffer holds that a kernel can bind.
#[derive(Clone)]
pub struct ResidentFrames {
    gpu: Gpu,
    slabs: Vec<Slab>,
}

#[derive(Clone)]
struct Slab {
    first: usize,
    rows: usize,
    buffer: Buffer,
}

impl ResidentFrames {
    /// Room for `steps` steps of so many environments, rows time-major. No step lies in two slabs.
    ///
    /// # Errors
    /// Not even one step fits a buffer.
    pub fn new(gpu: &Gpu, environments: usize, steps: usize) -> Result<Self, GpuError> {
        let step = environments * FRAME;
        let most = gpu.limits().binding;
        let binding = ("max_storage_buffer_binding_size", most);
        let what = || format!("a step of {environments} environments, in bytes,");
        check_limit(binding, step as u64, what, "use fewer environments")?;
        Ok(Self::of_rows(gpu, steps * environments, most as usize / step * environments))
    }

    /// Room for `rows` rows, at most `most` in a slab.
    pub fn of_rows(gpu: &Gpu, rows: usize, most: usize) -> Self {
        let slabs = (0..rows).step_by(most).map(|first| {
            let rows = most.min(rows - first);
            Slab { first, rows, buffer: gpu.empty(rows * FRAME) }
        });
        Self { slabs: slabs.collect(), gpu: gpu.clone() }
    }

    /// Sends rows of frames that lie on the CPU, `[rows, 64, 64, 3]`.
    pub fn send(gpu: &Gpu, pixels: &[u8], rows: &[u32]) -> Self {
        let most = gpu.limits().binding as usize / FRAME;
        let slabs = rows.chunks(most).enumerate().map(|(i, rows)| {
            let frame = |&row: &u32| &pixels[row as usize * FRAME..(row as usize + 1) * FRAME];
            let bytes: Vec<u8> = rows.iter().flat_map(frame).copied().collect();
            Slab { first: i * most, rows: rows.len(), buffer: gpu.send(&bytes) }
        });
        Self { slabs: slabs.collect(), gpu: gpu.clone() }
    }

    /// Where they lie.
    pub fn device(&self) -> &Device {
        self.gpu.device()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.slabs.last().map_or(0, |slab| slab.first + slab.rows)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The memory of rows that lie in one slab, such as those of a step.
    pub fn memory(&self, first: usize, rows: usize) -> Buffer {
        let slab = self.slabs.iter().rfind(|slab| slab.first <= first).expect("a row that is");
        let (start, end) = (first - slab.first, first + rows - slab.first);
        assert!(end <= slab.rows, "rows of one slab");
        let buffer = slab.buffer.clone().offset_start((start * FRAME) as u64);
        buffer.offset_end(((slab.rows - end) * FRAME) as u64)
    }

    /// Appends all rows of another, which are not copied.
    pub fn append(&mut self, other: Self) {
        let before = self.len();
        let moved = other.slabs.into_iter().map(|slab| Slab { first: before + slab.first, ..slab });
        self.slabs.extend(moved);
    }

    /// Some rows as numbers from 0 to 1, `[rows, 3, 64, 64]`.
    pub fn unpack(&self, rows: &[u32]) -> Tensor<4> {
        let numbers = self.gpu.empty(rows.len() * FRAME * size_of::<f32>());
        let wanted = self.gpu.send(bytemuck::cast_slice(rows));
        let invocations = SIZE * SIZE / PIXELS;
        let groups = (invocations as u32 / UNPACK.workgroup.0, rows.len() as u32, 1);
        for Slab { first, rows: held, buffer } in &self.slabs {
            let range = *first as u32..(first + held) as u32;
            if rows.iter().any(|row| range.contains(row)) {
                let slab = self.gpu.send(bytemuck::cast_slice(&[range.start, *held as u32]));
                self.gpu.launch(&UNPACK, groups, &[&slab, &wanted, buffer, &numbers]);
            }
        }
        self.gpu.floats(numbers, [rows.len(), COLOURS, SIZE, SIZE])
    }

    /// Brings rows to the CPU, `[rows, 64, 64, 3]`.
    ///
    /// # Errors
    /// The GPU was lost.
    pub fn read(&self, rows: &[usize]) -> Result<Vec<u8>, GpuError> {
        let mut pixels = vec![0; rows.len() * FRAME];
        for slab in &self.slabs {
            let held = slab.first..slab.first + slab.rows;
            let places = rows.iter().enumerate().filter(|(_, row)| held.contains(row));
            let (places, rows): (Vec<usize>, Vec<i32>) =
                places.map(|(place, row)| (place, (row - slab.first) as i32)).unzip();
            if rows.is_empty() {
                continue;
            }
            let data = TensorData::new(rows, [places.len()]);
            let rows: Tensor<1, Int> = Tensor::from_data(data, (self.gpu.device(), DType::I32));
            let words = self.gpu.words(slab.buffer.clone(), [slab.rows, WORDS], DType::U32);
            let found = self.gpu.read(buffer_of_words(words.select(0, rows))?)?;
            for (place, frame) in places.into_iter().zip(found.chunks_exact(FRAME)) {
                pixels[place * FRAME..(place + 1) * FRAME].copy_from_slice(frame);
            }
        }
        Ok(pixels)
    }
}
