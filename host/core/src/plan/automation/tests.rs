//! Conditions, evaluated.
