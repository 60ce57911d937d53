//! Parameters of a PyTorch IMPALA network from a safetensors file.
//!
//! Names are those of CleanRL's `ppo_procgen.py`: `network.{stack}.conv`,
//! `network.{stack}.res_block{0,1}.conv{0,1}`, `network.{stacks + 2}` for the hidden layer, `actor`
//! and `critic`, each with `.weight` and `.bias`.

use super::{Architecture, STACK_CONVS};
use safetensors::{Dtype, SafeTensorError, SafeTensors};

/// Why a file does not hold a network.
#[derive(Debug, thiserror::Error)]
pub enum TorchError {
    #[error("not a safetensors file: {0}")]
    Format(SafeTensorError),
    #[error("it has no tensor {name}; its tensors: {found}")]
    Missing { name: String, found: String },
    #[error("its tensor {name} has shape {found:?}, the network needs {expected:?}")]
    Shape { name: String, found: Vec<usize>, expected: Vec<usize> },
    #[error("its tensor {name} is {found:?}: save it as 32-bit floating point numbers")]
    Type { name: String, found: Dtype },
    #[error("its tensor {0} holds a number that is not finite")]
    NotFinite(String),
}

/// The flat parameters of a network of the given form, with at most one value, from the bytes of
/// a file.
///
/// # Errors
/// When the bytes are no safetensors file, or a tensor is missing, has another shape or type or is
/// not finite.
pub fn parameters(bytes: &[u8], architecture: &Architecture) -> Result<Vec<f32>, TorchError> {
    let file = SafeTensors::deserialize(bytes).map_err(TorchError::Format)?;
    let mut parameters = vec![0.0; architecture.parameters()];
    for (i, layer) in architecture.convs().into_iter().enumerate() {
        let (stack, within) = (i / STACK_CONVS, i % STACK_CONVS);
        let name = match within {
            0 => format!("network.{stack}.conv"),
            _ => {
                let (block, conv) = ((within - 1) / 2, (within - 1) % 2);
                format!("network.{stack}.res_block{block}.conv{conv}")
            }
        };
        let (inputs, outputs) = (layer.conv.inputs, layer.conv.outputs);
        let weights = tensor(&file, &format!("{name}.weight"), &[outputs, inputs, 3, 3])?;
        for (at, to) in parameters[layer.weights].iter_mut().enumerate() {
            let (tap, input, output) =
                (at / (inputs * outputs), at / outputs % inputs, at % outputs);
            *to = weights[(output * inputs + input) * 9 + tap];
        }
        let biases = tensor(&file, &format!("{name}.bias"), &[outputs])?;
        parameters[layer.biases].copy_from_slice(&biases);
    }

    let head = &mut parameters[architecture.head_start()..];
    let [hidden, output] = &architecture.head().layers()[..] else {
        unreachable!("a head has two layers")
    };
    let stacks = architecture.channels().len();
    let name = format!("network.{}", stacks + 2);
    let weights = tensor(&file, &format!("{name}.weight"), &[hidden.outputs, hidden.inputs])?;
    let channels = architecture.channels()[stacks - 1];
    let pixels = hidden.inputs / channels;
    for (at, to) in head[hidden.weights.clone()].iter_mut().enumerate() {
        let (feature, unit) = (at / hidden.outputs, at % hidden.outputs);
        let (pixel, channel) = (feature / channels, feature % channels);
        *to = weights[unit * hidden.inputs + channel * pixels + pixel];
    }
    let biases = tensor(&file, &format!("{name}.bias"), &[hidden.outputs])?;
    head[hidden.biases.clone()].copy_from_slice(&biases);

    let actions = architecture.actions();
    for (name, columns) in [("actor", 0..actions), ("critic", actions..output.outputs)] {
        if columns.is_empty() {
            continue;
        }
        let weights = tensor(&file, &format!("{name}.weight"), &[columns.len(), output.inputs])?;
        let biases = tensor(&file, &format!("{name}.bias"), &[columns.len()])?;
        for (i, column) in columns.enumerate() {
            let weights = &weights[i * output.inputs..(i + 1) * output.inputs];
            let to = head[output.weights.clone()].iter_mut().skip(column).step_by(output.outputs);
            to.zip(weights).for_each(|(to, w)| *to = *w);
            head[output.biases.start + column] = biases[i];
        }
    }
    Ok(parameters)
}

fn tensor(file: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>, TorchError> {
    let tensor = file
        .tensor(name)
        .map_err(|_| TorchError::Missing { name: name.into(), found: file.names().join(", ") })?;
    if tensor.dtype() != Dtype::F32 {
        return Err(TorchError::Type { name: name.into(), found: tensor.dtype() });
    }
    if tensor.shape() != shape {
        let (found, expected) = (tensor.shape().to_vec(), shape.to_vec());
        return Err(TorchError::Shape { name: name.into(), found, expected });
    }
    let (words, _) = tensor.data().as_chunks::<4>();
    let values: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
    if values.iter().all(|x| x.is_finite()) {
        Ok(values)
    } else {
        Err(TorchError::NotFinite(name.into()))
    }
}
