//! The transformer over tokens of a scene, as ManiSkill-Learn has it (algorithms.md §11.3): a learned
//! token, blocks of attention that are normalised behind each part by one and the same layer,
//! and a learned query that reads the result.

use super::{
    layers::{Matrix, Mlp, Next, Norm},
    pointnet::EXCLUDED,
};
use burn::tensor::{Tensor, activation::softmax};

/// How tokens attend to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    pub count: usize,
    /// Numbers of a key.
    pub width: usize,
}

impl Heads {
    /// The numbers of all heads side by side, `[rows, tokens, all]`, one by one: `[rows, heads,
    /// tokens, width]`.
    fn apart(self, x: Tensor<2>, rows: usize) -> Tensor<4> {
        let tokens = x.dims()[0] / rows;
        x.reshape([rows, tokens, self.count, self.width]).swap_dims(1, 2)
    }

    /// What queries `[rows, heads, queries, width]` get from values by their keys, both `[rows,
    /// heads, tokens, width]`: heads side by side again, `[rows queries, all]`.
    fn attend(
        self,
        queries: Tensor<4>,
        keys: Tensor<4>,
        values: Tensor<4>,
        penalty: Tensor<4>,
    ) -> Tensor<2> {
        let [rows, _, tokens, _] = queries.dims();
        let scores = queries.matmul(keys.swap_dims(2, 3)) / (self.width as f32).sqrt();
        let answers = softmax(scores + penalty, 3).matmul(values);
        answers.swap_dims(1, 2).reshape([rows * tokens, self.count * self.width])
    }
}

/// Keys and values of tokens for all heads side by side, and the way back.
struct Projections<P> {
    /// `[width, all]`
    keys: P,
    values: P,
    /// `[all, width]`: the sum over heads of what each makes of its answer.
    output: P,
}

impl<P> Projections<P> {
    fn new(width: usize, heads: Heads, next: Next<'_, P>) -> Self {
        let into = Matrix::side_by_side(width, heads.width, heads.count);
        // Of each head a matrix of its own, one below the other.
        let back = Matrix { rows: into.columns, columns: width, ..into };
        Self { keys: next(into), values: next(into), output: next(back) }
    }
}

/// Attention of all tokens to all, an MLP behind it.
struct Block<P> {
    /// `[width, all]`
    queries: P,
    others: Projections<P>,
    mlp: Mlp<P>,
    norm: Norm<P>,
}

/// From tokens to features of them all.
pub struct Transformer<P> {
    heads: Heads,
    /// A learned token, `[1, width]`.
    token: P,
    blocks: Vec<Block<P>>,
    /// A learned query for each head, `[1, all]`.
    query: P,
    pooled: Projections<P>,
}

impl<P> Transformer<P> {
    /// For tokens of `width` numbers.
    pub fn new(width: usize, blocks: usize, heads: Heads, next: Next<'_, P>) -> Self {
        let token = next(Matrix::xavier(1, width));
        let block = |_| Block {
            queries: next(Matrix::side_by_side(width, heads.width, heads.count)),
            others: Projections::new(width, heads, next),
            mlp: Mlp::new(&[width, 4 * width, width], next),
            norm: Norm::new(width, next),
        };
        Self {
            heads,
            token,
            blocks: (0..blocks).map(block).collect(),
            query: next(Matrix::side_by_side(1, heads.width, heads.count)),
            pooled: Projections::new(width, heads, next),
        }
    }
}

impl Transformer<Tensor<2>> {
    /// Features `[rows, width]` of tokens `[rows, tokens, width]`, of which those count that
    /// `present`, `[rows, tokens]`, has a 1 for, not a 0.
    pub fn forward(&self, tokens: Tensor<3>, present: Tensor<2>) -> Tensor<2> {
        let [rows, _, width] = tokens.dims();
        let token = self.token.clone().reshape([1, 1, width]).repeat_dim(0, rows);
        let tokens = Tensor::cat(vec![token, tokens], 1);
        let count = tokens.dims()[1];
        let always = present.clone().narrow(1, 0, 1).ones_like();
        let present = Tensor::cat(vec![always, present], 1).reshape([rows, 1, 1, count]);
        // What an absent token itself attends to does not matter: nobody attends to it.
        let penalty = (present - 1.0) * EXCLUDED;

        let mut x = tokens.reshape([rows * count, width]);
        for block in &self.blocks {
            let of = |matrix: &Tensor<2>| self.heads.apart(x.clone().matmul(matrix.clone()), rows);
            let Projections { keys, values, output } = &block.others;
            let answers =
                self.heads.attend(of(&block.queries), of(keys), of(values), penalty.clone());
            x = block.norm.forward(x + answers.matmul(output.clone()));
            x = block.norm.forward(x.clone() + block.mlp.forward(x));
        }
        let of = |matrix: &Tensor<2>| self.heads.apart(x.clone().matmul(matrix.clone()), rows);
        let Projections { keys, values, output } = &self.pooled;
        let query = self.heads.apart(self.query.clone().repeat_dim(0, rows), rows);
        self.heads.attend(query, of(keys), of(values), penalty).matmul(output.clone())
    }
}
