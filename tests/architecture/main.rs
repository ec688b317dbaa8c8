//! ARCHITECTURE.md, STYLE.md and deny.toml as tests: who imports whom, that the map is the tree, that nothing is
//! dead, and which words stay out.

mod imports;
mod source;
mod supply;
mod tree;
mod words;
