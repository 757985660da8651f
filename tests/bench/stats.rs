//! Percentiles.

/// A set of measured values, sorted.
#[derive(Debug, Clone, Default)]
pub struct Values(Vec<f32>);

impl Values {
    /// Of these.
    pub fn new(mut values: Vec<f32>) -> Self {
        values.sort_by(f32::total_cmp);
        Self(values)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        self.0
            .iter()
            .fold(0.0, |sum, value| sum + f64::from(*value))
    }

    /// The value that this share of all (0 to 1) is at or below; `None` of an empty set.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    pub fn at(&self, share: f64) -> Option<f64> {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        let index = rank.max(1) - 1;
        self.0.get(index).map(|value| f64::from(*value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values = Values::new((1_u8..=100).map(f32::from).rev().collect());
        assert_eq!(values.len(), 100);
        assert_eq!(values.at(0.5), Some(50.0));
        assert_eq!(values.at(0.99), Some(99.0));
        assert_eq!(values.at(0.999), Some(100.0));
        assert_eq!(values.at(0.0), Some(1.0));
        assert_eq!(Values::default().at(0.5), None);
    }
}
