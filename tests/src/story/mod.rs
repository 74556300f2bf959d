//! Stories: a shopkeeper's day as a text file, played on the real engine over fakes, its output compared as text.
//!
//! A file begins with a sentence, then has one step on each line; what the step made visible follows in lines that begin
//! with `=`. Lines that begin with `#` are for the reader. [`words`] knows the steps.

mod arrange;
mod diff;
mod market;
mod moving;
mod people;
mod read;
mod shops;
mod sights;
mod staff;
mod step;
mod tell;
mod town;
mod undoing;
mod wires;
pub mod words;

pub use diff::diff;
pub use market::{Deed, Platform};
pub use read::{Story, Wrong};
pub use step::{Calls, Failure, Machine, Page, Person, Post, Shop, Sight, Step, Trouble};

use town::Town;

impl Story {
    /// Plays the story; gives its file as it should be, with what was really seen.
    ///
    /// # Errors
    /// [`Wrong`] when a step asks for what is not there, such as an order that nobody has placed.
    pub fn play(&self) -> Result<String, Wrong> {
        let mut town = Town::new(&self.stores, &self.platforms);
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(line.text.trim_end());
            text.push('\n');
            let Some(step) = &line.step else { continue };
            let seen = town.take(step).map_err(|problem| self.wrong(line.number, problem))?;
            for seen in seen {
                text.push_str(format!("= {seen}").trim_end());
                text.push('\n');
            }
        }
        Ok(text)
    }
}
