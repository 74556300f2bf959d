//! Who is next in one queue. Groups take turns, so that a busy account cannot hold up the others; in an ordered queue
//! only the first message of a group may go, and none while it is away.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[derive(Debug)]
pub(super) struct Line {
    ordered: bool,
    groups: BTreeMap<String, Group>,
    /// Groups that may have a message that can go, each once, in the order of their turns.
    turns: VecDeque<String>,
    length: u64,
    in_flight: u64,
}

#[derive(Debug, Default)]
struct Group {
    all: BTreeSet<u64>,
    ready: BTreeSet<u64>,
    has_turn: bool,
}

impl Group {
    fn next(&self, ordered: bool) -> Option<u64> {
        let first = *self.ready.first()?;
        (!ordered || self.all.first() == Some(&first)).then_some(first)
    }
}

impl Line {
    pub(super) const fn unordered() -> Self {
        Self::new(false)
    }

    pub(super) const fn ordered() -> Self {
        Self::new(true)
    }

    const fn new(ordered: bool) -> Self {
        Self { ordered, groups: BTreeMap::new(), turns: VecDeque::new(), length: 0, in_flight: 0 }
    }

    /// A message enters the queue; it cannot be taken yet.
    pub(super) fn join(&mut self, group: &str, number: u64) {
        if !self.groups.contains_key(group) {
            self.groups.insert(group.to_owned(), Group::default());
        }
        if let Some(members) = self.groups.get_mut(group) {
            members.all.insert(number);
            self.length += 1;
        }
    }

    /// A message of the queue can be taken as soon as it is its turn.
    pub(super) fn ready(&mut self, group: &str, number: u64) {
        if let Some(members) = self.groups.get_mut(group) {
            members.ready.insert(number);
        }
        self.give_turn(group);
    }

    /// A message leaves the queue, wherever it stood.
    pub(super) fn quit(&mut self, group: &str, number: u64) {
        let Some(members) = self.groups.get_mut(group) else { return };
        if members.all.remove(&number) {
            self.length -= 1;
        }
        members.ready.remove(&number);
        if members.all.is_empty() && !members.has_turn {
            self.groups.remove(group);
        } else {
            self.give_turn(group);
        }
    }

    pub(super) fn take(&mut self) -> Option<u64> {
        while let Some(group) = self.turns.pop_front() {
            let Some(members) = self.groups.get_mut(&group) else { continue };
            members.has_turn = false;
            let next = members.next(self.ordered);
            if let Some(number) = next {
                members.ready.remove(&number);
            }
            if members.all.is_empty() {
                self.groups.remove(&group);
            } else {
                self.give_turn(&group);
            }
            if next.is_some() {
                return next;
            }
        }
        None
    }

    /// Counts a message as received.
    pub(super) const fn depart(&mut self) {
        self.in_flight += 1;
    }

    /// Counts a message as no longer received.
    pub(super) const fn arrive(&mut self) {
        self.in_flight -= 1;
    }

    pub(super) const fn len(&self) -> u64 {
        self.length
    }

    pub(super) const fn in_flight(&self) -> u64 {
        self.in_flight
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.turns.is_empty()
    }

    fn give_turn(&mut self, group: &str) {
        let Some(members) = self.groups.get_mut(group) else { return };
        // in an ordered queue a taken message stays first in `all`, which keeps those behind it back
        if !members.has_turn && members.next(self.ordered).is_some() {
            members.has_turn = true;
            self.turns.push_back(group.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(mut line: Line, messages: &[(&str, u64)]) -> Line {
        for (group, number) in messages {
            line.join(group, *number);
            line.ready(group, *number);
        }
        line
    }

    #[test]
    fn groups_take_turns() {
        let mut line = filled(Line::unordered(), &[("busy", 1), ("busy", 2), ("busy", 3), ("small", 4)]);
        let order: Vec<u64> = std::iter::from_fn(|| line.take()).collect();
        assert_eq!(order, [1, 4, 2, 3]);
    }

    #[test]
    fn an_ordered_group_waits_for_its_first() {
        let mut line = filled(Line::ordered(), &[("a", 1), ("a", 2), ("b", 3)]);
        assert_eq!([line.take(), line.take(), line.take()], [Some(1), Some(3), None]);
        line.quit("a", 1);
        assert_eq!(line.take(), Some(2));
    }

    #[test]
    fn an_ordered_message_that_comes_back_is_first_again() {
        let mut line = filled(Line::ordered(), &[("a", 1), ("a", 2)]);
        assert_eq!(line.take(), Some(1));
        line.ready("a", 1);
        assert_eq!([line.take(), line.take()], [Some(1), None]);
    }

    #[test]
    fn an_empty_group_is_forgotten() {
        let mut line = filled(Line::unordered(), &[("a", 1)]);
        assert_eq!(line.take(), Some(1));
        line.quit("a", 1);
        assert!(line.groups.is_empty() && line.turns.is_empty());
        assert_eq!((line.len(), line.take()), (0, None));
    }
}
