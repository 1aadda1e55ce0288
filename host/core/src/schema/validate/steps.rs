//! What the steps of a job say: what each does, what it needs, and what its expressions read.

use std::collections::{BTreeMap, BTreeSet};

use super::instigators::select;
use super::{grant_faults, unknown};
use crate::error::{Error, Place};
use crate::plan::{AssetName, Expression, ExpressionError, Path, Template, ValueKind};
use crate::schema::node::push_pointer;
use crate::schema::placeholder::placeholders;
use crate::schema::step::StepDecl;
use crate::schema::{Document, Job, LoadedProject, MAX_ATTEMPTS, Node, NodeKind, Placed, has_reference};

/// The most values that a step may be done for.
pub const MAX_ITEMS: u32 = 10_000;

/// The most steps of a job.
const MAX_STEPS: usize = 500;

/// What is looked at together.
struct Looking<'a> {
    document: &'a Document,
    job: &'a Job,
    /// What must have ended before each step, directly or not.
    before: BTreeMap<&'a AssetName, BTreeSet<&'a AssetName>>,
    loaded: &'a LoadedProject,
}

/// Everything wrong with a job's steps.
pub(super) fn steps(placed: &Placed<Job>, loaded: &LoadedProject, errors: &mut Vec<Error>) {
    let Placed { value: job, document } = placed;
    if job.select.is_some() != job.steps.is_empty() {
        errors.push(
            document
                .error("schema.job", "", "a job says what to do, and once")
                .hint("write one of `select: ASSET` and `steps: [...]`"),
        );
    }
    if job.steps.is_empty() {
        return;
    }
    if job.steps.len() > MAX_STEPS {
        let message = format!("{} steps; {MAX_STEPS} are allowed", job.steps.len());
        errors.push(document.error("schema.job", "/steps", message));
        return;
    }
    if job.full_refresh {
        errors.push(
            document
                .error(
                    "schema.job",
                    "/full_refresh",
                    "a job with steps reads nothing by itself",
                )
                .hint("leave `full_refresh` out"),
        );
    }
    let looking = Looking {
        document,
        job,
        before: needed_before(&job.steps),
        loaded,
    };
    looking.names(errors);
    for (index, step) in job.steps.iter().enumerate() {
        let at = format!("/steps/{index}");
        looking.needs(&at, step, errors);
        looking.work(&at, step, errors);
        looking.expressions(&at, step, errors);
        looking.numbers(&at, step, errors);
    }
}

/// What must have ended before each step, directly or not. Of steps in a circle each is before itself.
pub fn needed_before(steps: &[StepDecl]) -> BTreeMap<&AssetName, BTreeSet<&AssetName>> {
    let direct: BTreeMap<&AssetName, Vec<&AssetName>> = steps
        .iter()
        .map(|step| (&step.name, step.needs.iter().chain(&step.otherwise).collect()))
        .collect();
    direct
        .keys()
        .map(|name| {
            let mut found: BTreeSet<&AssetName> = BTreeSet::new();
            let mut left: Vec<&AssetName> = direct[name].clone();
            while let Some(next) = left.pop() {
                if found.insert(next) {
                    left.extend(direct.get(next).into_iter().flatten());
                }
            }
            (*name, found)
        })
        .collect()
}

