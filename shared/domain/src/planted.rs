//! Deliberate mistakes, for the proof that the simulation would find them. Without the feature `planted` none can be
//! planted and every question for one is a constant; with it none is planted until a test does so, on its own thread.

/// A mistake that was made once, or nearly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mistake {
    /// A push is sent without having been announced in the ledger.
    NoClaim,
    /// A quantity that a store sent along is believed without asking the store.
    BelievedPayload,
    /// A claim ends while its call may still be on its way.
    ShortLease,
    /// A refusal of a second call is taken as proof that the first did nothing.
    RefusalIsProof,
    /// A message with the level that we wrote is dropped, although a sale may hide behind it.
    EchoDropped,
    /// A line is counted although its marker says that it was.
    SaleTwice,
    /// A store that has a feed is counted by the difference of its levels.
    FeedIgnored,
    /// A marker is written apart from what it marks.
    MarkerApart,
    /// A line leaves the ledger's row before it is filed as a row of its own.
    DroppedUnfiled,
    /// Lines that ride in the ledger's row are not looked at when it is asked what is counted.
    UnfiledUnseen,
    /// A message is acknowledged although what it left undone waits nowhere.
    EarlyAck,
    /// Another attempt has another key.
    NewKey,
    /// A ledger is written although somebody changed it since it was read.
    StaleVersion,
    /// A store that loses everything at once is believed.
    GuardOff,
    /// A level that a store does not tell is taken for zero.
    UnknownIsZero,
    /// A listing that must not be written is.
    HoldIgnored,
    /// An edit is counted before it stood still.
    Unsettled,
    /// What our write may have erased is not remembered.
    NoSuspects,
    /// An account that a person has stopped both ways is counted all the same.
    FreezeIgnored,
    /// Another writer who keeps changing a listing is overwritten for ever.
    FightIgnored,
    /// What comes back is stocked again although the account's policy says no.
    RestockRefused,
    /// A push of which nothing was heard is taken for done.
    SilenceIsYes,
    /// A push of which nothing was heard is taken for not done.
    SilenceIsNo,
    /// A change at one location counts in the warehouse of another.
    WrongWarehouse,
    /// Each location is written with the level of all warehouses.
    WholeLevel,
    /// A return goes to the first warehouse, wherever the sale took its units.
    ReturnElsewhere,
    /// A write that was only accepted is taken for done.
    AcceptedIsDone,
    /// A call of many rows whose answer was lost is asked again row by row.
    CallTornApart,
    /// A call of many rows that was refused is not closed before its claims are dropped.
    CallLeftOpen,
    /// What a cancellation gave back is given back again.
    ReleasedTwice,
    /// What a kit took from its parts is added to what it took before.
    PartsTwice,
    /// What happened to a listing under a name that the hub has only just been told is not read again.
    NewNameUnread,
    /// A webhook with the level that the ledger has is dropped when it is sent again, although nobody took it before.
    RepeatDropped,
    /// A level that a look has changed is not looked at once more.
    LookedOnce,
}

impl Mistake {
    /// All of them.
    pub const ALL: [Self; 34] = [
        Self::NoClaim,
        Self::BelievedPayload,
        Self::ShortLease,
        Self::RefusalIsProof,
        Self::EchoDropped,
        Self::SaleTwice,
        Self::FeedIgnored,
        Self::MarkerApart,
        Self::DroppedUnfiled,
        Self::UnfiledUnseen,
        Self::EarlyAck,
        Self::NewKey,
        Self::StaleVersion,
        Self::GuardOff,
        Self::UnknownIsZero,
        Self::HoldIgnored,
        Self::Unsettled,
        Self::NoSuspects,
        Self::FreezeIgnored,
        Self::FightIgnored,
        Self::RestockRefused,
        Self::SilenceIsYes,
        Self::SilenceIsNo,
        Self::WrongWarehouse,
        Self::WholeLevel,
        Self::ReturnElsewhere,
        Self::AcceptedIsDone,
        Self::CallTornApart,
        Self::CallLeftOpen,
        Self::ReleasedTwice,
        Self::PartsTwice,
        Self::NewNameUnread,
        Self::RepeatDropped,
        Self::LookedOnce,
    ];
}

/// Whether a mistake is planted.
#[cfg(not(feature = "planted"))]
#[must_use]
pub const fn is(_mistake: Mistake) -> bool {
    false
}

#[cfg(feature = "planted")]
pub use soil::{Planted, is, plant};

#[cfg(feature = "planted")]
mod soil {
    use super::Mistake;
    use std::cell::Cell;
    use std::marker::PhantomData;

    thread_local! {
        static PLANTED: Cell<Option<Mistake>> = const { Cell::new(None) };
    }

    /// A mistake is planted on this thread until this is dropped.
    #[derive(Debug)]
    pub struct Planted(PhantomData<*const ()>);

    impl Drop for Planted {
        fn drop(&mut self) {
            PLANTED.set(None);
        }
    }

    /// Plants a mistake, or none, on this thread.
    #[must_use]
    pub fn plant(mistake: Option<Mistake>) -> Planted {
        PLANTED.set(mistake);
        Planted(PhantomData)
    }

    /// Whether a mistake is planted on this thread.
    #[must_use]
    pub fn is(mistake: Mistake) -> bool {
        PLANTED.get() == Some(mistake)
    }
}
