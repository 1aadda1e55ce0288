//! The derive of `tidegate-sdk`.

mod attributes;
mod row;

/// Makes a struct with named fields a row: a column for each field, by its name. See `tidegate_sdk::row::Row`.
///
/// - `#[row(by_place)]` on the struct: columns are found by their place among the granted ones, not by name.
/// - `#[row(name = "type")]` on a field: the column's name.
/// - `#[row(from("a", "b"))]` on a field: the columns that a transform makes it from, for the lineage; all unless told.
#[proc_macro_derive(Row, attributes(row))]
pub fn derive_row(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    row::derive(&input)
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
