//! Brings any usual sample rate to 8 kHz, off the media path.

use std::sync::{Mutex, PoisonError};

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{
    Async, FixedAsync, Resampler, ResamplerConstructionError, SincInterpolationParameters,
    SincInterpolationType, WindowFunction,
};

use crate::SAMPLE_RATE;

/// Length of the filter in output samples: the longer, the steeper. With 16 ms its edge lies at
/// 3.8 kHz.
const FILTER_LENGTH: u32 = 128;
/// Points between two samples for which the filter is computed: 22,050 and 44,100 Hz need 160.
const MOST_POINTS: u32 = 320;
/// Resamplers that are kept for the next sound, of all rates together.
const MOST_IDLE: usize = 8;
/// Input samples of a chunk.
const CHUNK: usize = 1024;

/// The resampler was used wrongly: a defect of ours.
#[derive(Debug, thiserror::Error)]
#[error("the resampler failed: {0}")]
pub(crate) struct ResampleError(String);

/// The mono signal of any rate at 8 kHz. Where the filter would overshoot full scale, the whole
/// signal is made quieter by as much, so that nothing clips.
///
/// (rubato's FFT resampler would add half a minute to every build of this crate.)
pub(crate) fn to_8k(samples: Vec<i16>, rate: u32) -> Result<Vec<i16>, ResampleError> {
    if rate == SAMPLE_RATE || samples.is_empty() {
        return Ok(samples);
    }
    let failed = |error: &dyn std::fmt::Display| ResampleError(error.to_string());
    let input: Vec<f32> = samples.iter().map(|sample| f32::from(*sample)).collect();
    let mut resampler = match idle(rate) {
        Some(resampler) => resampler,
        None => make(rate).map_err(|error| failed(&error))?,
    };
    let adapter = SequentialSlice::new(&input, 1, input.len()).map_err(|error| failed(&error))?;
    let output = resampler
        .process_all(&adapter, input.len(), None)
        .map_err(|error| failed(&error))?
        .take_data();
    rest(rate, resampler);
    let peak = output.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
    let gain = (f32::from(i16::MAX) / peak.max(1.0)).min(1.0);
    Ok(output.iter().map(|x| (x * gain).round() as i16).collect())
}

fn make(rate: u32) -> Result<Async<f32>, ResamplerConstructionError> {
    let filter = (FILTER_LENGTH * rate / SAMPLE_RATE).max(FILTER_LENGTH) as usize;
    Async::new_sinc(
        f64::from(SAMPLE_RATE) / f64::from(rate),
        1.0,
        &parameters(rate, filter),
        CHUNK,
        1,
        FixedAsync::Input,
    )
}

/// Resamplers that are used again, and their rates: to compute a filter takes as long as to resample
/// some seconds of speech.
static IDLE: Mutex<Vec<(u32, Async<f32>)>> = Mutex::new(Vec::new());

fn idle(rate: u32) -> Option<Async<f32>> {
    let mut all = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    let at = all.iter().position(|(of, _)| *of == rate)?;
    Some(all.remove(at).1)
}

fn rest(rate: u32, mut resampler: Async<f32>) {
    resampler.reset();
    let mut all = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    all.push((rate, resampler));
    // Those of rates that are not used any more go first.
    if all.len() > MOST_IDLE {
        all.remove(0);
    }
}

/// Of usual rates above 8 kHz, the places of the output lie on few points between two samples of the
/// input; so the filter is computed for these, and nothing between them has to be interpolated.
fn parameters(rate: u32, filter: usize) -> SincInterpolationParameters {
    let parameters = SincInterpolationParameters::new(filter, WindowFunction::BlackmanHarris2);
    match SAMPLE_RATE / common_divisor(SAMPLE_RATE, rate) {
        points @ ..=MOST_POINTS if rate > SAMPLE_RATE => parameters
            .oversampling_factor(points as usize)
            .interpolation(SincInterpolationType::Nearest),
        _ => parameters,
    }
}

