//! The words of the stories, and the steps that they mean.

use super::market::Platform;
use super::step::{Calls, Failure, Machine, Page, Person, Post, Shop, Sight, Step, Trouble};
use engine::quarantine::Verdict;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The words of a line. A word in quotes may hold spaces; a comma after a word is left out; what follows `: ` is one word.
///
/// # Errors
/// When a quote is not closed.
pub fn tokens(line: &str) -> Result<Vec<String>, String> {
    let (line, tail) = line.split_once(": ").map_or((line, None), |(line, tail)| (line, Some(tail)));
    let mut tokens = Vec::new();
    let mut quoted = false;
    for part in line.split('"') {
        if quoted {
            tokens.push(part.to_owned());
        } else {
            let bare = part.split_whitespace().map(|word| word.trim_end_matches(','));
            tokens.extend(bare.filter(|word| !word.is_empty()).map(str::to_owned));
        }
        quoted = !quoted;
    }
    if !quoted {
        return Err("a quote is not closed".into());
    }
    tokens.extend(tail.map(|tail| tail.trim().to_owned()));
    Ok(tokens)
}

/// The stores of a story, and what those are on that are not on the usual platform: `main, york on amazon`.
pub(super) fn cast(words: &[String]) -> Result<(Vec<String>, BTreeMap<String, Platform>), String> {
    let (mut stores, mut platforms) = (Vec::new(), BTreeMap::new());
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if word != "on" || stores.is_empty() {
            stores.push(word.to_owned());
            continue;
        }
        let platform = match words.next() {
            Some("amazon") => Platform::Amazon,
            Some("shopify") => Platform::Shopify,
            other => return Err(format!("nobody is on {:?} here", other.unwrap_or_default())),
        };
        platforms.extend(stores.last().map(|store| (String::clone(store), platform)));
    }
    Ok((stores, platforms))
}

/// The step that a line's words mean.
///
/// # Errors
/// What is not understood of it.
pub fn step(tokens: &[String], stores: &[String]) -> Result<Step, String> {
    let words: Vec<&str> = tokens.iter().map(String::as_str).collect();
    if let Some(step) = super::undoing::read(&words)? {
        return Ok(step);
    }
    if let Some(staff) = super::staff::read(&words)? {
        return Ok(Step::Staff(staff));
    }
    let is_store = |name: &str| stores.iter().any(|store| store == name);
    match words.as_slice() {
        ["stock", sku, level, rest @ ..] => stock(sku, level, rest, stores),
        ["all", "connected", "and", "adopted"] => Ok(Step::Connect),
        [count, unit, "pass" | "passes"] => Ok(Step::Pass(duration(count, unit)?)),
        ["see", rest @ ..] => sight(rest, stores).map(Step::See),
        ["person", rest @ ..] => person(rest, stores).map(Step::Person),
        ["hub", rest @ ..] => machine(rest, stores).map(Step::Hub),
        ["next", count, calls, "of", store, rest @ ..] => {
            Ok(Step::Trouble(known(store, stores)?, next(number(count)?, calls, rest)?))
        }
        ["webhooks", "of", store, rest @ ..] => {
            Ok(Step::Trouble(known(store, stores)?, Trouble::Webhooks(post(rest)?)))
        }
        [store, rest @ ..] if is_store(store) => match super::market::read(rest)? {
            Some(deed) => Ok(Step::Deed((*store).to_owned(), deed)),
            None => in_store(store, rest),
        },
        _ => Err(unknown(&words)),
    }
}

fn unknown(words: &[&str]) -> String {
    format!("nobody knows how to do {:?}; the words are in tests/src/story/words.rs", words.join(" "))
}

fn known(store: &str, stores: &[String]) -> Result<String, String> {
    match stores.iter().find(|name| *name == store) {
        Some(name) => Ok(name.clone()),
        None => Err(format!("there is no store {store:?}; the stores are {}", stores.join(", "))),
    }
}

pub(super) fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("{word:?} is not a number that fits here"))
}

