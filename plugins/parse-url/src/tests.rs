use super::*;

fn urls(values: Vec<Option<&str>>) -> RecordBatch {
    let column: ArrayRef = Arc::new(StringArray::from(values));
    RecordBatch::try_from_iter([("url", column)]).expect("a batch")
}

fn all_parts() -> serde_json::Value {
    serde_json::json!({
        "scheme": "s", "host": "h", "port": "p", "path": "pa", "query": "q", "fragment": "f",
        "parameters": [{"name": "utm_source", "output": "source"}, {"name": "q", "output": "term"}],
    })
}

fn row(url: &str) -> Vec<Option<String>> {
    let done = testing::run::<ParseUrl>(all_parts(), &urls(vec![Some(url)])).expect("parts");
    let text = |column: &ArrayRef| match column.as_string_opt::<i32>() {
        Some(texts) => texts.iter().next().flatten().map(str::to_owned),
        None => {
            let numbers = column.as_primitive::<Int32Type>();
            numbers.is_valid(0).then(|| numbers.value(0).to_string())
        }
    };
    done.columns().iter().map(text).collect()
}

fn texts(values: [Option<&str>; 8]) -> Vec<Option<String>> {
    values.iter().map(|value| value.map(str::to_owned)).collect()
}

#[test]
fn all_parts_are_found() {
    assert_eq!(
        row("HTTPS://ann:secret@Shop.Example.com:8443/a%20b/?q=two+words&utm_source=mail&q=2#top"),
        texts([
            Some("https"),
            Some("shop.example.com"),
            Some("8443"),
            Some("/a%20b/"),
            Some("q=two+words&utm_source=mail&q=2"),
            Some("top"),
            Some("mail"),
            Some("two words"),
        ])
    );
}

#[test]
fn parts_that_are_not_there_are_missing() {
    assert_eq!(
        row("http://bücher.example"),
        texts([
            Some("http"),
            Some("xn--bcher-kva.example"),
            Some("80"),
            Some("/"),
            None,
            None,
            None,
            None
        ])
    );
    assert_eq!(
        row("mailto:ann@example.com"),
        texts([
            Some("mailto"),
            None,
            None,
            Some("ann@example.com"),
            None,
            None,
            None,
            None
        ])
    );
}

#[test]
fn a_parameter_of_one_row_is_not_the_next_ones() {
    let input = urls(vec![
        Some("http://x/?q=1"),
        Some("http://x/"),
        None,
        Some("http://x/?q="),
    ]);
    let config = serde_json::json!({"parameters": [{"name": "q", "output": "q"}]});
    let done = testing::run::<ParseUrl>(config, &input).expect("parts");
    let found: Vec<_> = done.column(0).as_string::<i32>().iter().collect();
    assert_eq!(found, [Some("1"), None, None, Some("")]);
}

#[test]
fn what_is_no_url_is_refused_or_missing() {
    let input = urls(vec![
        Some("example.com/a"),
        None,
        Some("http://"),
        Some("ftp://example.com/"),
        Some("https://a/"),
    ]);
    let mut config = serde_json::json!({"host": "host", "schemes": ["http", "https"]});
    let (done, rejects) = testing::run_with_rejects::<ParseUrl>(config.clone(), &input).expect("hosts");
    assert_eq!(done.num_rows(), 2);
    let rows: Vec<_> = rejects
        .iter()
        .map(|reject| (reject.row, reject.code.as_str()))
        .collect();
    assert_eq!(rows, [(0, "url.bad"), (2, "url.bad"), (3, "url.scheme")]);
    assert!(rejects.iter().all(|reject| !reject.message.contains("example")));
    config["on_bad"] = "null".into();
    let done = testing::run::<ParseUrl>(config, &input).expect("hosts");
    let hosts: Vec<_> = done.column(0).as_string::<i32>().iter().collect();
    assert_eq!(hosts, [None, None, None, None, Some("a")]);
}

#[test]
fn wrong_configs_are_refused_at_their_place() {
    let fault = |config| {
        testing::run::<ParseUrl>(config, &urls(vec![]))
            .expect_err("a fault")
            .to_string()
    };
    assert_eq!(
        fault(serde_json::json!({})),
        "invalid config: name a column for at least one part"
    );
    assert_eq!(
        fault(serde_json::json!({"host": "a", "path": "a"})),
        "invalid config at /path: `a` is written twice"
    );
    let twice =
        serde_json::json!({"parameters": [{"name": "q", "output": "a"}, {"name": "q", "output": "b"}]});
    assert_eq!(
        fault(twice),
        "invalid config at /parameters/1/name: the parameter `q` is named twice"
    );
    let scheme = fault(serde_json::json!({"host": "a", "schemes": ["http", "HTTPS:"]}));
    assert!(scheme.starts_with("invalid config at /schemes/1: "));
}
