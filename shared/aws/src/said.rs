//! What an error of the SDK says, in one line: each cause once, without the dump that the SDK's own display adds.

use std::error::Error;

pub(crate) fn said(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // wrappers often repeat what they wrap
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the call failed")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn causes_follow_each_other() {
        let outer = Outer(std::io::Error::other("connection refused"));
        assert_eq!(said(&outer), "the call failed: connection refused");
    }
}
