//! Point clouds that a GPU makes, held against those of the CPU.

use crate::common::{gpu::open, solids::scene};
use burn::tensor::Tensor;
use gslab::{
    gpu::GpuError,
    render::points::{PointCamera, Scenes},
};
use gslab_envs::pushchair::{
    cloud::{Base, CHANNELS, Cameras, Cloud, Draw, POINTS},
    solid::Solid,
};

/// Many and few solids of the robot and the chair, so that clouds are full, short and empty.
fn batch(first: u64) -> Vec<(Vec<Solid>, Base, Draw)> {
    let sizes = [(40, 30), (40, 30), (60, 10), (3, 60), (0, 5), (5, 0), (0, 0), (30, 100)];
    (first..).zip(sizes).map(|(index, (robot, chair))| scene(index, robot, chair)).collect()
}

fn rows(tensor: Tensor<3>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// Points of one cloud that the other has as well, within 0.1 mm before both were rounded to half
/// precision. Both are in the order of rays, so that a point that one lacks moves the others by one.
fn common<'a>(one: &'a [f32], other: &'a [f32]) -> Vec<(&'a [f32], &'a [f32])> {
    let (one, other): (Vec<_>, Vec<_>) =
        (one.chunks_exact(CHANNELS).collect(), other.chunks_exact(CHANNELS).collect());
    let near = |a: &[f32], b: &[f32]| {
        // Halves lie this share of what they are apart, at most.
        (0..3).all(|i| (a[i] - b[i]).abs() < 1e-4 + a[i].abs().max(b[i].abs()) / 1024.0)
    };
    let mut pairs = Vec::new();
    for (i, &point) in one.iter().enumerate() {
        let around = i.saturating_sub(6)..(i + 7).min(other.len());
        if let Some(&twin) = other[around].iter().find(|twin| near(twin, point)) {
            pairs.push((point, twin));
        }
    }
    pairs
}

#[test]
fn clouds_are_those_of_the_cpu() {
    let mut camera = PointCamera::new(&open().0).unwrap();
    let (mut cameras, mut cloud) = (Cameras::new(), Cloud::default());
    let mut cpu = vec![0.0; POINTS * CHANNELS];
    let (mut points, mut same, mut same_colour) = (0, 0, 0);
    for round in 0..4 {
        let batch = batch(100 * round);
        let (mut scenes, mut others) = (Scenes::default(), Scenes::default());
        for (i, (solids, base, draw)) in batch.iter().enumerate() {
            let scenes = if i < 3 { &mut scenes } else { &mut others };
            scenes.push(solids, *base, *draw);
        }
        scenes.append(&others);
        let solids: usize = batch.iter().map(|(solids, ..)| solids.len()).sum();
        let sent = camera.bytes_sent();
        let clouds = camera.clouds(&scenes).unwrap();
        assert_eq!(camera.bytes_sent() - sent, (76 * solids + 44 * batch.len()) as u64);
        assert_eq!(scenes.bytes(), camera.bytes_sent() - sent);
        assert_eq!(clouds.dims(), [batch.len(), POINTS, CHANNELS]);

        let clouds = rows(clouds);
        for ((solids, base, draw), gpu) in batch.iter().zip(clouds.chunks_exact(cpu.len())) {
            cameras.cloud(solids, *base, *draw, &mut cloud);
            cloud.write(&mut cpu);
            let seen = cloud.counts().0 + cloud.counts().1;
            let is_point = |row: &&[f32]| row.iter().any(|&x| x != 0.0);
            let filled = gpu.chunks_exact(CHANNELS).take_while(is_point).count();
            assert!(filled.abs_diff(seen) <= 1 + seen / 500, "{filled} {seen}");
            assert!(gpu[filled * CHANNELS..].iter().all(|&x| x == 0.0));
            for place in gpu.chunks_exact(CHANNELS).flat_map(|point| &point[..3]) {
                // Of 24 bits of precision a half has 11, or fewer below 2^-14.
                assert!(place.to_bits() & 0x1fff == 0, "{place}");
            }
            let pairs = common(&cpu[..seen * CHANNELS], &gpu[..filled * CHANNELS]);
            points += seen;
            same += pairs.len();
            for (point, twin) in pairs {
                assert_eq!(point[6], twin[6]);
                let colour = (3..6).all(|i| (point[i] - twin[i]).abs() < 1.01 / 255.0);
                same_colour += usize::from(colour);
            }
        }
    }
    // Of points on an edge of a box, either of two sides' colours is right.
    let share = |n: usize| n as f64 / points as f64;
    println!("{points} points, {same} the same, {same_colour} of the same colour");
    assert!(points > 20_000, "{points}");
    assert!(
        share(same) >= 0.999 && share(same_colour) >= 0.998,
        "{same} {same_colour} of {points}"
    );
}

/// A smaller batch after a larger one, and clouds that are read when others have been made.
#[test]
fn clouds_of_one_step_outlive_the_next() {
    let mut camera = PointCamera::new(&open().0).unwrap();
    let (mut large, mut small) = (Scenes::default(), Scenes::default());
    for (i, (solids, base, draw)) in batch(7).iter().enumerate() {
        large.push(solids, *base, *draw);
        if i == 1 {
            small.push(solids, *base, *draw);
        }
    }
    let first = camera.clouds(&small).unwrap();
    let middle = camera.clouds(&large).unwrap();
    let last = camera.clouds(&small).unwrap();
    let doubled = rows(first.clone() * 2.0);
    let (first, middle, last) = (rows(first), rows(middle), rows(last));
    assert!(first == last && first == middle[first.len()..2 * first.len()]);
    assert!(first.iter().zip(&doubled).all(|(a, b)| a * 2.0 == *b));
}

#[test]
fn what_a_gpu_cannot_do_is_refused_with_a_remedy() {
    let cpu = burn::tensor::Device::flex();
    let refused = PointCamera::new(&cpu).err();
    assert!(matches!(refused, Some(GpuError::Device { .. })), "{refused:?}");

    let mut camera = PointCamera::new(&open().0).unwrap();
    let mut scenes = Scenes::default();
    let (_, base, draw) = scene(0, 0, 0);
    (0..1 << 17).for_each(|_| scenes.push(&[], base, draw));
    let refused = camera.clouds(&scenes).unwrap_err();
    assert!(matches!(refused, GpuError::Limit { .. }), "{refused}");
    assert!(refused.to_string().contains("use fewer environments"), "{refused}");
    assert_eq!(camera.bytes_sent(), 0);
}