/// A word of a closed list, as the engine spells it.
fn choice<T: DeserializeOwned>(word: &str) -> Result<T, String> {
    serde_json::from_value(Value::from(word)).map_err(|error| error.to_string())
}

pub(super) fn duration(count: &str, unit: &str) -> Result<i64, String> {
    let unit_ms = match unit.trim_end_matches('s') {
        "second" => 1_000,
        "minute" => 60_000,
        "hour" => 3_600_000,
        _ => return Err(format!("{unit:?} is no measure of time; use seconds, minutes or hours")),
    };
    Ok(number::<i64>(count)? * unit_ms)
}

/// One SKU, or several: `SKU-00..59`.
fn skus(word: &str) -> Result<Vec<String>, String> {
    let Some((first, last)) = word.split_once("..") else { return Ok(vec![word.to_owned()]) };
    let digits = first.chars().rev().take_while(char::is_ascii_digit).count();
    let (stem, from) = first.split_at(first.len() - digits);
    let (from, last): (u32, u32) = (number(from)?, number(last)?);
    Ok((from..=last).map(|number| format!("{stem}{number:0digits$}")).collect())
}

/// `2 TEE, 1 MUG`
pub(super) fn lines(words: &[&str]) -> Result<Vec<(String, i64)>, String> {
    let words: Vec<&&str> = words.iter().filter(|word| **word != "and").collect();
    let line = |pair: &[&&str]| match pair {
        [count, sku] => Ok(((**sku).to_owned(), number(count)?)),
        _ => Err("say how many of which SKU".to_owned()),
    };
    if words.is_empty() { Err("say how many of which SKU".to_owned()) } else { words.chunks(2).map(line).collect() }
}

fn stock(sku: &str, level: &str, rest: &[&str], stores: &[String]) -> Result<Step, String> {
    let level = if level == "unknown" { None } else { Some(number(level)?) };
    let names = match rest {
        [] => stores.to_vec(),
        ["at", names @ ..] => names.iter().map(|name| known(name, stores)).collect::<Result<_, _>>()?,
        _ => return Err(unknown(rest)),
    };
    Ok(Step::Stock(skus(sku)?, level, names))
}

fn in_store(store: &str, words: &[&str]) -> Result<Step, String> {
    let trouble = match words {
        ["is", "down"] => Some(Trouble::Down(Failure::Status(503))),
        ["is", "down", rest @ ..] => Some(Trouble::Down(failure(rest)?)),
        ["cannot", "be", "reached"] => Some(Trouble::Unreachable),
        ["is", "up", "again"] => Some(Trouble::Up),
        ["has", switch, value] => Some(Trouble::Switch((*switch).to_owned(), plain(value))),
        ["allows", burst, "calls", "and", rate, "a", "minute"] => {
            let limit = json!({"size": number::<u32>(burst)?, "per_minute": number::<u32>(rate)?});
            Some(Trouble::Switch("limit".into(), limit))
        }
        _ => None,
    };
    match trouble {
        Some(trouble) => Ok(Step::Trouble(store.to_owned(), trouble)),
        None => Ok(Step::Shop(store.to_owned(), shop(words)?)),
    }
}

pub(super) fn plain(word: &str) -> Value {
    serde_json::from_str(word).unwrap_or_else(|_| Value::from(word))
}

fn shop(words: &[&str]) -> Result<Shop, String> {
    Ok(match words {
        ["sells", rest @ .., "unpaid"] => Shop::Promises(lines(rest)?),
        ["sells", rest @ ..] => Shop::Sells(lines(rest)?),
        ["takes", "back", "line", line, "of", "order", order] => Shop::Returns(number(order)?, number(line)?),
        ["changes", "order", order, "to", rest @ ..] => Shop::Changes(number(order)?, lines(rest)?),
        ["cancels", "order", order] => Shop::Cancels(number(order)?),
        ["refunds", "order", order] => Shop::Refunds(number(order)?),
        ["edits", sku, "to", level] => Shop::Types(Page::Product, skus(sku)?, number(level)?),
        ["counts", sku, "as", level] => Shop::Types(Page::Stock, skus(sku)?, number(level)?),
        ["imports", sku, "as", level] => Shop::Types(Page::Import, skus(sku)?, number(level)?),
        ["imports", sku, "silently", "as", level] => Shop::Types(Page::Silent, skus(sku)?, number(level)?),
        ["deletes", sku] => Shop::Drops((*sku).to_owned()),
        ["renames", sku, "to", new] => Shop::Renames((*sku).to_owned(), (*new).to_owned()),
        ["takes", sku, "off", "sale"] => Shop::Shelves((*sku).to_owned(), false),
        ["puts", sku, "on", "sale"] => Shop::Shelves((*sku).to_owned(), true),
        ["replaces", "its", "key"] => Shop::ReplacesKey,
        ["replaces", "its", "webhook", "secret"] => Shop::ReplacesSigner,
        ["forbids", area] => Shop::Forbids((*area).to_owned()),
        _ => return Err(unknown(words)),
    })
}

