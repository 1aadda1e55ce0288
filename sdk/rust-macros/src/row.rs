//! `#[derive(Row)]`.

use proc_macro2::{Group, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Fields, GenericParam, Ident, Index};

use crate::attributes::{self, OfField};

/// A field of the struct.
struct Member {
    ident: Ident,
    /// Its type, with `'static` for the struct's lifetime.
    value: TokenStream,
    index: Index,
    name: String,
    from: TokenStream,
}

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let by_place = attributes::by_place(&input.attrs)?;
    let borrows = borrows(input)?;
    let members = members(input)?;
    let row = &input.ident;
    let (held, given) = if borrows {
        (quote!(#row<'static>), quote!(#row<'row>))
    } else {
        (quote!(#row), quote!(#row))
    };
    let ident: Vec<_> = members.iter().map(|member| &member.ident).collect();
    let value: Vec<_> = members.iter().map(|member| &member.value).collect();
    let index: Vec<_> = members.iter().map(|member| &member.index).collect();
    let name: Vec<_> = members.iter().map(|member| &member.name).collect();
    let from = members.iter().map(|member| &member.from);
    let sdk = quote!(::tidegate_sdk::row);
    Ok(quote! {
        #[automatically_derived]
        impl #sdk::Row for #held {
            type Of<'row> = #given;
            type Columns = (#(<#value as #sdk::Value>::Array,)*);
            type Builders = (#(<#value as #sdk::Value>::Builder,)*);

            const BY_PLACE: bool = #by_place;

            fn members() -> ::std::vec::Vec<#sdk::Member> {
                ::std::vec![#(#sdk::Member::of::<#value>(#name, #from)),*]
            }

            fn columns(
                arrays: &mut dyn ::std::iter::Iterator<Item = ::tidegate_sdk::prelude::ArrayRef>,
            ) -> ::std::option::Option<Self::Columns> {
                ::std::option::Option::Some((#(<#value as #sdk::Value>::array(arrays.next()?)?,)*))
            }

            fn read<'row>(
                columns: &'row Self::Columns,
                row: usize,
            ) -> ::std::result::Result<#given, ::tidegate_sdk::output::Reject> {
                ::std::result::Result::Ok(#row {
                    #(#ident: match <#value as #sdk::Value>::read(&columns.#index, row) {
                        ::std::option::Option::Some(value) => value,
                        ::std::option::Option::None => return ::std::result::Result::Err(#sdk::missing(#name)),
                    },)*
                })
            }

            fn builders(rows: usize) -> Self::Builders {
                (#(<#value as #sdk::Value>::builder(rows),)*)
            }

            fn write<'row>(builders: &mut Self::Builders, row: #given) {
                #(<#value as #sdk::Value>::write(&mut builders.#index, row.#ident);)*
            }

            fn finish(builders: &mut Self::Builders) -> ::std::vec::Vec<::tidegate_sdk::prelude::ArrayRef> {
                ::std::vec![#(<#value as #sdk::Value>::finish(&mut builders.#index)),*]
            }
        }
    })
}

/// Whether the struct has a lifetime; one at most, and no types.
fn borrows(input: &DeriveInput) -> syn::Result<bool> {
    let mut lifetimes = 0;
    for parameter in &input.generics.params {
        match parameter {
            GenericParam::Lifetime(_) => lifetimes += 1,
            other => return Err(syn::Error::new(other.span(), "a row has no type parameters")),
        }
    }
    if lifetimes > 1 {
        let span = input.generics.span();
        return Err(syn::Error::new(
            span,
            "a row has one lifetime at most: that of the batch",
        ));
    }
    Ok(lifetimes == 1)
}

fn members(input: &DeriveInput) -> syn::Result<Vec<Member>> {
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new(input.ident.span(), "only a struct can be a row"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(syn::Error::new(
            input.ident.span(),
            "the fields of a row must have names: those of its columns",
        ));
    };
    let mut members: Vec<Member> = Vec::new();
    for (index, field) in fields.named.iter().enumerate() {
        let Some(ident) = field.ident.clone() else {
            continue;
        };
        let of = OfField::parse(&field.attrs)?;
        let name = of.name.unwrap_or_else(|| ident.unraw().to_string());
        if members.iter().any(|other| other.name == name) {
            return Err(syn::Error::new(
                ident.span(),
                format!("there are two columns `{name}`"),
            ));
        }
        members.push(Member {
            value: held(field.ty.to_token_stream()),
            index: Index::from(index),
            from: match of.from {
                Some(names) => quote!(::std::option::Option::Some(&[#(#names),*])),
                None => quote!(::std::option::Option::None),
            },
            ident,
            name,
        });
    }
    Ok(members)
}

/// A type with `'static` for every lifetime in it.
fn held(tokens: TokenStream) -> TokenStream {
    let mut after_tick = false;
    tokens
        .into_iter()
        .map(|token| {
            let was_after_tick = std::mem::take(&mut after_tick);
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '\'' => {
                    after_tick = true;
                    TokenTree::Punct(Punct::new('\'', Spacing::Joint))
                }
                TokenTree::Ident(ident) if was_after_tick => {
                    TokenTree::Ident(Ident::new("static", Span::call_site().located_at(ident.span())))
                }
                TokenTree::Group(group) => {
                    TokenTree::Group(Group::new(group.delimiter(), held(group.stream())))
                }
                other => other,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let input: DeriveInput = syn::parse_str(text).unwrap();
        derive(&input).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_row_is_refused_with_a_reason() {
        assert_eq!(refused("enum Kind { A }"), "only a struct can be a row");
        assert!(refused("struct Pair(i64, i64);").contains("must have names"));
        assert!(refused("struct Row<T> { value: T }").contains("no type parameters"));
        assert!(refused("struct Row<'a, 'b> { a: &'a str, b: &'b str }").contains("one lifetime"));
        assert!(refused("struct Row { a: i64, #[row(name = \"a\")] b: i64 }").contains("two columns `a`"));
        assert!(refused("struct Row { #[row(rename = \"a\")] b: i64 }").contains("`name ="));
        assert!(refused("#[row(name = \"a\")] struct Row { b: i64 }").contains("by_place"));
    }

    #[test]
    fn lifetimes_become_static() {
        let held = held("Option<&'a [u8]>".parse().unwrap());
        let expected: TokenStream = "Option<&'static [u8]>".parse().unwrap();
        assert_eq!(held.to_string(), expected.to_string());
    }
}
