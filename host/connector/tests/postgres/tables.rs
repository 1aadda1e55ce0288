//! Tables as the schema has them: made, compared, mended, refused.

use tidegate_core::port::ChangeBy;

use crate::support::{Attempt, Warehouse, asset, orders, rows};

const PLAIN: &str = "destination: {resource: w, load: append}";

#[tokio::test]
async fn a_new_table_is_the_schemas() {
    let warehouse = Warehouse::new().await;
    let asset = orders("destination: {resource: w, load: upsert}");
    let changes = warehouse.changes(&asset).await.unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(
        changes[0].statement,
        "CREATE TABLE IF NOT EXISTS \"public\".\"orders\"\n(\n    \"id\" bigint NOT NULL,\n    \"name\" text,\n    \
         \"at\" timestamp with time zone NOT NULL,\n    \"amount\" bigint,\n    PRIMARY KEY (\"id\")\n);\n\
         COMMENT ON TABLE \"public\".\"orders\" IS 'One row an order, that''s all.';\n\
         COMMENT ON COLUMN \"public\".\"orders\".\"name\" IS 'Who ordered.'"
    );
    // Looking changes nothing; applying does, and again does nothing.
    assert_eq!(
        warehouse
            .rows("SELECT count(*)::text FROM pg_class WHERE relname = 'orders'")
            .await,
        ["0"]
    );
    assert_eq!(warehouse.apply(&asset).await.unwrap(), changes);
    assert_eq!(warehouse.apply(&asset).await.unwrap(), []);
    assert_eq!(
        warehouse.rows("SELECT obj_description('orders'::regclass)").await,
        ["One row an order, that's all."]
    );
}

#[tokio::test]
async fn what_loses_nothing_is_mended_where_the_schema_may_evolve() {
    let warehouse = Warehouse::new().await;
    warehouse
        .execute("CREATE TABLE orders (id integer NOT NULL, at timestamptz NOT NULL, amount integer NOT NULL, note text)")
        .await;
    let strict = orders(PLAIN);
    let error = Attempt::new(&warehouse, &strict, 1, "one")
        .load(&[rows(0..10, 3, 1)])
        .await
        .unwrap_err();
    assert_eq!(error.code, "postgres.table_differs");
    assert!(
        error
            .hint
            .as_ref()
            .unwrap()
            .contains("ALTER TABLE \"public\".\"orders\""),
        "{error:?}"
    );
    let changes = warehouse.changes(&strict).await.unwrap();
    let told: Vec<(&str, ChangeBy)> = changes
        .iter()
        .map(|change| (change.what.as_str(), change.by))
        .collect();
    assert_eq!(
        told,
        [
            (
                "column `id` is integer, and the schema says bigint",
                ChangeBy::Evolve
            ),
            ("column `name` is new", ChangeBy::Evolve),
            (
                "column `amount` is integer, and the schema says bigint",
                ChangeBy::Evolve
            ),
            ("column `amount` may be missing", ChangeBy::Evolve),
            ("its comment is another", ChangeBy::Run),
        ]
    );
    let evolving = orders(&format!("{PLAIN}\ncontract: evolve"));
    Attempt::new(&warehouse, &evolving, 2, "two")
        .load(&[rows(0..10, 3, 1)])
        .await
        .unwrap();
    assert_eq!(
        warehouse.rows("SELECT sum(amount)::text FROM orders").await,
        ["10"]
    );
    let left = warehouse.changes(&strict).await.unwrap();
    assert_eq!(
        left.iter().map(|change| change.what.as_str()).collect::<Vec<_>>(),
        ["the comment on column `name` is another"]
    );
}