fn failure(words: &[&str]) -> Result<Failure, String> {
    Ok(match words {
        ["with", status] => Failure::Status(number(status)?),
        ["without", "an", "answer"] => Failure::Silence,
        ["behind", "a", "page"] => Failure::Page,
        _ => return Err(unknown(words)),
    })
}

fn next(count: u32, calls: &str, words: &[&str]) -> Result<Trouble, String> {
    let calls = match calls {
        "call" | "calls" => Calls::Any,
        "read" | "reads" => Calls::Reads,
        "write" | "writes" => Calls::Writes,
        _ => return Err(unknown(&[calls])),
    };
    let (how, after) = match words {
        [how @ .., "after", "taking", "effect"] => (how, true),
        how => (how, false),
    };
    match how {
        ["fail" | "fails", how @ ..] => Ok(Trouble::Next(count, calls, failure(how)?, after)),
        _ => Err(unknown(words)),
    }
}

fn post(words: &[&str]) -> Result<Post, String> {
    Ok(match words {
        ["are", "lost"] => Post::Lost,
        ["come", "twice"] => Post::Twice,
        ["are", count, unit, "late"] => Post::Late(duration(count, unit)?),
        ["come", "reversed", count] => Post::Reversed(number(count)?),
        ["come", "well"] => Post::Well,
        ["newest", "comes", "again"] => Post::Again,
        ["one", "is", "forged"] => Post::Forged,
        ["one", "is", "unsigned"] => Post::Unsigned,
        ["one", "is", "torn"] => Post::Torn,
        _ => return Err(unknown(words)),
    })
}

fn person(words: &[&str], stores: &[String]) -> Result<Person, String> {
    if let Some(arranged) = super::arrange::read(words)? {
        return Ok(Person::Arranges(arranged));
    }
    let store = |name: &str| known(name, stores);
    Ok(match words {
        ["adds", name] => Person::Adds(store(name)?),
        ["previews", "adoption"] => Person::Previews,
        ["adopts"] => Person::Adopts,
        ["pauses", name] => Person::Pauses(store(name)?),
        ["resumes", name] => Person::Resumes(store(name)?),
        ["releases", name] => Person::Releases(store(name)?),
        ["freezes", name] => Person::Freezes(store(name)?),
        ["thaws", name] => Person::Thaws(store(name)?),
        ["restocks", what, "at", name] => Person::Restocks(store(name)?, choice(what)?),
        ["keeps", "back", minutes, "minutes", "of", "sales", "at", name] => {
            Person::Flash(store(name)?, number(minutes)?)
        }
        ["believes", "all", "of", name] => Person::Judges(store(name)?, Verdict::Release, Vec::new()),
        ["believes", what, "of", name] => Person::Judges(store(name)?, Verdict::Release, skus(what)?),
        ["discards", "all", "of", name] => Person::Judges(store(name)?, Verdict::Discard, Vec::new()),
        ["discards", what, "of", name] => Person::Judges(store(name)?, Verdict::Discard, skus(what)?),
        ["lets", sku, "go", "on", "at", name] => Person::Uncontests((*sku).to_owned(), store(name)?),
        ["enters", "next", "webhook", "secret", "of", name] => Person::AnnouncesSigner(store(name)?),
        ["removes", name] => Person::Removes(store(name)?),
        ["enters", "new", "key", "of", name] => Person::Rotates(store(name)?),
        ["enters", "wrong", "key", "of", name] => Person::Mistypes(store(name)?),
        ["enters", "new", "webhook", "secret", "of", name] => Person::RotatesSigner(store(name)?),
        ["counts", what, "of", name] => Person::Inbound(store(name)?, choice(what)?),
        ["lets", name, what, "drift"] => Person::Drift(store(name)?, choice(what)?),
        ["sets", sku, "to", level, why] => Person::Sets((*sku).to_owned(), number(level)?, (*why).to_owned()),
        ["adjusts", sku, "by", units, why] => Person::Adjusts((*sku).to_owned(), number(units)?, (*why).to_owned()),
        ["uploads", "stock", file] => Person::Uploads(upload(file)?),
        ["sets", setting, "of", name, "to", value] => {
            Person::Setting(store(name)?, (*setting).to_owned(), (*value).to_owned())
        }
        ["syncs", sku] => Person::Syncs((*sku).to_owned()),
        ["gives", place, "of", name, "to", warehouse] => {
            Person::Gives(store(name)?, (*place).to_owned(), (*warehouse).to_owned())
        }
        ["frees", place, "of", name] => Person::Frees(store(name)?, (*place).to_owned()),
        ["feeds", name, "from", warehouses @ ..] => {
            Person::Feeds(store(name)?, warehouses.iter().map(ToString::to_string).collect())
        }
        _ => return Err(unknown(words)),
    })
}

