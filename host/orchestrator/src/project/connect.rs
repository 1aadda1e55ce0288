//! An asset's source and destination, as its connectors take them.

use std::sync::Arc;

use serde_json::Value;
use tidegate_core::plan::{AssetName, DestinationSpec, SliceRule, SourceSpec};
use tidegate_core::port::Connector;
use tidegate_core::schema::{
    Asset, DestinationDecl, Load, Node, NodeKind, Placed, ReferenceError, ReferenceKind, SecretName,
    SourceDecl, Span, fill,
};
use tidegate_core::{Error, Kind, Place};

use super::Project;
use super::source_columns::source_columns;
use crate::error::OrchestratorError;

impl Project {
    /// The connector of that name.
    pub(crate) fn connector(&self, kind: &str) -> Result<&Arc<dyn Connector>, Error> {
        self.connectors
            .get(kind)
            .ok_or_else(|| OrchestratorError::UnknownConnector(kind.to_owned()).into())
    }

    /// A resource's connector and config, with variables filled in and secrets not.
    pub(crate) fn resource_config(
        &self,
        name: &AssetName,
    ) -> Result<(&Arc<dyn Connector>, Value), Vec<Error>> {
        let Some(resource) = self.resource(name) else {
            // `load_project` has refused unknown names with their place.
            return Err(vec![Error::new(
                Kind::Schema,
                "schema.unknown_resource",
                format!("there is no resource `{name}`"),
            )]);
        };
        let kind = &resource.value.connector;
        let Some(connector) = self.connectors.get(kind.as_str()) else {
            let known: Vec<&str> = self.connectors.keys().copied().collect();
            return Err(vec![
                resource
                    .document
                    .error(
                        "schema.unknown_connector",
                        "/type",
                        format!("no connector is called `{kind}`"),
                    )
                    .hint(format!("the connectors are {}", known.join(", "))),
            ]);
        };
        let config = resource
            .document
            .root
            .get("config")
            .cloned()
            .unwrap_or_else(|| Node::empty_map(Span { line: 1, column: 1 }));
        let config = self
            .with_variables(&config, resource, "/config", connector.takes_secrets())
            .map_err(|error| vec![error])?;
        connector
            .check_resource(&config, &self.loaded.root)
            .map(|config| (connector, config))
            .map_err(|errors| resource.document.locate("/config", errors))
    }

