//! What a database has, as assets would read it.

use tidegate_connector::postgres::PostgresConnector;
use tidegate_core::port::Connector;
use tidegate_core::schema::Column;

use crate::support::Warehouse;

#[tokio::test]
async fn what_is_discovered_can_be_read_as_it_stands() {
    let warehouse = Warehouse::new().await;
    warehouse
        .execute(
            "CREATE TYPE mood AS ENUM ('good', 'bad');
             CREATE TABLE orders (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, paid timestamptz, mood mood, tags text[], free numeric);
             COMMENT ON TABLE orders IS 'One row an order.';
             COMMENT ON COLUMN orders.total IS 'In euros.';
             CREATE VIEW large AS SELECT id, total FROM orders WHERE total > 100;
             CREATE TABLE events (at date NOT NULL, n integer) PARTITION BY RANGE (at);
             CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
             CREATE TABLE _tidegate_loads (token text);
             INSERT INTO orders VALUES (1, 12.5, '2024-01-01Z', 'good', '{a}', 1.23456789);",
        )
        .await;
    let found = PostgresConnector.discover(&warehouse.resource).await.unwrap();
    let names: Vec<&str> = found.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["events", "large", "orders"]);
    let orders = &found[2];
    assert_eq!(orders.description.as_deref(), Some("One row an order."));
    let told = |column: &Column| {
        format!(
            "{} {} {} {}",
            column.name, column.data_type, column.nullable, column.key
        )
    };
    assert_eq!(
        orders.columns.iter().map(told).collect::<Vec<_>>(),
        [
            "id int64 false true",
            "total decimal(12,2) false false",
            "paid timestamp(us, UTC) true false",
            "mood utf8 true false",
            "tags list(utf8) true false",
            "free utf8 true false"
        ]
    );
    assert_eq!(orders.columns[1].description.as_deref(), Some("In euros."));
    for table in &found {
        let columns = serde_json::to_string(&table.columns).unwrap();
        let read = warehouse
            .read_from(&table.source.to_string(), &columns)
            .await
            .unwrap();
        assert_eq!(read.lines.len(), usize::from(table.name == "orders"));
    }
}
