//! Tests that look at the store from within.

mod plans;
