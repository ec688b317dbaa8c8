//! How many commands of a stream are applied together.

use std::time::Duration;

/// Commands in a batch, and the bytes of their requests; more gain nothing.
const COMMANDS_MAX: usize = 512;
pub const BYTES_MAX: usize = 1024 * 1024;

/// What a batch should take at most: one that takes longer makes the next smaller, so that slow functions stay
/// within the time of a statement and their answers come soon.
const TIME: Duration = Duration::from_millis(250);

/// The size of the next batch: twice as many while that is quick, as many as fit into the time when it was not.
/// How long a command takes is not known before one was applied, so that the first batch has one.
pub fn next_size(size: usize, count: usize, took: Duration) -> usize {
    if took > TIME {
        let fit = count as f64 * TIME.as_secs_f64() / took.as_secs_f64();
        (fit as usize).clamp(1, COMMANDS_MAX)
    } else if count >= size && took < TIME / 2 {
        (size * 2).min(COMMANDS_MAX)
    } else {
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_time_of_a_command() {
        let mut sizes = vec![1];
        for took in [1, 1, 1, 1, 300, 1000, 2000, 100] {
            let size = sizes[sizes.len() - 1];
            sizes.push(next_size(size, size, Duration::from_millis(took)));
        }
        assert_eq!(sizes, [1, 2, 4, 8, 16, 13, 3, 1, 2]);
        assert_eq!(next_size(512, 512, Duration::ZERO), 512);
        assert_eq!(next_size(8, 3, Duration::ZERO), 8, "nothing was waiting");
    }
}
