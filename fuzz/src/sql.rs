//! The text of a statement, cut into words: what must not be in it whatever was asked.

/// A part of a statement that is quoted, without its quotes.
#[derive(Debug, PartialEq, Eq)]
pub enum Quoted {
    /// `"order"`
    Identifier(String),
    /// `'total'`
    Literal(String),
}

/// What is quoted in a statement, and the numbers of its parameters. Panics where the text is more than one
/// statement, holds a comment, or ends within quotes or parentheses.
pub fn parts(text: &str) -> (Vec<Quoted>, Vec<usize>) {
    let (mut quoted, mut parameters, mut depth) = (Vec::new(), Vec::new(), 0i64);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' | '"' => {
                let escapes = c == '\'' && text[..at].ends_with('E');
                let mut content = String::new();
                loop {
                    match chars.next() {
                        Some((_, '\\')) if escapes => content.extend(chars.next().map(|(_, c)| c)),
                        Some((_, end)) if end == c => match chars.next_if(|(_, next)| *next == c) {
                            Some(_) => content.push(c),
                            None => break,
                        },
                        Some((_, other)) => content.push(other),
                        None => panic!("it ends within quotes: {text}"),
                    }
                }
                quoted.push(if c == '"' { Quoted::Identifier(content) } else { Quoted::Literal(content) });
            }
            '$' => {
                let digits: String =
                    std::iter::from_fn(|| chars.next_if(|(_, c)| c.is_ascii_digit())).map(|(_, c)| c).collect();
                parameters.push(digits.parse().unwrap_or_else(|_| panic!("a dollar that is no parameter: {text}")));
            }
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        assert!(depth >= 0, "a parenthesis closes nothing: {text}");
        assert!(c != ';' && c != '\0', "more than one statement: {text}");
        let next = chars.peek().map(|(_, next)| *next);
        assert!(!matches!((c, next), ('-', Some('-')) | ('/', Some('*'))), "a comment: {text}");
    }
    assert!(depth == 0, "a parenthesis is open: {text}");
    (quoted, parameters)
}