/// `TEE 5, MUG lots`
pub(super) fn upload(file: &str) -> Result<Vec<(String, String)>, String> {
    let line = |line: &str| match line.trim().rsplit_once(' ') {
        Some((sku, quantity)) => Ok((sku.to_owned(), quantity.to_owned())),
        None => Err(format!("{line:?} has no quantity")),
    };
    file.split(',').map(line).collect()
}

fn machine(words: &[&str], stores: &[String]) -> Result<Machine, String> {
    Ok(match words {
        ["is", "deployed", "anew"] => Machine::Deploys,
        ["will", "die", "before", "its", "next", "write", "reaches", name] => {
            Machine::Dies(known(name, stores)?, false)
        }
        ["will", "die", "after", "its", "next", "write", "reached", name] => Machine::Dies(known(name, stores)?, true),
        ["gets", "every", "message", "twice"] => Machine::Repeats(true),
        ["gets", "every", "message", "once"] => Machine::Repeats(false),
        ["stands", "still"] => Machine::StandsStill,
        ["moves", "to", "another", "machine"] => Machine::Moves,
        ["goes", "on"] => Machine::GoesOn,
        ["compares"] => Machine::Compares,
        ["does", "its", "nightly", "run"] => Machine::Nightly,
        _ => return Err(unknown(words)),
    })
}

fn sight(words: &[&str], stores: &[String]) -> Result<Sight, String> {
    let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<String>>();
    Ok(match words {
        ["history", "of", sku] => Sight::History((*sku).to_owned()),
        ["accounts"] => Sight::Accounts(stores.to_vec()),
        ["account", name] => Sight::Accounts(vec![known(name, stores)?]),
        ["writes"] => Sight::Writes,
        ["alarms"] => Sight::Alarms,
        ["quarantine", "of", name] => Sight::Quarantine(known(name, stores)?),
        ["audit"] => Sight::Audit,
        ["own", "acts"] => Sight::OwnActs,
        ["dead", "messages"] => Sight::Dead,
        ["kept", "webhooks", "of", name] => Sight::Kept(known(name, stores)?),
        ["found", filter] => Sight::Found(super::arrange::json(filter)?),
        ["calls", "of", name] => Sight::Calls(known(name, stores)?),
        ["stranded", "of", name] => Sight::Stranded(known(name, stores)?),
        ["why", sku, "at", name] => Sight::Why((*sku).to_owned(), known(name, stores)?),
        [] => return Err("say what to look at".into()),
        skus => Sight::Levels(owned(skus)),
    })
}
