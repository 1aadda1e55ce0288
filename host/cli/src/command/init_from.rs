//! `tidegate init --from URL`: a database's tables as assets.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use tidegate_core::port::Discovered;
use tidegate_core::schema::{Column, Document};
use tidegate_core::{Error, Errors, Kind};
use url::Url;

use super::init::{FILES, cleaned, project_name, write_new};
use crate::environment;
use crate::output::Output;

/// The resource that the assets go to, as `tidegate init` writes it.
const LAKE: &str = "schemas/resources/lake.yaml";
const PROJECT: &str = "schemas/project.yaml";

/// What a database is called in the schema, and how it is reached.
struct Database {
    name: String,
    /// The URL without a login.
    url: String,
    user: String,
    password: Option<String>,
    schema: String,
}

/// Files that are there are left as they are.
pub(crate) async fn run(
    folder: &Path,
    name: Option<&str>,
    from: &str,
    schema: &str,
    output: &Output,
) -> Result<ExitCode, Errors> {
    let project = project_name(folder, name)?;
    let database = Database::parse(from, schema)?;
    let tables = database.discover(folder).await?;
    if tables.is_empty() {
        return Err(Error::new(
            Kind::Usage,
            "init.nothing",
            format!(
                "`{}` has no table in the schema `{schema}` that `{}` may read",
                database.url, database.user
            ),
        )
        .hint("name another one with --schema, or grant SELECT to the user")
        .into());
    }
    let mut files: Vec<(String, String)> = FILES
        .iter()
        .filter(|(path, _)| [PROJECT, LAKE, ".gitignore"].contains(path))
        .map(|(path, text)| ((*path).to_owned(), text.replace("NAME", project.as_str())))
        .collect();
    files.push((
        format!("schemas/resources/{}.yaml", database.name),
        database.document(),
    ));
    let mut taken = BTreeSet::new();
    for table in &tables {
        let mut asset = cleaned(&table.name, "table");
        while !taken.insert(asset.clone()) {
            asset.push('_');
        }
        files.push((
            format!("schemas/assets/{asset}.yaml"),
            document(&asset, &database.name, table),
        ));
    }
    let (mut written, mut kept) = (Vec::new(), Vec::new());
    for (path, text) in &files {
        let new = write_new(folder, path, text)?;
        if new { &mut written } else { &mut kept }.push(path);
    }
    output.show(
        &json!({"project": project, "files": written, "kept": kept, "assets": taken}),
        || {
            say!("project `{project}`:");
            for path in &written {
                say!("  {path}");
            }
            for path in &kept {
                say!("  {path} was there already, and is left as it is");
            }
            say!("next: tidegate check && tidegate run --all");
        },
    );
    Ok(ExitCode::SUCCESS)
}

impl Database {
    fn parse(from: &str, schema: &str) -> Result<Self, Error> {
        let refuse = |reason: String| {
            Error::new(Kind::Usage, "init.url", reason).hint("write `postgres://USER@HOST:5432/DATABASE`")
        };
        let mut url = Url::parse(from).map_err(|error| refuse(format!("this is no URL: {error}")))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(refuse(format!("there is no discovery of `{}`", url.scheme())));
        }
        let plain = |text: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8_lossy()
                .into_owned()
        };
        let user = plain(url.username());
        if user.is_empty() {
            return Err(refuse("the URL does not say who logs in".into()));
        }
        let name = cleaned(url.path().trim_matches('/'), "database");
        let password = url
            .password()
            .map(plain)
            .or_else(|| environment::secret(&secret(&name)));
        // Both are possible in a URL that has a host, as this one does.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Self {
            user,
            url: url.to_string(),
            name,
            password,
            schema: schema.to_owned(),
        })
    }

    /// The resource's document.
    fn document(&self) -> String {
        let mut config = format!("{{url: {}, user: {}", quoted(&self.url), quoted(&self.user));
        if self.password.is_some() {
            let _ = write!(config, ", password: \"${{secret:{}}}\"", secret(&self.name));
        }
        if self.schema != "public" {
            let _ = write!(config, ", schema: {}", quoted(&self.schema));
        }
        format!(
            "apiVersion: tidegate/v1\nkind: Resource\nname: {}\ntype: postgres\nconfig: {config}}}\n",
            self.name
        )
    }

    async fn discover(&self, folder: &Path) -> Result<Vec<Discovered>, Errors> {
        let document = Document::parse(self.document(), "URL").map_err(Errors::from)?;
        let connectors = tidegate_connector::all();
        let postgres = connectors.iter().find(|connector| connector.kind() == "postgres");
        let (Some(config), Some(connector)) = (document.root.get("config"), postgres) else {
            return Err(Error::new(Kind::Internal, "init.url", "the connector is not there").into());
        };
        let mut resource = connector
            .check_resource(config, folder)
            .map_err(|errors| Errors(errors.into_iter().map(without_place).collect()))?;
        if let Some(password) = &self.password {
            resource["password"] = password.as_str().into();
        }
        Ok(connector.discover(&resource).await?)
    }
}

/// An error in what was typed, of which nobody has a file.
fn without_place(mut error: Error) -> Error {
    error.place = None;
    error.kind = Kind::Usage;
    error
}

/// The name of a database's password.
fn secret(name: &str) -> String {
    name.to_ascii_uppercase()
}

/// An asset's document.
fn document(asset: &str, resource: &str, table: &Discovered) -> String {
    let mut text = format!("apiVersion: tidegate/v1\nkind: Asset\nname: {asset}\n");
    // Writing into text does not fail.
    if let Some(description) = &table.description {
        let _ = writeln!(text, "description: {}", quoted(description));
    }
    let mut source = vec![format!("resource: {resource}")];
    if let serde_json::Value::Object(keys) = &table.source {
        source.extend(keys.iter().map(|(key, value)| format!("{key}: {value}")));
    }
    let _ = writeln!(text, "source: {{{}}}\ncolumns:", source.join(", "));
    for column in &table.columns {
        let _ = writeln!(text, "  - {{{}}}", parts(column).join(", "));
    }
    let _ = writeln!(text, "destination: {{resource: lake, load: replace}}");
    text
}

fn parts(column: &Column) -> Vec<String> {
    let mut parts = vec![
        format!("name: {}", quoted(&column.name)),
        format!("type: {}", quoted(&column.data_type.to_string())),
    ];
    if column.key {
        parts.push("key: true".into());
    } else if !column.nullable {
        parts.push("nullable: false".into());
    }
    if let Some(description) = &column.description {
        parts.push(format!("description: {}", quoted(description)));
    }
    parts
}

/// A text as YAML takes it within braces: bare where nothing in it means something, else as JSON writes it.
fn quoted(text: &str) -> String {
    let bare = text.starts_with(|letter: char| letter.is_ascii_lowercase())
        && text
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    // Words that YAML 1.1 takes for something else.
    let word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text);
    if bare && !word {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}