    /// A node with `${env:…}` filled in, each text where it stands. Secrets are filled in when they are used; here they must
    /// be set, and the connector must keep them to itself.
    pub(crate) fn with_variables<T>(
        &self,
        node: &Node,
        placed: &Placed<T>,
        pointer: &str,
        secrets: bool,
    ) -> Result<Node, Error> {
        let kind = match &node.kind {
            NodeKind::String(text) => {
                let refuse = |message: String, hint: &str| {
                    let error = placed.document.error("schema.reference", pointer, message);
                    error.hint(hint)
                };
                let text = Value::String(text.clone());
                let here = |error: ReferenceError| {
                    let place = placed.document.place(pointer, false);
                    Error::from(error).at(place)
                };
                let (filled, _) = fill(&text, ReferenceKind::Env, &*self.lookup).map_err(here)?;
                // Services are asked when the secret is used: a check needs none of them.
                let set = |kind: ReferenceKind, name: &str| {
                    let remote = SecretName::parse(name).is_ok_and(SecretName::is_remote);
                    if remote {
                        Ok(Some(String::new()))
                    } else {
                        (self.lookup)(kind, name)
                    }
                };
                let (_, used) = fill(&filled, ReferenceKind::Secret, &set).map_err(here)?;
                if !secrets && !used.is_empty() {
                    return Err(refuse(
                        "a secret may not stand here: messages, logs and the state show it".into(),
                        "write it out, or take it from a variable with `${env:NAME}`",
                    ));
                }
                NodeKind::String(filled.as_str().unwrap_or_default().to_owned())
            }
            NodeKind::List(items) => NodeKind::List(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| {
                        self.with_variables(item, placed, &format!("{pointer}/{index}"), secrets)
                    })
                    .collect::<Result<_, _>>()?,
            ),
            NodeKind::Map(entries) => NodeKind::Map(
                entries
                    .iter()
                    .map(|(key, value)| {
                        let below = format!("{pointer}/{}", key.text().unwrap_or_default());
                        Ok((key.clone(), self.with_variables(value, placed, &below, secrets)?))
                    })
                    .collect::<Result<_, Error>>()?,
            ),
            other => other.clone(),
        };
        Ok(Node {
            span: node.span,
            kind,
        })
    }

    /// Where an asset goes.
    pub(crate) fn destination(&self, asset: &Placed<Asset>) -> Result<DestinationSpec, Vec<Error>> {
        let decl = &asset.value.destination;
        let (connector, resource) = self.resource_config(&decl.resource)?;
        connector
            .check_use(&resource, "destination")
            .map_err(|error| vec![placed(asset, "/destination/resource", error)])?;
        let (node, pointer) = self.destination_node(asset, connector.kind())?;
        let config = connector
            .check_destination(&node, &asset.value)
            .map_err(|errors| asset.document.locate(&pointer, errors))?;
        Ok(DestinationSpec {
            connector: connector.kind().into(),
            resource,
            config,
            load: decl.load,
        })
    }

    /// What a connector has to look at in an asset's destination, and where that stands: the section of its name, where
    /// an asset says what each of several targets needs to know; else the keys beside `resource`.
    fn destination_node(&self, asset: &Placed<Asset>, kind: &str) -> Result<(Node, String), Vec<Error>> {
        let node = config_node(asset, "/destination", DestinationDecl::KEYS);
        let sections: Vec<&str> = self
            .connectors
            .keys()
            .copied()
            .filter(|kind| node.get(kind).is_some())
            .collect();
        if sections.is_empty() {
            return Ok((node, "/destination".into()));
        }
        let stray = node.without(&sections);
        if let NodeKind::Map(entries) = &stray.kind
            && let Some((key, _)) = entries.first()
        {
            let key = key.text().unwrap_or_default();
            let error = asset.document.error(
                "schema.unknown_key",
                &format!("/destination/{key}"),
                format!("unknown key `{key}` beside `{}`", sections.join("`, `")),
            );
            return Err(vec![error.hint(format!(
                "write it in the section of its connector, such as `{kind}:`"
            ))]);
        }
        let section = node.get(kind).cloned();
        Ok((
            section.unwrap_or_else(|| Node::empty_map(node.span)),
            format!("/destination/{kind}"),
        ))
    }

    /// Where an asset comes from, and what is to be done about rows of other slices.
    pub(crate) fn source(&self, asset: &Placed<Asset>) -> Result<(SourceSpec, SliceRule), Vec<Error>> {
        let (mut spec, slice) = self.whole_source(asset)?;
        spec.cursor.clone_from(&asset.value.source.cursor);
        if spec.cursor.is_some() {
            let connector = self.connector(&spec.connector).map_err(|error| vec![error])?;
            if !connector.reads_since() {
                let message = format!("the connector `{}` always reads everything", spec.connector);
                let error = asset.document.error("schema.cursor", "/source/cursor", message);
                return Err(vec![error.hint("leave it out, or read from a database")]);
            }
        }
        Ok((spec, slice))
    }

    /// The source, read whole.
    fn whole_source(&self, asset: &Placed<Asset>) -> Result<(SourceSpec, SliceRule), Vec<Error>> {
        let decl = &asset.value.source;
        if let Some(upstream) = &decl.asset {
            return self.upstream(asset, upstream);
        }
        if let Some(sql) = &decl.sql {
            return self.sql(asset, sql);
        }
        let Some(resource) = &decl.resource else {
            return Err(Vec::new());
        };
        let columns = source_columns(&asset.value);
        let (connector, resource_config) = self.resource_config(resource)?;
        connector
            .check_use(&resource_config, "source")
            .map_err(|error| vec![placed(asset, "/source/resource", error)])?;
        let node = config_node(asset, "/source", SourceDecl::KEYS);
        let config = connector
            .check_source(&node, &columns)
            .map_err(|errors| asset.document.locate("/source", errors))?;
        let replaces = matches!(
            asset.value.destination.load,
            Load::Replace | Load::ReplacePartition
        );
        if replaces && connector.brings_only_new(&config) {
            let message = format!(
                "the source brings only what is new, and `load: {}` would take all else away",
                asset.value.destination.load.text()
            );
            let error = asset.document.error("schema.only_new", "/destination", message);
            return Err(vec![error.hint("write `load: append` or `load: upsert`")]);
        }
        let by_path = decl
            .config
            .values()
            .any(|value| value.as_str().is_some_and(|text| text.contains("{partition}")));
        let slice = match &asset.value.partitions {
            None => SliceRule::Trusted,
            Some(_) if by_path => SliceRule::Reject,
            Some(_) => SliceRule::Filter,
        };
        Ok((
            SourceSpec {
                cursor: None,
                connector: connector.kind().into(),
                resource: resource_config,
                config,
                columns,
            },
            slice,
        ))
    }

    /// A query over assets, which runs where they lie.
    fn sql(&self, asset: &Placed<Asset>, sql: &str) -> Result<(SourceSpec, SliceRule), Vec<Error>> {
        let refuse = |message: String, hint: &str| {
            vec![
                asset
                    .document
                    .error("schema.sql", "/source/sql", message)
                    .hint(hint),
            ]
        };
        let mut above = Vec::new();
        for name in asset.value.source.assets() {
            if let Some(upstream) = self.loaded.assets.get(&name) {
                above.push((name, self.destination(upstream)?));
            }
        }
        let Some((first, rest)) = above.split_first() else {
            return Err(Vec::new());
        };
        if let Some((other, _)) = rest
            .iter()
            .find(|(_, spec)| (&spec.connector, &spec.resource) != (&first.1.connector, &first.1.resource))
        {
            return Err(refuse(
                format!("`{}` and `{other}` do not lie in one database", first.0),
                "load both into one resource, or read one of them with `asset`",
            ));
        }
        let connector = self.connector(&first.1.connector).map_err(|error| vec![error])?;
        let columns = source_columns(&asset.value);
        let Some(spec) = connector
            .sql_source(sql, &above, &columns)
            .map_err(|error| vec![placed(asset, "/source/sql", error)])?
        else {
            return Err(refuse(
                format!(
                    "`{}` lies in a resource of type {}, which runs no SQL",
                    first.0, first.1.connector
                ),
                "load it into a database, or read it with `asset`",
            ));
        };
        let slice = match asset.value.partitions {
            Some(_) => SliceRule::Filter,
            None => SliceRule::Trusted,
        };
        Ok((spec, slice))
    }

    fn upstream(
        &self,
        asset: &Placed<Asset>,
        upstream: &AssetName,
    ) -> Result<(SourceSpec, SliceRule), Vec<Error>> {
        let Some(above) = self.loaded.assets.get(upstream) else {
            return Err(Vec::new());
        };
        let destination = self.destination(above)?;
        let mut columns = above.value.columns.clone();
        if let Some(wanted) = &asset.value.source.columns {
            let mut errors = Vec::new();
            for (index, column) in wanted.iter().enumerate() {
                match columns.iter().find(|theirs| theirs.name == column.name) {
                    Some(theirs) if theirs.data_type == column.data_type => {}
                    Some(theirs) => errors.push(asset.document.error(
                        "schema.column_type",
                        &format!("/source/columns/{index}/type"),
                        format!("`{upstream}` has `{}` as {}", column.name, theirs.data_type),
                    )),
                    None => errors.push(
                        asset
                            .document
                            .error(
                                "schema.unknown_column",
                                &format!("/source/columns/{index}/name"),
                                format!("`{upstream}` has no column `{}`", column.name),
                            )
                            .hint(names(
                                &columns
                                    .iter()
                                    .map(|column| column.name.as_str())
                                    .collect::<Vec<_>>(),
                            )),
                    ),
                }
            }
            if !errors.is_empty() {
                return Err(errors);
            }
            columns.retain(|theirs| wanted.iter().any(|column| column.name == theirs.name));
        }
        let connector = self
            .connector(&destination.connector)
            .map_err(|error| vec![error])?;
        let spec = connector
            .asset_source(upstream, &destination, &columns)
            .map_err(|error| vec![placed(asset, "/source/asset", error)])?;
        Ok((spec, self.asset_rule(asset, upstream)))
    }
}

fn names(names: &[&str]) -> String {
    format!("it has {}", names.join(", "))
}

/// What the connector has to look at: the node less the keys that every source or destination has.
fn config_node(asset: &Placed<Asset>, pointer: &str, keys: &[&str]) -> Node {
    let node = asset.document.root.find(pointer, false);
    node.map_or_else(|| Node::empty_map(Span::default()), |node| node.without(keys))
}

/// The same error at a place of the asset's document, unless it has one.
pub(crate) fn placed(asset: &Placed<Asset>, pointer: &str, mut error: Error) -> Error {
    match &error.place {
        None => error.place = Some(asset.document.place(pointer, false)),
        Some(Place::Pointer(below)) => {
            let at = format!("{pointer}{below}");
            error.place = Some(asset.document.place(&at, false));
        }
        Some(Place::File { .. }) => {}
    }
    error
}
