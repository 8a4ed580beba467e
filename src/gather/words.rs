//! Command lines as text: words, quotes and variables.

use std::collections::HashMap;

/// Splits a text into words as systemd and the shell do: at white space, quotes keep a word together, a backslash takes the next
/// character as it is. An open quote ends with the text.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            (mark, Some(open)) if mark == open => quote = None,
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(characters.next()),
            ('\'' | '"', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (blank, None) if blank.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

/// Splits a command line and puts variables in: `${NAME}` within words, `$NAME` as words of its own (systemd.service(5), "Command
/// lines"). Unknown ones are empty.
pub(super) fn split_with(text: &str, variables: &HashMap<String, String>) -> Vec<String> {
    let value = |name: &str| variables.get(name).map_or("", String::as_str);
    let mut words = Vec::new();
    for word in split(text) {
        match word.strip_prefix('$') {
            Some(name) if is_name(name) => words.extend(split(value(name))),
            _ => words.push(expand(&word, &value)),
        }
    }
    words
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn expand<'v>(word: &str, value: &impl Fn(&str) -> &'v str) -> String {
    let mut expanded = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else { break };
        expanded.push_str(before);
        expanded.push_str(value(name));
        rest = after;
    }
    expanded.push_str(rest);
    expanded
}

/// Reads `NAME=value` lines: environment files of systemd and of shells. Comments and other lines are passed over.
pub(super) fn assignments(text: &str) -> impl Iterator<Item = (String, String)> {
    text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])).filter_map(|line| {
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=')?;
        is_name(name).then(|| (name.to_owned(), unquote(value.trim())))
    })
}

fn unquote(value: &str) -> String {
    let inner = |mark: char| value.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
    inner('"').or_else(|| inner('\'')).unwrap_or(value).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_quotes_and_backslashes() {
        assert_eq!(split("  a 'b c'd \"e 'f'\" g\\ h\n\\\ni ''"), ["a", "b cd", "e 'f'", "g h", "\ni", ""]);
        assert_eq!(split("'open"), ["open"]);
        assert_eq!(split(""), [""; 0]);
    }

    #[test]
    fn variables_are_words_or_parts_of_words() {
        let variables = HashMap::from([("ARGS".to_owned(), "--a=1 '--b=2 3'".to_owned()), ("DIR".to_owned(), "/d e".to_owned())]);
        assert_eq!(
            split_with("k $ARGS --c=${DIR}/f${NONE} $NONE ${open", &variables),
            ["k", "--a=1", "--b=2 3", "--c=/d e/f", "${open"]
        );
    }

    #[test]
    fn environment_files() {
        let text = "# A=0\nA=1\nB=\"x y\"\nexport C='z'\nnot a line\n D = no\n";
        let pairs: Vec<_> = assignments(text).collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs, [pair("A", "1"), pair("B", "x y"), pair("C", "z")]);
    }
}
