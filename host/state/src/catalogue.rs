//! The tables of the store as they are exported, each behind those that it refers to.

/// What a column holds, as both databases give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    /// A UUID.
    Id,
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// Yes or no.
    Boolean,
    /// Yes, or no where nothing is told: an export of before the column was there does not know it.
    Flag,
    /// An instant.
    Instant,
    /// A document.
    Json,
}

/// A table.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [(&'static str, Type)],
    /// What the rows are ordered by, so that one state is exported as one text.
    pub(crate) order: &'static str,
    /// Postgres's sequence of the column `sequence`, where there is one; in SQLite it is the table's own.
    pub(crate) sequence: Option<&'static str>,
}

use Type::{Boolean, Flag, Id, Instant, Integer, Json, Text};

/// Every table but `workers`, which is of processes that run, and `leader`, of which the epoch is kept. A table or column
/// that a migration adds is added here: a test compares.
pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "runs",
        columns: &[
            ("id", Id),
            ("state", Text),
            ("request", Json),
            ("created_at", Instant),
            ("updated_at", Instant),
            ("error", Json),
            ("worker", Text),
            ("priority", Integer),
            ("job", Text),
            ("tags", Json),
            ("run_key", Text),
            ("started_at", Instant),
            ("finished_at", Instant),
            ("recoveries", Integer),
            ("attended", Flag),
        ],
        order: "id",
        sequence: None,
    },
    Table {
        name: "backfills",
        columns: &[
            ("id", Id),
            ("state", Text),
            ("request", Json),
            ("runs", Integer),
            ("concurrency", Integer),
            ("created_at", Instant),
            ("updated_at", Instant),
        ],
        order: "id",
        sequence: None,
    },
    Table {
        name: "run_partitions",
        columns: &[
            ("run", Id),
            ("asset", Text),
            ("partition_key", Text),
            ("position", Integer),
            ("state", Text),
            ("result", Json),
        ],
        order: "run, asset, partition_key",
        sequence: None,
    },
    Table {
        name: "run_tags",
        columns: &[("run", Id), ("key", Text), ("value", Text)],
        order: "run, key, value",
        sequence: None,
    },
    Table {
        name: "run_keys",
        columns: &[("run_key", Text), ("run", Id), ("at", Instant)],
        order: "run_key",
        sequence: None,
    },
    Table {
        name: "fences",
        columns: &[("asset", Text), ("partition_key", Text), ("epoch", Integer)],
        order: "asset, partition_key",
        sequence: None,
    },
    Table {
        name: "dynamic_keys",
        columns: &[("name", Text), ("partition_key", Text), ("added_at", Instant)],
        order: "name, partition_key",
        sequence: None,
    },
    Table {
        name: "partition_cuts",
        columns: &[("asset", Text), ("cut", Text)],
        order: "asset",
        sequence: None,
    },
    Table {
        name: "partition_ranges",
        columns: &[
            ("asset", Text),
            ("cut", Text),
            ("first_key", Text),
            ("last_key", Text),
            ("state", Text),
        ],
        order: "asset, cut, first_key",
        sequence: None,
    },
    Table {
        name: "attempts",
        columns: &[
            ("run", Id),
            ("asset", Text),
            ("partition_key", Text),
            ("attempt", Integer),
            ("epoch", Integer),
            ("worker", Text),
            ("state", Text),
            ("started_at", Instant),
            ("lease_until", Instant),
            ("finished_at", Instant),
            ("error", Json),
            ("cut", Text),
            ("previous_key", Text),
            ("next_key", Text),
        ],
        order: "run, asset, partition_key, attempt",
        sequence: None,
    },
    Table {
        name: "slots",
        columns: &[
            ("pool", Text),
            ("run", Id),
            ("asset", Text),
            ("partition_key", Text),
            ("attempt", Integer),
        ],
        order: "pool, run, asset, partition_key, attempt",
        sequence: None,
    },
    Table {
        name: "checkpoints",
        columns: &[
            ("run", Id),
            ("asset", Text),
            ("partition_key", Text),
            ("epoch", Integer),
            ("at", Instant),
            ("body", Text),
        ],
        order: "run, asset, partition_key",
        sequence: None,
    },
    Table {
        name: "materializations",
        columns: &[
            ("sequence", Integer),
            ("run", Id),
            ("asset", Text),
            ("partition_key", Text),
            ("epoch", Integer),
            ("at", Instant),
            ("load", Json),
            ("counts", Json),
            ("plugins", Json),
            ("duration_ms", Integer),
            ("watermark", Json),
            ("code_version", Text),
            ("inputs", Json),
            ("metadata", Json),
            ("external", Boolean),
        ],
        order: "sequence",
        sequence: Some("materializations_sequence_seq"),
    },
    Table {
        name: "newest_materializations",
        columns: &[("asset", Text), ("partition_key", Text), ("epoch", Integer)],
        order: "asset, partition_key",
        sequence: None,
    },
    Table {
        name: "quarantine",
        columns: &[
            ("sequence", Integer),
            ("artifact", Text),
            ("run", Id),
            ("asset", Text),
            ("partition_key", Text),
            ("step", Text),
            ("digest", Text),
            ("row_count", Integer),
            ("codes", Json),
        ],
        order: "sequence",
        sequence: Some("quarantine_sequence_seq"),
    },
    Table {
        name: "events",
        columns: &[
            ("sequence", Integer),
            ("run", Id),
            ("asset", Text),
            ("partition_key", Text),
            ("attempt", Integer),
            ("kind", Text),
            ("data", Json),
            ("at", Instant),
        ],
        order: "sequence",
        sequence: Some("event_sequence"),
    },
    Table {
        name: "instigators",
        columns: &[
            ("kind", Text),
            ("name", Text),
            ("enabled", Boolean),
            ("since", Instant),
            ("paused", Text),
            ("cursor", Text),
            ("last_tick_at", Instant),
            ("sequence", Integer),
            ("failures", Integer),
        ],
        order: "kind, name",
        sequence: None,
    },
    Table {
        name: "ticks",
        columns: &[
            ("kind", Text),
            ("name", Text),
            ("sequence", Integer),
            ("scheduled_at", Instant),
            ("at", Instant),
            ("outcome", Text),
            ("reason", Text),
            ("runs", Json),
            ("result", Json),
            ("error", Json),
            ("by_hand", Flag),
        ],
        order: "kind, name, sequence",
        sequence: None,
    },
    Table {
        name: "check_results",
        columns: &[
            ("sequence", Integer),
            ("run", Id),
            ("asset", Text),
            ("partition_key", Text),
            ("attempt", Integer),
            ("check_name", Text),
            ("passed", Boolean),
            ("severity", Text),
            ("blocking", Boolean),
            ("message", Text),
            ("measures", Json),
            ("shown", Boolean),
            ("at", Instant),
        ],
        order: "sequence",
        sequence: Some("check_results_sequence_seq"),
    },
    Table {
        name: "freshness",
        columns: &[
            ("asset", Text),
            ("status", Text),
            ("watched_since", Instant),
            ("changed_at", Instant),
        ],
        order: "asset",
        sequence: None,
    },
    Table {
        name: "freshness_changes",
        columns: &[
            ("sequence", Integer),
            ("asset", Text),
            ("status", Text),
            ("due_at", Instant),
            ("last_at", Instant),
            ("at", Instant),
        ],
        order: "sequence",
        sequence: Some("freshness_changes_sequence_seq"),
    },
];
