//! What a server's error means for whoever called: codes of `src/Common/ErrorCodes.cpp`, where each has its name.

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The server merges parts more slowly than they come: wait, and insert again.
    TooManyParts,
    /// The server is short of memory for now, or for this statement.
    Memory,
    /// Nothing else could run beside it, a lock was held, a replica or Keeper did not answer: it may pass.
    Busy,
    /// The disk is full.
    Disk,
    /// The server or the user may only read.
    ReadOnly,
    /// The login is wrong.
    Login,
    /// The user may not do that.
    Grant,
    /// There is no such database.
    Database,
    /// There is no such table.
    Table,
    /// There is such a table already.
    TableThere,
    /// A value does not fit the column.
    Value,
    /// The same statement meets the same error.
    Final,
}

impl Class {
    /// The class of a code.
    pub(super) fn of(code: u32) -> Self {
        match code {
            // TOO_MANY_PARTS: parts_to_throw_insert is reached
            // (https://clickhouse.com/docs/operations/settings/merge-tree-settings#parts_to_throw_insert).
            252 => Self::TooManyParts,
            // CANNOT_ALLOCATE_MEMORY, MEMORY_LIMIT_EXCEEDED.
            173 | 241 => Self::Memory,
            // TIMEOUT_EXCEEDED, TOO_MANY_SIMULTANEOUS_QUERIES, NO_FREE_CONNECTION, SOCKET_TIMEOUT, NETWORK_ERROR, ABORTED,
            // ALL_CONNECTION_TRIES_FAILED, TOO_FEW_LIVE_REPLICAS, UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE,
            // UNKNOWN_STATUS_OF_INSERT, QUERY_WAS_CANCELLED, DEADLOCK_AVOIDED, KEEPER_EXCEPTION.
            159 | 202 | 203 | 209 | 210 | 236 | 279 | 285 | 286 | 319 | 394 | 473 | 999 => Self::Busy,
            // NOT_ENOUGH_SPACE; CANNOT_WRITE_TO_FILE_DESCRIPTOR, which is ENOSPC in practice.
            243 | 75 => Self::Disk,
            // READONLY, TABLE_IS_READ_ONLY.
            164 | 242 => Self::ReadOnly,
            // UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED.
            192..=194 | 516 => Self::Login,
            // ACCESS_DENIED.
            497 => Self::Grant,
            // UNKNOWN_DATABASE.
            81 => Self::Database,
            // UNKNOWN_TABLE, TABLE_IS_DROPPED.
            60 | 218 => Self::Table,
            // TABLE_ALREADY_EXISTS.
            57 => Self::TableThere,
            // CANNOT_PARSE_TEXT, CANNOT_PARSE_DATE, CANNOT_PARSE_DATETIME, CANNOT_PARSE_NUMBER, TYPE_MISMATCH,
            // ARGUMENT_OUT_OF_BOUND, CANNOT_CONVERT_TYPE, VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE, CANNOT_PARSE_UUID,
            // DECIMAL_OVERFLOW, CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN, CANNOT_PARSE_IPV4, CANNOT_PARSE_IPV6,
            // UNKNOWN_ELEMENT_OF_ENUM; INCORRECT_DATA, such as a text that is no JSON.
            6 | 38 | 41 | 72 | 117 | 53 | 69 | 70 | 321 | 349 | 376 | 407 | 675 | 676 | 691 => Self::Value,
            _ => Self::Final,
        }
    }

    /// Whether the same statement may do better later.
    pub(super) fn passes(self) -> bool {
        matches!(self, Self::TooManyParts | Self::Memory | Self::Busy)
    }
}
