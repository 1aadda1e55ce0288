use std::collections::BTreeMap;

use super::{AssetFacts, Facts, Pattern, Selection};
use crate::error::Error;
use crate::plan::{AssetName, Graph};

fn name(text: &str) -> AssetName {
    text.parse().unwrap()
}

/// raw_orders -> orders -> daily -> report, raw_people -> people -> report.
fn graph() -> Graph {
    let edges: [(&str, &[&str]); 6] = [
        ("raw_orders", &[]),
        ("raw_people", &[]),
        ("orders", &["raw_orders"]),
        ("people", &["raw_people"]),
        ("daily", &["orders"]),
        ("report", &["daily", "people"]),
    ];
    Graph::new(edges.map(|(to, from)| (name(to), from.iter().map(|from| name(from)).collect()))).unwrap()
}

fn facts() -> Facts {
    let with = |group: &str, owner: &str, tags: &[(&str, &str)], kinds: &[&str]| AssetFacts {
        group: Some(group.to_owned()),
        owners: vec![owner.to_owned()],
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
    };
    BTreeMap::from([
        (name("raw_orders"), with("raw", "team:ingest", &[], &["postgres"])),
        (
            name("raw_people"),
            with("raw", "ann@example.com", &[("pii", "yes")], &["file", "plugin"]),
        ),
        (
            name("orders"),
            with("sales", "team:sales data", &[("tier", "gold")], &["clickhouse"]),
        ),
        (
            name("people"),
            with(
                "sales",
                "team:ingest",
                &[("tier", "silver"), ("pii", "yes")],
                &["clickhouse"],
            ),
        ),
        (
            name("daily"),
            with(
                "sales",
                "team:ingest",
                &[("tier", "gold")],
                &["clickhouse", "sql"],
            ),
        ),
        (name("report"), AssetFacts::default()),
    ])
}

#[track_caller]
fn selects(text: &str, expected: &[&str]) {
    let selection = Selection::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let found = selection.evaluate(&graph(), &facts());
    let found: Vec<String> = found
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found, expected, "{text}");
}

#[track_caller]
fn refused(text: &str) -> String {
    let error = match Selection::parse(text) {
        Err(error) => error,
        Ok(selection) => selection.evaluate(&graph(), &facts()).unwrap_err(),
    };
    Error::from(error).render()
}

const ALL: &[&str] = &["daily", "orders", "people", "raw_orders", "raw_people", "report"];

#[test]
fn names_and_levels_along_the_graph() {
    selects("orders", &["orders"]);
    selects("+report", ALL);
    selects("1+report", &["daily", "people", "report"]);
    selects("2+report", &["daily", "orders", "people", "raw_people", "report"]);
    selects("orders+", &["daily", "orders", "report"]);
    selects("raw_orders+2", &["daily", "orders", "raw_orders"]);
    selects("1+orders+1", &["daily", "orders", "raw_orders"]);
    selects("0+orders", &["orders"]);
    selects("raw_*+1", &["orders", "people", "raw_orders", "raw_people"]);
    selects("(orders or people)+", &["daily", "orders", "people", "report"]);
    selects("all", ALL);
    selects("*", ALL);
}

#[test]
fn filters_by_what_the_schema_says() {
    selects("group:raw", &["raw_orders", "raw_people"]);
    selects("tag:tier=gold", &["daily", "orders"]);
    selects("tag:tier", &["daily", "orders", "people"]);
    selects("tag:\"tier\"=\"g*\"", &["daily", "orders"]);
    selects("owner:team:ingest", &["daily", "people", "raw_orders"]);
    selects("owner:ann@example.com", &["raw_people"]);
    selects("owner:\"team:sales data\"", &["orders"]);
    selects("kind:clickhouse and kind:sql", &["daily"]);
    selects("kind:plugin", &["raw_people"]);
    selects("*people", &["people", "raw_people"]);
    selects("no_such_*", &[]);
}

#[test]
fn not_binds_more_than_and_and_and_more_than_or() {
    selects("orders or people and daily", &["orders"]);
    selects("not group:sales and not group:raw", &["report"]);
    selects("not (group:sales or group:raw)", &["report"]);
    selects("NOT all OR orders", &["orders"]);
    selects("orders, people", &["orders", "people"]);
    selects("not not orders", &["orders"]);
    selects("not +daily", &["people", "raw_people", "report"]);
}

#[test]
fn dagsters_forms_mean_the_same() {
    selects("key:\"orders\"", &["orders"]);
    selects("+key:\"orders\"", &["orders", "raw_orders"]);
    selects("key:\"raw_orders\"+2", &["daily", "orders", "raw_orders"]);
    selects("roots(+report)", &["raw_orders", "raw_people"]);
    selects("roots(group:\"sales\")", &["orders", "people"]);
    selects("sinks(group:sales)", &["daily", "people"]);
    selects(
        "key:\"raw_orders\"+ and +key:\"daily\"",
        &["daily", "orders", "raw_orders"],
    );
    selects("roots(group:sales)+1", &["daily", "orders", "people", "report"]);
}

