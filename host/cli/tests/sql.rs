//! SQL between source and destination, and by itself, from the command line.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod support;

use support::Project;

const ORDERS: &str = "source: {resource: raw, path: orders.csv, columns: [{name: id, type: int64}, {name: carrier, type: utf8}, \
                      {name: amount, type: \"decimal(9,2)\"}]}";

/// Assets `carriers` and `orders`, which joins it.
fn shop(transforms: &str, columns: &str) -> Project {
    let project = Project::new();
    project.write("in/carriers.csv", "code,name\nAA,American\nUA,United\n");
    project.write(
        "in/orders.csv",
        "id,carrier,amount\n1,AA,10.50\n2,UA,1.25\n3,AA,2.00\n4,ZZ,9.99\n",
    );
    project.asset(
        "carriers",
        "source: {resource: raw, path: carriers.csv}
columns: [{name: code, type: utf8, key: true}, {name: name, type: utf8}]
destination: {resource: lake, load: replace}",
    );
    project.asset(
        "orders",
        &format!("{ORDERS}\ncolumns: {columns}\ntransforms:\n{transforms}\ndestination: {{resource: lake, load: replace}}"),
    );
    project
}

const JOIN: &str = "  - sql: |
      SELECT c.name AS airline, sum(amount) AS total, count(*) AS orders
      FROM input LEFT JOIN {carriers} c ON c.code = carrier
      GROUP BY c.name ORDER BY total DESC";
const JOINED: &str =
    "[{name: airline, type: utf8}, {name: total, type: \"decimal(19,2)\"}, {name: orders, type: int64}]";

#[test]
fn a_stream_is_joined_with_an_asset() {
    let project = shop(JOIN, JOINED);
    let plan = project.tidegate(&["plan", "orders"]).succeeded().stdout;
    assert!(plan.contains("reads    carriers"), "{plan}");
    assert!(plan.contains("carriers.name"), "{plan}");
    assert!(plan.contains("total") && plan.contains("amount"), "{plan}");
    // What it joins is made first.
    project.tidegate(&["run", "--all"]).succeeded();
    assert_eq!(
        project.lines("orders"),
        ["American,12.50,2", "~,9.99,1", "United,1.25,1"]
    );
    let shown = project.json(&["runs", "show", "latest"]);
    let text = shown.to_string();
    assert!(
        text.contains("\"absorbed\":4") && text.contains("\"made\":3"),
        "{text}"
    );
    // With what it joins gone, the run says whose fault it is.
    std::fs::remove_dir_all(project.path(".tidegate/data/carriers")).unwrap();
    let refused = project.tidegate(&["run", "orders"]);
    assert!(refused.stderr.contains("carriers"), "{}", refused.stderr);
}

#[test]
fn sql_stands_between_plugins_and_before_the_contract() {
    let project = shop(
        "  - sql: SELECT *, amount * 2 AS double FROM input
  - sql: SELECT * EXCEPT (amount) FROM input WHERE id < 4",
        "[{name: id, type: int64, key: true}, {name: carrier, type: utf8}, {name: double, type: \"decimal(30,2)\"}]",
    );
    project.tidegate(&["run", "--all"]).succeeded();
    assert_eq!(project.lines("orders"), ["1,AA,21.00", "2,UA,2.50", "3,AA,4.00"]);
}

#[test]
fn what_is_wrong_with_a_statement_is_found_before_anything_runs() {
    for (transforms, columns, code) in [
        ("  - sql: SELECT nothing FROM input", JOINED, "sql.statement"),
        ("  - sql: DROP TABLE input", JOINED, "sql.not_a_select"),
        ("  - sql: SELECT * FROM {nobody}", JOINED, "schema.unknown_asset"),
        (
            "  - sql: SELECT * FROM input\n    reads: [id]",
            JOINED,
            "schema.transform",
        ),
        (
            "  - {sql: SELECT 1, plugin: x, reads: [id]}",
            JOINED,
            "schema.transform",
        ),
        ("  - {drops: [id]}", JOINED, "schema.transform"),
        ("  - {plugin: upper}", JOINED, "schema.transform"),
        ("  - sql: SELECT * FROM {orders}", JOINED, "schema.cycle"),
        (JOIN, "[{name: airline, type: int64}]", "schema.contract"),
    ] {
        let project = shop(transforms, columns);
        let refused = project.tidegate(&["check"]);
        assert!(refused.stderr.contains(code), "{transforms}: {}", refused.stderr);
        assert!(
            refused.stderr.contains("orders.yaml:"),
            "{transforms}: {}",
            refused.stderr
        );
    }
    let project = shop(JOIN, JOINED);
    project.asset(
        "orders",
        &format!("source: {{resource: raw, path: orders.csv}}\ncolumns: {JOINED}\ntransforms:\n{JOIN}\ndestination: {{resource: lake}}"),
    );
    project.tidegate(&["check"]).failed(3, "schema.transform");
}

#[test]
fn a_value_that_cannot_be_computed_fails_the_run_and_shows_nothing() {
    let project = shop(
        "  - sql: SELECT CAST(carrier AS BIGINT) AS n FROM input",
        "[{name: n, type: int64}]",
    );
    project.tidegate(&["run", "--all"]).failed(4, "sql.value");
    assert_eq!(project.last_state(), "failed");
    assert!(!project.is_loaded("orders"));
}

#[test]
fn assets_are_asked_where_they_lie() {
    let project = shop(JOIN, JOINED);
    project.tidegate(&["run", "--all"]).succeeded();
    let ask = |arguments: &[&str]| {
        let mut all = vec!["query"];
        all.extend(arguments);
        project.tidegate(&all).succeeded().stdout
    };
    let table = ask(&["SELECT airline, total FROM orders WHERE airline IS NOT NULL ORDER BY total"]);
    assert_eq!(
        table.lines().map(str::trim_end).collect::<Vec<_>>(),
        ["airline   total", "United     1.25", "American  12.50"]
    );
    let both = "SELECT c.code, o.total FROM carriers c JOIN orders o ON o.airline = c.name ORDER BY c.code";
    assert_eq!(ask(&["--format", "csv", both]), "code,total\nAA,12.50\nUA,1.25\n");
    assert_eq!(
        ask(&[
            "--format",
            "json",
            "SELECT code FROM {carriers} ORDER BY code DESC LIMIT 1"
        ]),
        "{\"code\":\"UA\"}\n"
    );
    assert_eq!(
        ask(&["--json", "SELECT count(*) AS n FROM carriers"]),
        "{\"n\":2}\n"
    );
    let output = project
        .command(&["query", "--format", "arrow", "SELECT code FROM carriers"])
        .output()
        .unwrap();
    let read = arrow_ipc::reader::StreamReader::try_new(output.stdout.as_slice(), None).unwrap();
    assert_eq!(read.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 2);
    assert_eq!(
        ask(&["--format", "csv", "SELECT code FROM carriers WHERE false"]),
        "code\n"
    );
    for (sql, exit, code) in [
        ("SELECT * FROM carrier", 2, "run.unknown_asset"),
        ("SELECT nothing FROM carriers", 3, "sql.statement"),
        ("DELETE FROM carriers", 3, "sql.not_a_select"),
        ("SELECT CAST(code AS INT) AS n FROM carriers", 4, "sql.value"),
    ] {
        project.tidegate(&["query", sql]).failed(exit, code);
    }
    let misused = project.tidegate(&["query", "--memory", "lots", "SELECT 1"]);
    assert!(
        misused.stderr.contains("`lots` is not a size"),
        "{}",
        misused.stderr
    );
}
