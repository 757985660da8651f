//! Sums of products, written so that the compiler uses vector registers: eight sums side by side.
//! (Integer sums would be checked for overflow one by one.)

const LANES: usize = 8;
/// A sum of so many squares of 16-bit samples keeps its precision in an `f32`.
const STRETCH: usize = 512;

/// The sum of squares of samples.
pub(crate) fn energy(samples: &[i16]) -> f64 {
    let stretch = |samples: &[i16]| {
        let (lanes, rest) = samples.as_chunks::<LANES>();
        let mut sums = [0.0_f32; LANES];
        for samples in lanes {
            for (sum, sample) in sums.iter_mut().zip(samples) {
                *sum += f32::from(*sample) * f32::from(*sample);
            }
        }
        let rest: f64 = rest.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        total(sums) + rest
    };
    samples.chunks(STRETCH).map(stretch).sum()
}

/// The sums of a*b and of b*b over what both have.
pub(crate) fn products(a: &[f32], b: &[f32]) -> (f64, f64) {
    let length = a.len().min(b.len());
    let (a, a_rest) = a[..length].as_chunks::<LANES>();
    let (b, b_rest) = b[..length].as_chunks::<LANES>();
    let (mut product, mut square) = ([0.0_f32; LANES], [0.0_f32; LANES]);
    for (x, y) in a.iter().zip(b) {
        for k in 0..LANES {
            product[k] += x[k] * y[k];
            square[k] += y[k] * y[k];
        }
    }
    for (k, (x, y)) in a_rest.iter().zip(b_rest).enumerate() {
        product[k] += x * y;
        square[k] += y * y;
    }
    (total(product), total(square))
}

fn total(sums: [f32; LANES]) -> f64 {
    sums.iter().map(|x| f64::from(*x)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_agree_with_the_plain_ones_at_any_length() {
        for length in [0, 1, 7, 8, 9, 160, 511, 513, 2000] {
            let samples: Vec<i16> = (0..length)
                .map(|n| (n * 7919 % 65_536 - 32_768) as i16)
                .collect();
            let plain: f64 = samples.iter().map(|x| f64::from(*x).powi(2)).sum();
            assert!((energy(&samples) - plain).abs() <= plain * 1e-5, "{length}");

            let a: Vec<f32> = samples.iter().map(|x| f32::from(*x) / 32_768.0).collect();
            let b: Vec<f32> = a.iter().map(|x| x * 0.5 + 0.1).collect();
            let (product, square) = products(&a, &b);
            let plain = |f: fn(f64, f64) -> f64| -> f64 {
                a.iter()
                    .zip(&b)
                    .map(|(x, y)| f(f64::from(*x), f64::from(*y)))
                    .sum()
            };
            assert!((product - plain(|x, y| x * y)).abs() < 1e-3, "{length}");
            assert!((square - plain(|_, y| y * y)).abs() < 1e-3, "{length}");
        }
        assert_eq!(products(&[1.0; 9], &[2.0; 3]), (6.0, 12.0));
    }
}