fn common_divisor(a: u32, b: u32) -> u32 {
    match b {
        0 => a,
        b => common_divisor(b, a % b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level_dbm0;

    fn sine(hz: f64, rate: u32, ms: u32, peak: f64) -> Vec<i16> {
        (0..rate * ms / 1000)
            .map(|n| {
                let angle = std::f64::consts::TAU * hz * f64::from(n) / f64::from(rate);
                (angle.sin() * peak) as i16
            })
            .collect()
    }

    #[test]
    fn every_rate_keeps_length_level_and_place() {
        for rate in [
            4000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000,
            44_099,
        ] {
            let out = to_8k(sine(1000.0, rate, 1000, 10_000.0), rate).unwrap();
            assert!(
                (out.len() as i64 - 8000).abs() <= 1,
                "{rate}: {}",
                out.len()
            );
            // Everything but the sine, whatever its phase: the delay is no whole sample.
            let part = |phase: f64| {
                let wave = |n: usize| (n as f64 * std::f64::consts::TAU / 8.0 + phase).sin();
                let product = |n: usize| f64::from(out[n]) * wave(n);
                (400..7600).map(product).sum::<f64>() / 3600.0
            };
            let (sin, cos) = (part(0.0), part(std::f64::consts::FRAC_PI_2));
            let peak = sin.hypot(cos);
            assert!((peak / 10_000.0 - 1.0).abs() < 0.01, "{rate}: peak {peak}");
            let rest: Vec<i16> = (400..7600)
                .map(|n| {
                    let angle = n as f64 * std::f64::consts::TAU / 8.0;
                    (f64::from(out[n]) - sin * angle.sin() - cos * angle.cos()) as i16
                })
                .collect();
            let snr = level_dbm0(&out[400..7600]) - level_dbm0(&rest);
            assert!(snr > 45.0, "{rate}: {snr} dB");
            let delay = cos.atan2(sin) / std::f64::consts::TAU * 8.0;
            assert!(delay.abs() <= 1.6, "{rate}: {delay} samples");
        }
    }

    #[test]
    fn a_resampler_that_is_used_again_knows_nothing_of_before() {
        for rate in [11_024, 22_050] {
            let samples = sine(440.0, rate, 200, 10_000.0);
            let first = to_8k(samples.clone(), rate).unwrap();
            to_8k(vec![i16::MAX; 5_000], rate).unwrap();
            assert_eq!(to_8k(samples, rate).unwrap(), first, "{rate}");
        }
        let kept = IDLE.lock().unwrap().len();
        assert!((1..=MOST_IDLE).contains(&kept), "{kept}");
    }

    #[test]
    fn what_a_telephone_cannot_carry_does_not_alias() {
        for rate in [16_000, 22_050, 44_100, 48_000] {
            let out = to_8k(sine(5000.0, rate, 1000, 20_000.0), rate).unwrap();
            let level = level_dbm0(&out[400..7600]);
            assert!(level < -50.0, "{rate}: {level} dBm0 of alias");
        }
    }

    #[test]
    fn an_overshoot_is_made_quieter_not_clipped() {
        let square: Vec<i16> = (0..48_000)
            .map(|n| if n / 60 % 2 == 0 { i16::MAX } else { i16::MIN })
            .collect();
        let out = to_8k(square, 48_000).unwrap();
        let at_peak = out.iter().filter(|x| x.unsigned_abs() >= 32_766).count();
        assert!(at_peak < out.len() / 100, "{at_peak} samples at the rail");
    }

    #[test]
    fn short_and_odd_inputs() {
        assert_eq!(to_8k(vec![], 48_000).unwrap(), []);
        assert_eq!(to_8k(vec![5; 3], 8000).unwrap(), [5; 3]);
        assert!(to_8k(vec![5; 3], 48_000).unwrap().len() <= 1);
        assert_eq!(to_8k(vec![5; 336], 384_000).unwrap().len(), 7);
    }
}
