//! End to end: the built command, in processes of its own, against fake stores over HTTP with real signatures.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

mod commands;
mod demo;
mod kill;
mod people;
mod rules;
mod serve;
mod town;
mod undo;
