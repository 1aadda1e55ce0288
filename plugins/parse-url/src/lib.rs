//! Takes URLs apart: `reads: [url]`, `writes`: the columns that the config names.
//!
//! URLs are read as browsers read them (the WHATWG URL standard): white space at the ends goes, scheme and host become
//! small letters, a host beyond ASCII becomes Punycode. User and password are never written. There is no part for the
//! "registrable domain" of a host: what that is hangs on the Public Suffix List, which changes every week.

use tidegate_sdk::prelude::*;
use url::Url;

/// Which parts to write, and what to take.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The column to write the scheme to, such as `https`.
    scheme: Option<String>,
    /// The column to write the host to; missing in URLs without, such as `mailto:`.
    host: Option<String>,
    /// The column (int32) to write the port to; the scheme's own where the URL names none.
    port: Option<String>,
    /// The column to write the path to, percent-encoded as it is in the URL.
    path: Option<String>,
    /// The column to write the whole query to, without its `?`; missing where there is none.
    query: Option<String>,
    /// The column to write what follows `#` to; missing where there is none.
    fragment: Option<String>,
    /// Parameters of the query, and the columns to write them to.
    #[serde(default)]
    parameters: Vec<Parameter>,
    /// The schemes to take, such as `[http, https]`; all unless told.
    schemes: Option<Vec<String>>,
    /// What becomes of a row whose text is no URL, or one of another scheme.
    #[serde(default)]
    on_bad: OnBad,
}

/// A parameter of the query.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its name in the query, decoded.
    name: String,
    /// The column to write its value to, decoded: the first, where it is there several times.
    output: String,
}

/// What becomes of a row whose text cannot be taken apart.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBad {
    /// It is refused.
    #[default]
    Reject,
    /// All parts are missing in it.
    Null,
}

/// A part of a URL.
#[derive(Clone, Copy)]
enum Part {
    Scheme,
    Host,
    Port,
    Path,
    Query,
    Fragment,
    /// The parameter of this place in `ParseUrl::parameters`.
    Parameter(usize),
}

/// The bound transform.
pub struct ParseUrl {
    outputs: Vec<(Part, String)>,
    parameters: Vec<String>,
    schemes: Option<Vec<String>>,
    on_bad: OnBad,
}

impl Transform for ParseUrl {
    type Config = Config;

    fn bind(config: Config, input: &Input) -> Result<Self, Fault> {
        input.expect_columns(1, "the URL")?;
        input.expect(0, &DataType::Utf8)?;
        let mut outputs: Vec<(Part, String)> = Vec::new();
        let mut write = |pointer: String, part, name: Option<String>| match name {
            Some(name) if outputs.iter().any(|(_, other)| *other == name) => {
                Err(Fault::config(pointer, format!("`{name}` is written twice")))
            }
            Some(name) => {
                outputs.push((part, name));
                Ok(())
            }
            None => Ok(()),
        };
        write("/scheme".into(), Part::Scheme, config.scheme)?;
        write("/host".into(), Part::Host, config.host)?;
        write("/port".into(), Part::Port, config.port)?;
        write("/path".into(), Part::Path, config.path)?;
        write("/query".into(), Part::Query, config.query)?;
        write("/fragment".into(), Part::Fragment, config.fragment)?;
        let mut parameters = Vec::new();
        for (index, parameter) in config.parameters.into_iter().enumerate() {
            if parameters.contains(&parameter.name) {
                let message = format!("the parameter `{}` is named twice", parameter.name);
                return Err(Fault::config(format!("/parameters/{index}/name"), message));
            }
            let pointer = format!("/parameters/{index}/output");
            write(pointer, Part::Parameter(index), Some(parameter.output))?;
            parameters.push(parameter.name);
        }
        if outputs.is_empty() {
            return Err(Fault::config("", "name a column for at least one part"));
        }
        for (index, scheme) in config.schemes.iter().flatten().enumerate() {
            if scheme.is_empty() || !scheme.bytes().all(is_scheme_byte) {
                let message =
                    format!("`{scheme}` is not a scheme: small letters, as in `https`, without the `:`");
                return Err(Fault::config(format!("/schemes/{index}"), message));
            }
        }
        Ok(Self {
            outputs,
            parameters,
            schemes: config.schemes,
            on_bad: config.on_bad,
        })
    }

