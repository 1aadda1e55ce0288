//! What a server's error means for whoever called, by its SQLSTATE
//! (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The connection is lost, or the server starts, stops or has no room for one more: it may pass.
    Connection,
    /// Somebody else held a lock, or the statement was called off: it may pass.
    Busy,
    /// The server is short of memory.
    Memory,
    /// The disk is full.
    Disk,
    /// The server or the session may only read.
    ReadOnly,
    /// The login is wrong.
    Login,
    /// The user may not do that.
    Grant,
    /// There is no such database.
    Database,
    /// There is no such table, schema or column.
    Table,
    /// There is such a thing already.
    There,
    /// A key comes twice.
    Key,
    /// Another rule of the table is broken.
    Rule,
    /// A value does not fit the column.
    Value,
    /// The same statement meets the same error.
    Final,
}

impl Class {
    /// The class of an SQLSTATE.
    pub(super) fn of(code: &str) -> Self {
        match code {
            // too_many_connections; class 08 is connection exceptions, 57P operator interventions: admin_shutdown,
            // crash_shutdown, cannot_connect_now.
            "53300" => Self::Connection,
            _ if code.starts_with("08") || code.starts_with("57P") => Self::Connection,
            // query_canceled, lock_not_available, serialization_failure, deadlock_detected, idle_in_transaction_session_timeout,
            // object_in_use.
            "57014" | "55P03" | "40001" | "40P01" | "25P03" | "55006" => Self::Busy,
            // out_of_memory; disk_full, configuration_limit_exceeded.
            "53200" => Self::Memory,
            "53100" | "53400" => Self::Disk,
            // read_only_sql_transaction.
            "25006" => Self::ReadOnly,
            // invalid_authorization_specification, invalid_password.
            _ if code.starts_with("28") => Self::Login,
            // insufficient_privilege.
            "42501" => Self::Grant,
            // invalid_catalog_name.
            "3D000" => Self::Database,
            // undefined_table, invalid_schema_name, undefined_column.
            "42P01" | "3F000" | "42703" => Self::Table,
            // duplicate_table, duplicate_object, duplicate_column; two sessions that make one table meet in the catalog.
            "42P07" | "42710" | "42701" => Self::There,
            // unique_violation.
            "23505" => Self::Key,
            // Class 23 is integrity constraint violations.
            _ if code.starts_with("23") => Self::Rule,
            // Class 22 is data exceptions.
            _ if code.starts_with("22") => Self::Value,
            _ => Self::Final,
        }
    }

    /// Whether the same work may do better later.
    pub(super) fn passes(self) -> bool {
        matches!(self, Self::Connection | Self::Busy | Self::Memory)
    }
}
