//! ARCHITECTURE.md and STYLE.md as tests: who imports whom, that the map is the tree, that nothing is
//! dead, and which words stay out.

mod imports;
mod source;
mod tree;
mod words;