impl Looking<'_> {
    fn error(&self, pointer: &str, message: impl Into<String>) -> Error {
        self.document.error("schema.step", pointer, message)
    }

    fn step(&self, name: &str) -> Option<&StepDecl> {
        self.job.steps.iter().find(|step| step.name.as_str() == name)
    }

    fn names(&self, errors: &mut Vec<Error>) {
        let mut seen = BTreeSet::new();
        for (index, step) in self.job.steps.iter().enumerate() {
            let pointer = format!("/steps/{index}/name");
            let name = &step.name;
            if !seen.insert(name) {
                errors.push(self.error(&pointer, format!("the step `{name}` is declared twice")));
            }
            // Both are found by their names in a run.
            if self.loaded.assets.contains_key(name) {
                let message = format!("the step `{name}` is called as an asset is");
                errors.push(self.error(&pointer, message).hint("give the step another name"));
            }
        }
        let circle = self.job.steps.iter().position(|step| {
            let before = self.before.get(&step.name);
            before.is_some_and(|before| before.contains(&step.name))
        });
        if let Some(index) = circle {
            let name = &self.job.steps[index].name;
            let message = format!("the step `{name}` needs itself, directly or through others");
            errors.push(self.error(&format!("/steps/{index}/needs"), message));
        }
    }

    fn needs(&self, at: &str, step: &StepDecl, errors: &mut Vec<Error>) {
        let known: Vec<&AssetName> = self.job.steps.iter().map(|step| &step.name).collect();
        for (index, name) in step.needs.iter().enumerate() {
            if !known.contains(&name) {
                errors.push(unknown(
                    self.document,
                    "step",
                    &format!("{at}/needs/{index}"),
                    name,
                    &known,
                ));
            }
        }
        if let Some(name) = &step.otherwise {
            let pointer = format!("{at}/else");
            match self.step(name.as_str()) {
                None => errors.push(unknown(self.document, "step", &pointer, name, &known)),
                Some(other) if other.condition.is_none() => {
                    let message = format!("the step `{name}` has no `if`, so nothing is its `else`");
                    errors.push(self.error(&pointer, message));
                }
                Some(_) => {}
            }
        }
    }

    /// What it does, and once.
    fn work(&self, at: &str, step: &StepDecl, errors: &mut Vec<Error>) {
        let kinds = [
            step.exec.is_some(),
            step.http.is_some(),
            step.sql.is_some(),
            step.materialize.is_some(),
        ];
        if kinds.iter().filter(|told| **told).count() != 1 {
            errors.push(
                self.error(at, format!("the step `{}` says what to do, and once", step.name))
                    .hint("write one of `exec`, `http`, `sql` and `materialize`"),
            );
        }
        if let Some(exec) = &step.exec {
            if exec.command.first().is_none_or(String::is_empty) {
                errors.push(self.error(&format!("{at}/exec/command"), "there is no program to run"));
            }
            for name in exec.env.keys() {
                let own = name.starts_with("DAGSTER_PIPES_") || name.starts_with("TIDEGATE_");
                let valid = !name.is_empty() && !name.contains(['=', '\0']);
                if own || !valid {
                    let why = if own {
                        "is the host's own"
                    } else {
                        "cannot be a variable"
                    };
                    let mut pointer = format!("{at}/exec/env");
                    push_pointer(&mut pointer, name);
                    errors.push(self.error(&pointer, format!("`{name}` {why}")));
                }
            }
        }
        if let Some(http) = &step.http {
            for fault in grant_faults(&http.grant()) {
                // The grant has a list of methods, the step one.
                let below = if fault.pointer.starts_with("/methods") {
                    "/method"
                } else {
                    &fault.pointer
                };
                let mut error = self.document.error(
                    "schema.invalid_value",
                    &format!("{at}/http{below}"),
                    fault.message,
                );
                error.hint = fault.hint;
                errors.push(error);
            }
            if http.path.is_some() && !http.url.ends_with('/') {
                let message = "a `url` that has a `path` behind it ends with `/`";
                errors.push(self.error(&format!("{at}/http/url"), message));
            }
            if let Some(status) = http.expect.iter().find(|status| !(100..600).contains(*status)) {
                let message = format!("`{status}` is not a status of HTTP");
                errors.push(self.error(&format!("{at}/http/expect"), message));
            }
        }
        if let Some(sql) = &step.sql {
            let assets: Vec<&AssetName> = self.loaded.assets.keys().collect();
            for name in placeholders(&sql.query) {
                if !self.loaded.assets.contains_key(&name) {
                    let pointer = format!("{at}/sql/query");
                    errors.push(unknown(self.document, "asset", &pointer, &name, &assets));
                }
            }
        }
        if let Some(materialize) = &step.materialize {
            let under = format!("{at}/materialize/select");
            select(self.document, &under, &materialize.select, self.loaded, errors);
        }
    }

    fn expressions(&self, at: &str, step: &StepDecl, errors: &mut Vec<Error>) {
        let before = |path: &Path| self.kind_of(step, path, false);
        for (key, text, wanted) in [
            ("if", &step.condition, ValueKind::Bool),
            ("for_each", &step.for_each, ValueKind::List),
        ] {
            let Some(text) = text else { continue };
            let pointer = format!("{at}/{key}");
            let kind = Expression::parse(text).and_then(|expression| expression.kind(&before));
            match kind {
                Ok(kind) if kind == wanted || kind == ValueKind::Any => {}
                Ok(kind) => {
                    let message = format!("this is {}, and {} is needed", kind.text(), wanted.text());
                    errors.push(self.wrong(&pointer, text, &ExpressionError { at: 0, message }));
                }
                Err(error) => errors.push(self.wrong(&pointer, text, &error)),
            }
        }
        for kind in ["exec", "http", "sql", "materialize"] {
            let pointer = format!("{at}/{kind}");
            if let Some(node) = self.document.root.find(&pointer, false) {
                self.templates(step, &pointer, node, errors);
            }
        }
    }

    /// Every text below a node.
    fn templates(&self, step: &StepDecl, pointer: &str, node: &Node, errors: &mut Vec<Error>) {
        match &node.kind {
            NodeKind::String(text) if text.contains("{{") => {
                if has_reference(text) {
                    let message = "a reference and a value of a step cannot stand in one text";
                    errors.push(
                        self.error(pointer, message)
                            .hint("put each into a text of its own"),
                    );
                }
                if pointer.ends_with("/http/url") {
                    let message = "the URL holds no values of steps, since it says what may be asked";
                    errors.push(
                        self.error(pointer, message)
                            .hint("put them into `path` or `query`"),
                    );
                }
                let raw = ["/exec/cwd", "/exec/assets", "/http/basic"];
                if raw.iter().any(|key| pointer.contains(key)) {
                    errors.push(
                        self.error(pointer, "no values of steps can stand here").hint(
                            "they can in `command`, `env`, `path`, `headers`, `query`, `body` and `sql`",
                        ),
                    );
                }
                let known = |path: &Path| self.kind_of(step, path, true);
                let checked = Template::parse(text).and_then(|template| {
                    template.expressions().try_for_each(|(expression, start)| {
                        expression
                            .kind(&known)
                            .map(|_| ())
                            .map_err(|error| ExpressionError {
                                at: error.at + start,
                                ..error
                            })
                    })
                });
                if let Err(error) = checked {
                    errors.push(self.wrong(pointer, text, &error));
                }
            }
            NodeKind::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.templates(step, &format!("{pointer}/{index}"), item, errors);
                }
            }
            NodeKind::Map(entries) => {
                for (key, value) in entries {
                    let mut below = pointer.to_owned();
                    push_pointer(&mut below, key.text().unwrap_or_default());
                    self.templates(step, &below, value, errors);
                }
            }
            _ => {}
        }
    }

    /// What kind of value a path of a step's expression leads to. `inside`, where it is asked for each value of a
    /// `for_each`.
    fn kind_of(&self, step: &StepDecl, path: &Path, inside: bool) -> Result<ValueKind, String> {
        let many = step.for_each.is_some();
        match path.root.as_str() {
            "item" | "index" if !(many && inside) => Err(format!(
                "`{}` is known only in what a step with `for_each` does",
                path.root
            )),
            "item" => Ok(ValueKind::Any),
            "index" => Ok(ValueKind::Number),
            "run" => match path.key(0) {
                Some("id" | "job") => Ok(ValueKind::Text),
                Some("partition") => Ok(ValueKind::Any),
                _ => Err("of `run` there are `id`, `job` and `partition`".into()),
            },
            _ => self.kind_of_result(step, path),
        }
    }

    fn kind_of_result(&self, step: &StepDecl, path: &Path) -> Result<ValueKind, String> {
        let Some(name) = path.key(0) else {
            return Err("the name of a step is missing: `steps.NAME.result`".into());
        };
        let Some(other) = self.step(name) else {
            return Err(format!("there is no step `{name}`"));
        };
        let before = self.before.get(&step.name);
        if !before.is_some_and(|before| before.contains(&other.name)) {
            return Err(format!(
                "`{name}` need not have ended before; write it under `needs`"
            ));
        }
        let many = other.for_each.is_some();
        let known = |keys: &[(&str, ValueKind)]| match path.key(2) {
            None => Ok(ValueKind::Map),
            Some(key) => match keys.iter().find(|(known, _)| *known == key) {
                Some((_, kind)) if path.parts.len() == 3 => Ok(*kind),
                Some(_) => Ok(ValueKind::Any),
                None => {
                    let keys: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
                    Err(format!(
                        "the result of `{name}` has {}, no `{key}`",
                        keys.join(", ")
                    ))
                }
            },
        };
        match path.key(1) {
            Some("state") => Ok(ValueKind::Text),
            Some("results" | "items") if many && path.parts.len() == 2 => Ok(ValueKind::List),
            Some("results" | "items") if many => Ok(ValueKind::Any),
            Some("result") if many => Err(format!("`{name}` is done for many values; it has `results`")),
            Some("result") if other.http.is_some() => {
                known(&[("status", ValueKind::Number), ("body", ValueKind::Any)])
            }
            Some("result") if other.sql.is_some() => {
                known(&[("count", ValueKind::Number), ("rows", ValueKind::List)])
            }
            Some("result") if other.materialize.is_some() => {
                known(&[("assets", ValueKind::List), ("partitions", ValueKind::List)])
            }
            Some("result") => Ok(ValueKind::Any),
            _ if many => Err("of a step there are `state`, `results` and `items`".into()),
            _ => Err("of a step there are `state` and `result`".into()),
        }
    }

    fn numbers(&self, at: &str, step: &StepDecl, errors: &mut Vec<Error>) {
        let mut wrong = |key: &str, message: String| {
            let pointer = format!("{at}/{key}");
            errors.push(self.document.error("schema.invalid_value", &pointer, message));
        };
        if !(1..=MAX_ITEMS).contains(&step.max_items) {
            wrong(
                "max_items",
                format!("`{}` values; 1 to {MAX_ITEMS} are allowed", step.max_items),
            );
        }
        if step.timeout.is_some_and(|timeout| timeout.0 == 0) {
            wrong(
                "timeout",
                "an attempt that may take no time cannot end well".into(),
            );
        }
        if let Some(retry) = step.retry
            && !(1..=MAX_ATTEMPTS).contains(&retry.max_attempts)
        {
            let message = format!(
                "`{}` attempts; 1 to {MAX_ATTEMPTS} are allowed, the first one among them",
                retry.max_attempts
            );
            wrong("retry/max_attempts", message);
        }
        let pools = &self.loaded.project.value.concurrency.pools;
        let known: Vec<&AssetName> = pools.keys().collect();
        for (index, pool) in step.pools.iter().enumerate() {
            if !pools.contains_key(pool) {
                let pointer = format!("{at}/pools/{index}");
                errors.push(unknown(self.document, "pool", &pointer, pool, &known));
            }
        }
    }

    /// An expression that is wrong, placed where it is in the line where that can be told.
    fn wrong(&self, pointer: &str, text: &str, error: &ExpressionError) -> Error {
        let mut place = self.document.place(pointer, false);
        if let Place::File {
            column,
            excerpt: Some(excerpt),
            ..
        } = &mut place
        {
            let start = usize::try_from(column.saturating_sub(1)).unwrap_or(0);
            let rest: String = excerpt.text.chars().skip(start).collect();
            let quote = usize::from(rest.starts_with(['"', '\'']));
            if rest.get(quote..).is_some_and(|rest| rest.starts_with(text)) {
                *column += (quote + error.at) as u64;
                excerpt.width = 1;
            }
        }
        Error::new(
            crate::error::Kind::Schema,
            "schema.expression",
            error.message.clone(),
        )
        .at(place)
        .hint("docs/operations-jobs.md says what an expression may hold")
    }
}