    fn shape(&self) -> Shape {
        Shape::beside(self.outputs.iter().map(|(part, name)| {
            let data_type = match part {
                Part::Port => DataType::Int32,
                _ => DataType::Utf8,
            };
            made(name, data_type).from([0])
        }))
    }

    fn process(&mut self, batch: &Batch) -> Result<Processed, Fault> {
        let texts = batch.string(0)?;
        let mut columns: Vec<Builder> = self
            .outputs
            .iter()
            .map(|(part, _)| Builder::new(*part, &texts))
            .collect();
        let mut found: Vec<Option<String>> = vec![None; self.parameters.len()];
        let mut refused = Vec::new();
        for row in 0..texts.len() {
            let url = match texts.is_valid(row).then(|| self.parse(texts.value(row))) {
                Some(Ok(url)) => Some(url),
                Some(Err(why)) => {
                    refused.push((row, why));
                    None
                }
                None => None,
            };
            if let Some(url) = &url {
                self.find_parameters(url, &mut found);
            }
            for column in &mut columns {
                column.append(url.as_ref(), &mut found);
            }
        }
        let mut done: Processed = Output::all(columns.into_iter().map(Builder::finish)).into();
        if self.on_bad == OnBad::Reject {
            for (row, (code, message)) in refused {
                done.reject(row, code, message);
            }
        }
        Ok(done)
    }
}

impl ParseUrl {
    fn parse(&self, text: &str) -> Result<Url, (&'static str, String)> {
        // The parser's message says what is wrong, such as "relative URL without a base", and never quotes the text.
        let url = Url::parse(text).map_err(|error| ("url.bad", format!("the text is no URL: {error}")))?;
        match &self.schemes {
            Some(schemes) if !schemes.iter().any(|scheme| scheme == url.scheme()) => {
                let message = format!("the URL's scheme is none of {}", schemes.join(", "));
                Err(("url.scheme", message))
            }
            _ => Ok(url),
        }
    }

    /// The first value of each parameter.
    fn find_parameters(&self, url: &Url, found: &mut [Option<String>]) {
        if self.parameters.is_empty() {
            return;
        }
        found.fill(None);
        for (name, value) in url.query_pairs() {
            if let Some(index) = self.parameters.iter().position(|wanted| *wanted == name) {
                found[index].get_or_insert_with(|| value.into_owned());
            }
        }
    }
}

/// A byte of a scheme in small letters (RFC 3986, 3.1).
fn is_scheme_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.')
}

/// A written column.
struct Builder {
    part: Part,
    values: Values,
}

enum Values {
    Text(builder::StringBuilder),
    Number(builder::Int32Builder),
}

impl Builder {
    fn new(part: Part, texts: &StringArray) -> Self {
        let rows = texts.len();
        // No part is longer than the URL, but for Punycode; most are a third.
        let values = match part {
            Part::Port => Values::Number(builder::Int32Builder::with_capacity(rows)),
            _ => Values::Text(builder::StringBuilder::with_capacity(
                rows,
                texts.value_data().len() / 3,
            )),
        };
        Self { part, values }
    }

    fn append(&mut self, url: Option<&Url>, found: &mut [Option<String>]) {
        match &mut self.values {
            Values::Number(numbers) => {
                numbers.append_option(url.and_then(Url::port_or_known_default).map(i32::from));
            }
            Values::Text(texts) => match (url, self.part) {
                (None, _) | (_, Part::Port) => texts.append_null(),
                (Some(url), Part::Scheme) => texts.append_value(url.scheme()),
                (Some(url), Part::Host) => texts.append_option(url.host_str()),
                (Some(url), Part::Path) => texts.append_value(url.path()),
                (Some(url), Part::Query) => texts.append_option(url.query()),
                (Some(url), Part::Fragment) => texts.append_option(url.fragment()),
                (Some(_), Part::Parameter(index)) => texts.append_option(found[index].take()),
            },
        }
    }

    fn finish(self) -> ArrayRef {
        match self.values {
            Values::Number(mut numbers) => Arc::new(numbers.finish()),
            Values::Text(mut texts) => Arc::new(texts.finish()),
        }
    }
}

tidegate_sdk::export_transform!(ParseUrl);

#[cfg(test)]
mod tests;
