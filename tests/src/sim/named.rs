//! Worlds in which products go by other names: one is spelled in its store's own way until a person links it, others get
//! another SKU while things happen, once or more often, and a person who is asked says that they are still the same.
//!
//! Every name of a SKU is that of the hub, a tilde and a number: what a unit truly is can be told from its name alone.

use super::crew::{self, Member};
use super::exec::Kind;
use super::hands::business;
use super::run::Run;
use super::script::Action;
use super::setup::{Class, Platform, Setup};
use super::world::{CHANGES, LANES, account};
use domain::Sku;
use engine::Error;
use engine::adopt::Silent;
use fastrand::Rng;
use std::collections::BTreeMap;

/// What is particular about such a world.
#[derive(Debug, Clone)]
pub struct Named {
    /// The store and the SKU that it spells in its own way from the beginning.
    pub odd: Option<(usize, usize)>,
}

impl Named {
    /// Of a class.
    #[must_use]
    pub fn of(class: Class, seed: u64, stores: usize, skus: usize, dead: Option<usize>) -> Option<Self> {
        if class != Class::Named {
            return None;
        }
        let mut rng = Rng::with_seed(seed ^ 0x4A3E);
        // the master's names are the hub's; nobody links what is in a store that never answers
        let odd = (rng.usize(1..stores), rng.usize(0..skus));
        Some(Self { odd: (rng.u8(0..4) > 0 && dead != Some(odd.0)).then_some(odd) })
    }
}

/// What is renamed, linked and agreed to in between, each at the time of something else.
pub fn call(setup: &Setup, script: &mut Vec<(i64, Action)>) {
    let mut rng = Rng::with_seed(setup.seed ^ 0xCA11);
    let renames = (0..rng.usize(1..4)).map(|_| (rng.usize(0..setup.stores), rng.usize(0..setup.skus.len())));
    let mut asked: Vec<Action> = renames.map(|(store, sku)| Action::Rename(store, sku)).collect();
    asked.extend(vec![Action::Agree; rng.usize(0..4)]);
    asked.extend(vec![Action::Link; usize::from(rng.bool())]);
    for action in asked {
        let place = rng.usize(0..script.len());
        let at = script[place].0;
        script.insert(place, (at, action));
    }
}

/// What a unit truly is.
#[must_use]
pub fn truly(name: &str) -> &str {
    name.split_once('~').map_or(name, |(name, _)| name)
}

/// The SKU of the hub behind a store's name.
#[must_use]
pub fn ours(sku: &Sku) -> Sku {
    Sku::new(truly(sku.as_str())).expect("a part of a name that is one")
}

/// What stores call what they sell, where that is not the hub's name; and the platform's ids of products.
#[derive(Debug, Default)]
pub struct Names {
    /// By store and SKU: how many names it has had.
    given: BTreeMap<(usize, usize), u32>,
    /// By store and SKU.
    pub products: BTreeMap<(usize, usize), u64>,
}

impl Names {
    /// How a world begins.
    #[must_use]
    pub fn of(setup: &Setup) -> Self {
        let odd = setup.named.as_ref().and_then(|named| named.odd);
        Self { given: odd.into_iter().map(|odd| (odd, 0)).collect(), ..Self::default() }
    }

    /// The name that a store has for a SKU.
    #[must_use]
    pub fn of_sku(&self, setup: &Setup, store: usize, sku: usize) -> String {
        let name = &setup.skus[sku].0;
        self.given.get(&(store, sku)).map_or_else(|| name.clone(), |given| format!("{name}~{given}"))
    }

    /// All names that a store has had for a SKU, of which it is known by the hub's name alone.
    pub fn all<'a>(&'a self, setup: &Setup, store: usize, name: &'a str) -> impl Iterator<Item = String> + 'a {
        let sku = setup.skus.iter().position(|(known, _)| known == name).unwrap_or_default();
        let given = self.given.get(&(store, sku)).map_or(0, |given| given + 1);
        std::iter::once(name.to_owned()).chain((0..given).map(move |given| format!("{name}~{given}")))
    }

    fn another(&mut self, store: usize, sku: usize) {
        let given = self.given.entry((store, sku)).or_insert(0);
        *given += 1;
    }
}

impl Run {
    /// What a store's SKUs are called there now, with their first levels.
    pub(super) fn called(&self, store: usize) -> Vec<(String, i64)> {
        let setup = &self.world.setup;
        let names = setup.skus.iter().enumerate();
        names.map(|(sku, (_, level))| (self.world.names.of_sku(setup, store, sku), *level)).collect()
    }

    /// Whether a store spells a SKU in its own way, and nobody has linked it yet.
    pub(super) fn is_unlinked(&self, store: usize, sku: usize) -> bool {
        let odd = self.world.setup.named.as_ref().and_then(|named| named.odd);
        let id = account(store);
        let books = self.world.oracle.books();
        let ledger = books.ledgers.get(&self.sku(sku));
        let linked = ledger.is_some_and(|ledger| ledger.entries.keys().any(|listing| listing.account == id));
        odd == Some((store, sku)) && !linked
    }

