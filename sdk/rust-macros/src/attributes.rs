//! What stands in `#[row(...)]`.

use syn::{Attribute, LitStr, Token, punctuated::Punctuated};

/// Of the struct: whether its columns are found by their place.
pub(crate) fn by_place(attributes: &[Attribute]) -> syn::Result<bool> {
    let mut by_place = false;
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("row"))
    {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("by_place") {
                return Err(meta.error("of a struct only `by_place` can be said"));
            }
            by_place = true;
            Ok(())
        })?;
    }
    Ok(by_place)
}

/// Of a field.
#[derive(Default)]
pub(crate) struct OfField {
    /// The column's name, where it is not the field's.
    pub(crate) name: Option<String>,
    /// The columns that it is made from; all where it is not said.
    pub(crate) from: Option<Vec<String>>,
}

impl OfField {
    pub(crate) fn parse(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut of = Self::default();
        for attribute in attributes
            .iter()
            .filter(|attribute| attribute.path().is_ident("row"))
        {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("name") {
                    of.name = Some(meta.value()?.parse::<LitStr>()?.value());
                } else if meta.path.is_ident("from") {
                    let names;
                    syn::parenthesized!(names in meta.input);
                    let names = Punctuated::<LitStr, Token![,]>::parse_terminated(&names)?;
                    of.from = Some(names.iter().map(LitStr::value).collect());
                } else {
                    return Err(meta.error("of a field `name = \"...\"` and `from(\"...\")` can be said"));
                }
                Ok(())
            })?;
        }
        Ok(of)
    }
}