#[tokio::test]
async fn what_could_lose_data_is_left_to_a_person() {
    let warehouse = Warehouse::new().await;
    warehouse
        .execute("CREATE TABLE orders (id bigint NOT NULL, name varchar(5), at text, amount bigint, due date NOT NULL)")
        .await;
    let asset = orders("destination: {resource: w, load: upsert}\ncontract: evolve");
    let hand: Vec<String> = warehouse
        .changes(&asset)
        .await
        .unwrap()
        .into_iter()
        .filter(|change| change.by == ChangeBy::Hand)
        .map(|change| change.what)
        .collect();
    assert_eq!(
        hand,
        [
            "column `at` is text, and the schema says timestamp with time zone",
            "column `due` may not be missing, and the schema has none",
            "nothing keeps rows of one key (\"id\") apart",
        ]
    );
    let error = Attempt::new(&warehouse, &asset, 1, "one")
        .load(&[rows(0..10, 3, 1)])
        .await
        .unwrap_err();
    assert_eq!(error.code, "postgres.table_differs");
    warehouse
        .execute("DROP TABLE orders; CREATE VIEW orders AS SELECT 1 AS id")
        .await;
    assert_eq!(warehouse.changes(&asset).await.unwrap()[0].by, ChangeBy::Hand);
}

#[tokio::test]
async fn what_people_have_added_stays() {
    let warehouse = Warehouse::new().await;
    let asset = orders("destination: {resource: w, load: replace}");
    Attempt::new(&warehouse, &asset, 1, "one")
        .load(&[rows(0..10, 3, 1)])
        .await
        .unwrap();
    warehouse
        .execute("CREATE INDEX by_name ON orders (name); ALTER TABLE orders ADD note text DEFAULT 'none'; CREATE VIEW seen AS SELECT id FROM orders")
        .await;
    assert_eq!(warehouse.changes(&asset).await.unwrap(), []);
    Attempt::new(&warehouse, &asset, 2, "two")
        .load(&[rows(0..20, 3, 1)])
        .await
        .unwrap();
    assert_eq!(warehouse.rows("SELECT count(*)::text FROM seen").await, ["20"]);
    assert_eq!(
        warehouse
            .rows("SELECT indexname::text FROM pg_indexes WHERE tablename = 'orders'")
            .await,
        ["by_name"]
    );
}

#[tokio::test]
async fn a_table_lies_where_it_is_told_to() {
    let warehouse = Warehouse::new().await;
    warehouse.execute("CREATE SCHEMA \"Mart\"").await;
    let asset = orders("destination: {resource: w, load: append, table: \"Mart.or\\\"ders\"}");
    let receipt = Attempt::new(&warehouse, &asset, 1, "one")
        .load(&[rows(0..10, 3, 1)])
        .await
        .unwrap();
    assert_eq!(receipt.location, "Mart.or\"ders");
    assert_eq!(
        warehouse
            .rows("SELECT count(*)::text FROM \"Mart\".\"or\"\"ders\"")
            .await,
        ["10"]
    );
    let elsewhere = warehouse.through(warehouse.port()).with("schema", "Mart");
    assert_eq!(elsewhere.changes(&orders(PLAIN)).await.unwrap().len(), 1);
    let missing = warehouse.through(warehouse.port()).with("schema", "nowhere");
    let error = Attempt::new(&missing, &orders(PLAIN), 1, "one")
        .open()
        .await
        .err()
        .unwrap();
    assert_eq!(error.code, "postgres.table");
}

#[tokio::test]
async fn what_cannot_be_a_table_is_refused_before_anything_runs() {
    let warehouse = Warehouse::new().await;
    let long = "x".repeat(64);
    for (text, code) in [
        (
            "name: a\nsource: {resource: n}\ncolumns: [{name: id, type: int64}]\ndestination: {resource: w, load: upsert}".to_owned(),
            "schema.no_key",
        ),
        (
            "name: a\nsource: {resource: n}\ncolumns: [{name: at, type: date32}]\npartitions: {daily: {column: at, start: 2024-01-01}}\n\
             destination: {resource: w, load: replace}"
                .to_owned(),
            "schema.invalid_value",
        ),
        (
            format!("name: a\nsource: {{resource: n}}\ncolumns: [{{name: {long}, type: int64}}]\ndestination: {{resource: w, load: append}}"),
            "schema.invalid_value",
        ),
    ] {
        let errors = warehouse.try_destination(&asset(&text)).unwrap_err();
        assert_eq!(errors[0].code, code, "{text}");
    }
}
