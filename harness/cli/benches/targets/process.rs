//! The command that is measured, as a process.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::row::{Failure, median_of};

/// A call of amiproof, silent.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_amiproof"));
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The median duration of some calls, seconds.
pub(crate) fn median(calls: usize, make: impl Fn() -> Command) -> Result<f64, Failure> {
    let mut times = Vec::new();
    for _ in 0..calls {
        let started = Instant::now();
        let status = make().status()?;
        if !status.success() {
            return Err(format!("{:?} ended with {status}", make()).into());
        }
        times.push(started.elapsed().as_secs_f64());
    }
    Ok(median_of(times))
}

/// The median duration (seconds) and peak memory (MB) of some calls. The memory is read every millisecond until the
/// process ends.
pub(crate) fn time_and_memory(calls: usize, make: impl Fn() -> Command) -> Result<(f64, f64), Failure> {
    let (mut times, mut peaks) = (Vec::new(), Vec::new());
    for _ in 0..calls {
        let started = Instant::now();
        let mut child = make().spawn()?;
        let peak = peak_memory(&mut child, Duration::from_millis(1))?;
        let status = child.wait()?;
        if !status.success() {
            return Err(format!("{:?} ended with {status}", make()).into());
        }
        times.push(started.elapsed().as_secs_f64());
        peaks.push(peak);
    }
    Ok((median_of(times), median_of(peaks)))
}

/// Peak memory of a process until it ends, MB, read at this interval.
pub(crate) fn peak_memory(child: &mut Child, often: Duration) -> Result<f64, Failure> {
    let mut peak: f64 = 0.0;
    while child.try_wait()?.is_none() {
        peak = peak.max(resident_peak(child.id()).unwrap_or(0.0));
        std::thread::sleep(often);
    }
    Ok(peak)
}

/// `VmHWM` of a process in MB.
fn resident_peak(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kilobytes| kilobytes / 1000.0)
}

/// A process that ends with the benchmark.
pub(crate) struct KilledOnDrop(pub(crate) Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        // Nothing of value is in a lab.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