#[test]
fn what_is_wrong_is_shown_in_its_place_with_a_way_out() {
    assert_eq!(
        refused("+ordrs and group:sales"),
        "error[run.unknown_asset]: there is no asset `ordrs`\n  --> selection:1:2\n   |\n 1 | +ordrs and group:sales\n   |  ^^^^^\n  help: did you mean `orders`?"
    );
    assert!(refused("group:sale").contains("error[selection.unknown]: no asset has the group `sale`"));
    assert!(refused("tag:tier=golden").contains("did you mean `gold`?"));
    assert!(refused("tag:teir").contains("did you mean `tier`?"));
    assert!(refused("not tag:pi").contains("did you mean `pii`?"));
    assert!(refused("kind:mysql").contains("there are clickhouse, file, plugin, postgres, sql"));
    assert!(refused("grup:sales").contains("did you mean `group:`?"));
    assert!(refused("column:x").contains("assets are selected by `key:`"));
}

#[test]
fn what_cannot_be_read_says_where_it_stops() {
    for (text, column, message) in [
        ("", 1, "a selection was expected here"),
        ("orders people", 8, "nothing more was expected here"),
        ("orders and", 11, "a selection was expected here"),
        ("or orders", 1, "`or` joins selections"),
        ("(orders", 1, "a bracket is not closed"),
        ("orders)", 7, "nothing more was expected here"),
        ("++orders", 2, "a second `+` stands here"),
        ("orders++", 8, "a second `+` stands here"),
        ("leaves(orders)", 1, "there is no function `leaves`"),
        ("group:", 1, "a value is missing"),
        ("key:\"orders", 5, "a quote is not closed"),
        ("orders & people", 8, "`&` cannot stand here"),
        ("tag:tier=", 1, "a value is missing"),
        ("ordérs €", 8, "`€` cannot stand here"),
    ] {
        let said = refused(text);
        assert!(said.starts_with("error[selection.syntax]"), "{text}: {said}");
        assert!(said.contains(message), "{text}: {said}");
        assert!(
            said.contains(&format!("--> selection:1:{column}\n")),
            "{text}: {said}"
        );
    }
    let deep = format!("{}orders{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(refused(&deep).contains("the brackets nest too deep"));
    let many = vec!["orders"; 100_000].join(" or ");
    selects(&many, &["orders"]);
    let negations = format!("{}orders", "not ".repeat(100_001));
    selects(
        &negations,
        &["daily", "people", "raw_orders", "raw_people", "report"],
    );
}

#[test]
fn an_asset_named_like_a_word_of_the_syntax_is_selected_by_key() {
    let graph = Graph::new([(name("all"), vec![]), (name("not"), vec![])]).unwrap();
    let facts: Facts = [
        (name("all"), AssetFacts::default()),
        (name("not"), AssetFacts::default()),
    ]
    .into();
    for (text, expected) in [("key:all", "all"), ("\"not\"", "not")] {
        let found = Selection::parse(text).unwrap().evaluate(&graph, &facts).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [name(expected)]);
    }
}

#[test]
fn a_star_stands_for_any_characters() {
    let fits = |pattern: &str, text: &str| Pattern(pattern.to_owned()).matches(text);
    assert!(fits("a*b*c", "axxbyyc") && fits("a*b*c", "abc") && fits("*", "") && fits("**", "x"));
    assert!(fits("*ab", "aab") && fits("a*a", "aa") && fits("*b*", "abc"));
    assert!(!fits("a*a", "a") && !fits("a*b*c", "acb") && !fits("a", "ab") && !fits("", "a"));
}

#[test]
fn a_graph_of_thousands_is_gone_through_once_a_step() {
    // A chain and what hangs on it: with a walk that came by an asset twice, or a scan of all edges a step, this would
    // take minutes.
    let chain = |at: usize| name(&format!("a{at}"));
    let edges = (0..20_000).map(|at| {
        let above = [1, 2, 3].into_iter().filter(|back| at >= *back);
        (chain(at), above.map(|back| chain(at - back)).collect::<Vec<_>>())
    });
    let graph = Graph::new(edges).unwrap();
    let facts: Facts = (0..20_000).map(|at| (chain(at), AssetFacts::default())).collect();
    let selection = Selection::parse("+a19999 and a0+ and not sinks(all)").unwrap();
    assert_eq!(selection.evaluate(&graph, &facts).unwrap().len(), 19_999);
}
