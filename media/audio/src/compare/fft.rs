//! A Fourier transform of a power of two, plain and iterative (Cooley and Tukey). It runs in tools
//! only; a library of transforms would cost more to build than this ever costs to run.

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Complex {
    pub(super) re: f64,
    pub(super) im: f64,
}

impl Complex {
    pub(super) fn conjugate(self) -> Self {
        Complex {
            re: self.re,
            im: -self.im,
        }
    }

    pub(super) fn times(self, other: Self) -> Self {
        Complex {
            re: self.re * other.re - self.im * other.im,
            im: self.re * other.im + self.im * other.re,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    /// Without the division by the size.
    Inverse,
}

/// Transforms in place; the size must be a power of two.
pub(super) fn transform(values: &mut [Complex], direction: Direction) {
    let size = values.len();
    debug_assert!(size.is_power_of_two());
    if size < 2 {
        return;
    }
    let shift = usize::BITS - size.ilog2();
    for n in 0..size {
        let mirrored = n.reverse_bits() >> shift;
        if n < mirrored {
            values.swap(n, mirrored);
        }
    }
    let sign = match direction {
        Direction::Forward => -1.0,
        Direction::Inverse => 1.0,
    };
    let root = |k: usize| {
        let angle = sign * std::f64::consts::TAU * k as f64 / size as f64;
        Complex {
            re: angle.cos(),
            im: angle.sin(),
        }
    };
    let roots: Vec<Complex> = (0..size / 2).map(root).collect();
    let mut half = 1;
    while half < size {
        let stride = size / (2 * half);
        for block in values.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for (k, (a, b)) in low.iter_mut().zip(high).enumerate() {
                let turned = b.times(roots[k * stride]);
                *b = Complex {
                    re: a.re - turned.re,
                    im: a.im - turned.im,
                };
                *a = Complex {
                    re: a.re + turned.re,
                    im: a.im + turned.im,
                };
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_agrees_with_the_definition() {
        for size in [1, 2, 8, 64] {
            let input: Vec<Complex> = (0..size)
                .map(|n| Complex {
                    re: ((n * n) % 7) as f64,
                    im: (n % 5) as f64,
                })
                .collect();
            let mut output = input.clone();
            transform(&mut output, Direction::Forward);
            for (k, found) in output.iter().enumerate() {
                let mut sum = Complex::default();
                for (n, x) in input.iter().enumerate() {
                    let angle = -std::f64::consts::TAU * (k * n) as f64 / size as f64;
                    let term = x.times(Complex {
                        re: angle.cos(),
                        im: angle.sin(),
                    });
                    sum = Complex {
                        re: sum.re + term.re,
                        im: sum.im + term.im,
                    };
                }
                assert!(
                    (found.re - sum.re).hypot(found.im - sum.im) < 1e-9,
                    "{size} {k}"
                );
            }
            transform(&mut output, Direction::Inverse);
            for (a, b) in output.iter().zip(&input) {
                assert!((a.re / size as f64 - b.re).abs() < 1e-9);
            }
        }
    }
}
