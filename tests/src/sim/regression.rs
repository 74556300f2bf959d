//! Failing seeds: made small by leaving things out, kept as one line each in `tests/regressions/`, and run first for ever.

use super::run::{Order, run};
use super::script::script;
use super::setup::Setup;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Runs that shrinking may take.
const TRIES: usize = 400;

/// The same failure with as few actions as can be found: leaves out ever smaller stretches while it still fails.
#[must_use]
pub fn shrink(order: &Order) -> Order {
    let all = script(&Setup::new(order.seed, order.profile, order.class)).len();
    let (mut smallest, mut tries) = (order.clone(), 0);
    let mut stretch = all.div_ceil(2);
    while stretch > 0 {
        for from in (0..all).step_by(stretch) {
            let mut smaller = smallest.clone();
            smaller.without.extend(from..(from + stretch).min(all));
            smaller.without.sort_unstable();
            smaller.without.dedup();
            tries += 1;
            if tries <= TRIES && smaller.without.len() > smallest.without.len() && !run(&smaller).violations.is_empty()
            {
                smallest = smaller;
            }
        }
        stretch /= 2;
    }
    smallest
}

/// An order as a line of text.
#[must_use]
pub fn line(order: &Order) -> String {
    let without: Vec<String> = order.without.iter().map(ToString::to_string).collect();
    format!("{} {} {} {}", order.class.name(), order.profile.name(), order.seed, without.join(","))
}

/// The order of a line of text; `None` for a comment or an empty line.
///
/// # Errors
/// A sentence that says what cannot be read.
pub fn read(line: &str) -> Result<Option<Order>, String> {
    let line = line.split('#').next().unwrap_or_default().trim();
    if line.is_empty() {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let mut word = |what: &str| words.next().ok_or_else(|| format!("{line:?}: {what} is missing"));
    let (class, profile) = (word("the class")?.parse()?, word("the profile")?.parse()?);
    let seed = word("the seed")?.parse().map_err(|_| format!("{line:?}: the seed is not a number"))?;
    let without = word("what is left out").unwrap_or("");
    let without = without.split(',').filter_map(|place| place.parse().ok()).collect();
    Ok(Some(Order { without, ..Order::new(class, profile, seed) }))
}

/// Where regressions are kept.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions")
}

/// Adds an order to the regressions.
///
/// # Errors
/// When the file cannot be written.
pub fn keep(order: &Order) -> io::Result<PathBuf> {
    let file = folder().join("found.txt");
    let mut text = fs::read_to_string(&file).unwrap_or_default();
    text.push_str(&format!("{}\n", line(order)));
    fs::write(&file, text)?;
    Ok(file)
}

/// All regressions.
///
/// # Errors
/// When a file or a line cannot be read.
pub fn all() -> Result<Vec<Order>, String> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder()).map_err(|error| error.to_string())?.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    let mut orders = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
        for line in text.lines() {
            orders.extend(read(line)?);
        }
    }
    Ok(orders)
}
