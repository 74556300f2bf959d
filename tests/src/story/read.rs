//! Reads a story's file.

use super::market::Platform;
use super::step::Step;
use super::words;
use std::collections::BTreeMap;
use std::fmt;

/// What is wrong with a story's file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What to do about it.
    pub problem: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file, self.line, self.problem)
    }
}

/// A story.
#[derive(Debug)]
pub struct Story {
    /// Its file's name, for messages.
    pub file: String,
    /// The stores: the first is the master.
    pub stores: Vec<String>,
    /// What those are on that are not on the usual platform.
    pub platforms: BTreeMap<String, Platform>,
    pub(super) lines: Vec<Line>,
}

/// A line of the file that is not output.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) step: Option<Step>,
}

/// The stores of a story that names none.
const STORES: [&str; 3] = ["main", "north", "south"];

impl Story {
    /// Reads a story; what it expects to be seen is left out.
    ///
    /// # Errors
    /// [`Wrong`], naming file and line.
    pub fn read(file: &str, text: &str) -> Result<Self, Wrong> {
        let stores = STORES.iter().map(ToString::to_string).collect();
        let mut story = Self { file: file.to_owned(), stores, platforms: BTreeMap::new(), lines: Vec::new() };
        let title = text.lines().next().unwrap_or_default();
        if title.trim().is_empty() || title.starts_with(['=', '#']) {
            return Err(story.wrong(1, "the first line must be a sentence that says what the story is about".into()));
        }
        for (place, text) in text.lines().enumerate().filter(|(_, text)| !text.starts_with('=')) {
            let step = if place == 0 { None } else { story.step(place + 1, text)? };
            story.lines.push(Line { number: place + 1, text: text.to_owned(), step });
        }
        Ok(story)
    }

    fn step(&mut self, number: usize, text: &str) -> Result<Option<Step>, Wrong> {
        if text.trim().is_empty() || text.starts_with('#') {
            return Ok(None);
        }
        let tokens = words::tokens(text).map_err(|problem| self.wrong(number, problem))?;
        if let Some(("stores", names)) = tokens.split_first().map(|(first, rest)| (first.as_str(), rest)) {
            if self.lines.iter().any(|line| line.step.is_some()) {
                return Err(self.wrong(number, "`stores` must come before every other step".into()));
            }
            let cast = words::cast(names);
            (self.stores, self.platforms) = cast.map_err(|problem| self.wrong(number, problem))?;
            return Ok(None);
        }
        let step = words::step(&tokens, &self.stores);
        step.map(Some).map_err(|problem| self.wrong(number, problem))
    }

    pub(super) fn wrong(&self, line: usize, problem: String) -> Wrong {
        Wrong { file: self.file.clone(), line, problem }
    }
}
