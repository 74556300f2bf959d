//! How a store's webhooks are put in order, one after the other, for whoever watches.

use crate::{Error, Subscription, SubscriptionState};

/// Somebody who watches.
pub trait Watch: Send + Sync {
    /// How all of them stand, each time that one has moved on.
    fn sees(&self, all: &[Subscription]);
}

/// Nobody watches.
pub struct Unwatched;

impl Watch for Unwatched {
    fn sees(&self, _: &[Subscription]) {}
}

/// The webhooks of a store on their way.
pub(crate) struct Hooks<'a> {
    all: Vec<Subscription>,
    watch: &'a dyn Watch,
}

/// What has become of one: its state, and what is worth knowing.
pub(crate) type Became = (SubscriptionState, String);

impl<'a> Hooks<'a> {
    /// Those of these topics, in this order; syncing within seconds depends on the ones marked so.
    pub(crate) fn new<'t>(topics: impl Iterator<Item = (&'t str, bool)>, watch: &'a dyn Watch) -> Self {
        let waiting = |(topic, required): (&str, bool)| Subscription {
            topic: topic.to_owned(),
            state: SubscriptionState::Waiting,
            required,
            note: String::new(),
            remedy: String::new(),
        };
        Self { all: topics.map(waiting).collect(), watch }
    }

    /// The store is being asked for one.
    pub(crate) fn asks(&mut self, place: usize) {
        self.all[place].state = SubscriptionState::Asking;
        self.watch.sees(&self.all);
    }

    /// What the store answered: this, or that it refuses.
    pub(crate) fn ends(&mut self, place: usize, became: Result<Became, Error>) {
        let one = &mut self.all[place];
        match became {
            Ok((state, note)) => {
                (one.state, one.note) = (state, note);
                if state == SubscriptionState::Unverified {
                    one.remedy =
                        "See that the hub's public address can be reached from outside; then test the connection."
                            .into();
                }
            }
            Err(error) => {
                one.remedy = error.remedy_of_hook().into();
                (one.state, one.note) = (SubscriptionState::Refused, error.to_string());
            }
        }
        self.watch.sees(&self.all);
    }

    /// All of them, with what else was found.
    pub(crate) fn all(mut self, others: Vec<Subscription>) -> Vec<Subscription> {
        self.all.extend(others);
        self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use std::sync::Mutex;

    struct Seen(Mutex<Vec<Vec<SubscriptionState>>>);

    impl Watch for Seen {
        fn sees(&self, all: &[Subscription]) {
            self.0.lock().expect("nobody panicked").push(all.iter().map(|one| one.state).collect());
        }
    }

    #[test]
    fn whoever_watches_sees_each_on_its_way() {
        use SubscriptionState::{Active, Asking, Refused, Waiting};
        let seen = Seen(Mutex::default());
        let mut hooks = Hooks::new([("stock", true), ("orders", false)].into_iter(), &seen);
        hooks.asks(0);
        hooks.ends(0, Ok((Active, String::new())));
        hooks.asks(1);
        hooks.ends(1, Err(Error::new(ErrorKind::Forbidden, "POST /webhooks: 403")));
        let all = hooks.all(Vec::new());
        let stages = seen.0.into_inner().expect("nobody panicked");
        assert_eq!(stages, [[Asking, Waiting], [Active, Waiting], [Active, Asking], [Active, Refused]].map(Vec::from));
        assert_eq!((all[0].required, all[0].remedy.as_str()), (true, ""));
        assert_eq!(all[1].note, "POST /webhooks: 403");
        assert!(all[1].remedy.starts_with("Allow these credentials"));
    }
}
