//! Challenges: what `WWW-Authenticate` and `Proxy-Authenticate` ask for.

use super::header_list::HeaderList;
use super::header_name::is_token;
use super::isomorphic::isomorphic_decode;

/// One challenge: a scheme and what it says.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#section-11.3>
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthenticationChallenge {
    /// The scheme, in lower case.
    pub scheme: String,
    /// The one opaque word that some schemes have in place of parameters.
    pub token68: Option<String>,
    /// The parameters in order; names are in lower case.
    pub parameters: Vec<(String, String)>,
}

impl AuthenticationChallenge {
    /// The first parameter of that name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// What the credentials are for, or nothing.
    pub fn realm(&self) -> &str {
        self.parameter("realm").unwrap_or_default()
    }
}

/// The challenges of all headers of that name, in order. What cannot be parsed is left out, and what comes behind it in the same
/// header with it.
pub fn parse_challenges(headers: &HeaderList, name: &str) -> Vec<AuthenticationChallenge> {
    headers.values(name).flat_map(|value| Parser::new(&isomorphic_decode(value)).challenges()).collect()
}

struct Parser {
    rest: std::iter::Peekable<std::vec::IntoIter<char>>,
}

impl Parser {
    fn new(value: &str) -> Parser {
        Parser { rest: value.chars().collect::<Vec<_>>().into_iter().peekable() }
    }

    fn challenges(mut self) -> Vec<AuthenticationChallenge> {
        let mut challenges: Vec<AuthenticationChallenge> = Vec::new();
        loop {
            self.skip_separators();
            let word = self.word();
            if word.is_empty() {
                return challenges;
            }
            // A name with a value belongs to the challenge before it; without one a new challenge begins.
            let spaces = self.skip_spaces();
            if self.rest.peek() == Some(&'=')
                && let Some(challenge) = challenges.last_mut()
            {
                let Some(parameter) = self.parameter(word) else { return challenges };
                challenge.parameters.push(parameter);
                continue;
            }
            if !is_token(word.as_bytes()) {
                return challenges;
            }
            let mut challenge = AuthenticationChallenge {
                scheme: word.to_ascii_lowercase(),
                token68: None,
                parameters: Vec::new(),
            };
            if spaces > 0 && !matches!(self.rest.peek(), None | Some(',')) {
                let word = self.word();
                let rest = self.rest.clone();
                self.skip_spaces();
                // What follows a parameter's `=` is its value; what follows padding is the end.
                let is_parameter = self.rest.peek() == Some(&'=') && {
                    let mut behind = self.rest.clone().skip_while(|next| *next == '=');
                    !matches!(behind.find(|next| !matches!(next, ' ' | '\t')), None | Some(','))
                };
                if is_parameter {
                    match self.parameter(word) {
                        Some(parameter) => challenge.parameters.push(parameter),
                        None => {
                            challenges.push(challenge);
                            return challenges;
                        }
                    }
                } else {
                    self.rest = rest;
                    let mut word = word;
                    while let Some(padding) = self.rest.next_if(|next| *next == '=') {
                        word.push(padding);
                    }
                    challenge.token68 = Some(word);
                }
            }
            challenges.push(challenge);
        }
    }

    /// The value behind a name.
    fn parameter(&mut self, name: String) -> Option<(String, String)> {
        self.rest.next_if(|next| *next == '=')?;
        self.skip_spaces();
        let value =
            if self.rest.next_if(|next| *next == '"').is_some() { self.quoted_string() } else { self.word() };
        is_token(name.as_bytes()).then(|| (name.to_ascii_lowercase(), value))
    }

    /// What comes up to the closing quote, or up to the end.
    fn quoted_string(&mut self) -> String {
        let mut value = String::new();
        while let Some(next) = self.rest.next() {
            match next {
                '"' => break,
                '\\' => value.extend(self.rest.next()),
                next => value.push(next),
            }
        }
        value
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(next) = self.rest.next_if(|next| !matches!(next, ' ' | '\t' | ',' | '=' | '"')) {
            word.push(next);
        }
        word
    }

    fn skip_spaces(&mut self) -> usize {
        let mut count = 0;
        while self.rest.next_if(|next| matches!(next, ' ' | '\t')).is_some() {
            count += 1;
        }
        count
    }

    fn skip_separators(&mut self) {
        while self.rest.next_if(|next| matches!(next, ' ' | '\t' | ',')).is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(value: &str) -> Vec<AuthenticationChallenge> {
        parse_challenges(&[("WWW-Authenticate", value)].into_iter().collect(), "www-authenticate")
    }

    fn schemes(value: &str) -> Vec<String> {
        parse(value).into_iter().map(|challenge| challenge.scheme).collect()
    }

    #[test]
    fn several_challenges_are_told_apart() {
        let found =
            parse(r#"Newauth realm="apps", type=1, title="Login to \"apps\"", , Basic realm = "simple""#);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].scheme.as_str(), found[0].realm()), ("newauth", "apps"));
        assert_eq!(found[0].parameter("title"), Some(r#"Login to "apps""#));
        assert_eq!((found[1].scheme.as_str(), found[1].realm()), ("basic", "simple"));
        assert_eq!(schemes("Negotiate, NTLM, Basic realm=x"), ["negotiate", "ntlm", "basic"]);
        let token = parse("Negotiate YWJj==, Basic REALM=a, charset=\"UTF-8\"");
        assert_eq!(token[0].token68.as_deref(), Some("YWJj=="));
        assert_eq!((token[1].realm(), token[1].parameter("charset")), ("a", Some("UTF-8")));
        assert_eq!(parse("Basic")[0].realm(), "");
        assert_eq!(parse("Basic realm=\"a, b\"")[0].realm(), "a, b");
        assert_eq!(schemes(""), Vec::<String>::new());
        assert_eq!(schemes("=x, Basic"), Vec::<String>::new());
    }

    #[test]
    fn headers_are_parsed_one_by_one() {
        let headers: HeaderList =
            [("WWW-Authenticate", "\"broken"), ("WWW-Authenticate", "Basic realm=\"x")].into_iter().collect();
        let found = parse_challenges(&headers, "WWW-Authenticate");
        assert_eq!((found.len(), found[0].realm()), (1, "x"));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic_or_hang(value in "[a-c=,\" \\\\\t]{0,40}") {
            let found = parse(&value);
            prop_assert!(found.len() <= value.len());
        }
    }
}
