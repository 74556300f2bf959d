//! What code says, without its comments and texts.

use proc_macro2::{TokenStream, TokenTree};

/// The tokens of a Rust file in order. Comments are gone, texts are single tokens in quotes.
pub fn tokens(code: &str) -> Vec<String> {
    fn flatten(stream: TokenStream, into: &mut Vec<String>) {
        for tree in stream {
            match tree {
                TokenTree::Group(group) => {
                    into.push("(".to_owned());
                    flatten(group.stream(), into);
                    into.push(")".to_owned());
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => into.push(tree.to_string()),
            }
        }
    }
    let mut all = Vec::new();
    flatten(code.parse().unwrap(), &mut all);
    all
}

/// Whether the wanted tokens follow one another somewhere.
pub fn has(tokens: &[String], wanted: &[&str]) -> bool {
    tokens.windows(wanted.len()).any(|window| window.iter().zip(wanted).all(|(a, b)| a == b))
}