    /// Whether an action concerns a unit of a store with a feed that nobody has linked yet: of what moves there while it is
    /// linked nobody outside can say whether it is part of the level with which it begins.
    pub(super) fn is_nameless(&self, action: &Action) -> bool {
        let skus: Vec<usize> = match action {
            Action::Sell(_, lines) | Action::Rewrite(_, _, lines) => lines.iter().map(|(sku, _)| *sku).collect(),
            Action::Edit(_, _, sku, _) => vec![*sku],
            Action::Return(..)
            | Action::Cancel(..)
            | Action::Archive(..)
            | Action::HubEdit(..)
            | Action::Pause(_)
            | Action::Resume(_)
            | Action::Fail(..)
            | Action::Deploy
            | Action::Compare
            | Action::Rule(..)
            | Action::Join
            | Action::List(_)
            | Action::Undo(_)
            | Action::Promise(..)
            | Action::Pay(..)
            | Action::CallOff(..)
            | Action::Rename(..)
            | Action::Link
            | Action::Agree => return false,
        };
        let store = action.store().filter(|store| self.world.setup.platforms[*store] == Platform::Shop);
        store.is_some_and(|store| skus.into_iter().any(|sku| self.is_unlinked(store, sku)))
    }

    /// Whether a product may get another SKU: not while it waits to be linked, and in a store with a feed not before the hub has
    /// seen the name that it has. What moved under a name that was gone before anybody looked can be told of nobody.
    pub(super) fn may_rename(&self, store: usize, sku: usize) -> bool {
        let name = self.world.names.of_sku(&self.world.setup, store, sku);
        let rows = self.world.store.peek_all("HUB").into_iter();
        let mut names = rows.filter(|row| row.key.sk.contains("ALIAS#") || row.key.sk.contains("PROPOSAL#"));
        let is_known = name == self.world.setup.skus[sku].0
            || names.any(|row| row.body.contains(&format!("{name:?}")) && row.key.sk.contains(account(store).as_str()));
        let told = is_known || self.world.setup.platforms[store] != Platform::Shop;
        self.world.setup.dead != Some(store) && !self.is_unlinked(store, sku) && told
    }

    /// A product gets another SKU.
    pub(super) fn rename(&mut self, store: usize, sku: usize) {
        self.world.names.another(store, sku);
        let name = self.world.names.of_sku(&self.world.setup, store, sku);
        let (id, now) = (self.world.setup.skus[sku].0.clone(), self.core().now());
        if let Some(plain) = self.world.plain().get_mut(&store) {
            return plain.rename(&id, &name);
        }
        if let Some(product) = self.world.names.products.get(&(store, sku)).copied() {
            let renamed = self.world.stores().rename(business(store), product, &name, now);
            renamed.expect("the product is there");
        }
    }

    fn person(&self) -> Member {
        self.world.member(CHANGES + LANES)
    }

    /// Somebody links what a store spells in its own way, if that is not done.
    pub(super) fn link(&mut self) {
        let Some((store, sku)) = self.world.setup.named.as_ref().and_then(|named| named.odd) else { return };
        if self.is_unlinked(store, sku) {
            let (person, sku) = (self.person(), self.sku(sku));
            self.world.exec.add(Kind::Person, link(person, store, sku));
        }
    }

    /// Somebody says yes to all that is asked.
    pub(super) fn agree(&mut self) {
        if self.world.setup.named.is_some() {
            let person = self.person();
            self.world.exec.add(Kind::Person, agree(person));
        }
    }

    /// Somebody answers what is asked.
    pub(super) fn agree_if_asked(&mut self) {
        if !self.asked().is_empty() {
            self.agree();
        }
    }

    /// Questions that nobody has answered.
    pub(super) fn asked(&self) -> Vec<String> {
        let rows = self.world.store.peek_all("HUB").into_iter();
        rows.map(|row| row.key.sk).filter(|sk| sk.starts_with("PROPOSAL#")).collect()
    }
}

/// Somebody looks for a unit that is spelled otherwise, links it, and tries again until told that it is done.
async fn link(member: Member, store: usize, sku: Sku) {
    let id = account(store);
    for _ in 0..50 {
        match try_to_link(&member, &id, &sku).await {
            Ok(()) | Err(Error::Conflict(_)) => return,
            Err(error) => member.core.tell(|| format!("linking {sku} of {id}: {error}")),
        }
        member.core.sleep_ms(crew::AGAIN_MS).await;
    }
}

async fn try_to_link(member: &Member, id: &domain::AccountId, sku: &Sku) -> Result<(), Error> {
    let mapping = member.hub.mapping(Some(id), &Silent).await?;
    let rows = mapping.into_values().flat_map(|mapping| mapping.rows);
    let mut own = rows.filter(|row| row.sku.as_ref().is_some_and(|called| ours(called) == *sku));
    let missing = || Error::NotFound { what: "unit", name: sku.to_string() };
    let external = own.next().map(|row| row.external).ok_or_else(missing)?;
    member.hub.link(id, &external, sku, true, "somebody").await.map(drop)
}

/// Somebody says that what has another SKU is still the same. What fails is asked again.
async fn agree(member: Member) {
    let proposals = match member.hub.proposals().await {
        Ok(proposals) => proposals,
        Err(error) => return member.core.tell(|| format!("proposals: {error}")),
    };
    for it in proposals {
        if let Err(error) = member.hub.answer_proposal(&it.account, &it.external, true, "somebody").await {
            member.core.tell(|| format!("{} of {}: {error}", it.external, it.account));
        }
    }
}
