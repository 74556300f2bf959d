//! Changing rows that others may change at the same time: they are read, changed, and written only while they are what was read;
//! when somebody else was faster, all of it is done again on what is there then.

use crate::hub::Error;
use crate::ports::StoreError;
use std::fmt::Display;

/// Attempts against others who change the same rows. Each fails only because somebody else's change went through.
pub(crate) const ATTEMPTS: usize = 16;

/// Whether a write was made; `false` when somebody else was faster, and nothing was written.
///
/// # Errors
/// Whatever else the store said.
pub(crate) fn made(written: Result<(), StoreError>) -> Result<bool, Error> {
    match written {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What is said when somebody else was faster each time.
pub(crate) fn too_fast(what: impl Display) -> Error {
    Error::Conflict(format!("{what} changes too fast; try again"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Key;

    #[test]
    fn only_a_conflict_is_tried_again() {
        let key = Key { pk: "SKU#TEE".into(), sk: "ITEM".into() };
        assert!(made(Ok(())).expect("written"));
        assert!(!made(Err(StoreError::Conflict { key, current: None })).expect("somebody was faster"));
        let unknown = made(Err(StoreError::Unknown("no answer".into()))).expect_err("it may have been written");
        assert_eq!(unknown.to_string(), Error::from(StoreError::Unknown("no answer".into())).to_string());
        assert_eq!(too_fast("TEE").to_string(), Error::Conflict("TEE changes too fast; try again".into()).to_string());
    }
}
