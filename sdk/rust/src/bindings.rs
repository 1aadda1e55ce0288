//! What `wit-bindgen` makes of the WIT package: what all roles import, once, and a world for each exported interface, so
//! that a component exports the roles that it has and no others. Each world's module has an `export!`, which takes a type
//! that implements the interface's `Guest`.
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

mod shared {
    wit_bindgen::generate!({
        path: "../../wit/since-v0.1",
        world: "imports",
        generate_unused_types: true,
    });
}

pub use shared::tidegate::plugin::{batches, host, types};

pub mod configuration {
    wit_bindgen::generate!({
        path: "../../wit/since-v0.1",
        inline: "package tidegate:sdk; world configuration { export tidegate:plugin/configuration@0.1.0; }",
        world: "tidegate:sdk/configuration",
        pub_export_macro: true,
        default_bindings_module: "tidegate_sdk::bindings::configuration",
    });
}

pub mod transform {
    wit_bindgen::generate!({
        path: "../../wit/since-v0.1",
        inline: "package tidegate:sdk; world transform { export tidegate:plugin/transform@0.1.0; }",
        world: "tidegate:sdk/transform",
        pub_export_macro: true,
        default_bindings_module: "tidegate_sdk::bindings::transform",
        with: {
            "tidegate:plugin/types@0.1.0": crate::bindings::types,
            "tidegate:plugin/batches@0.1.0": crate::bindings::batches,
        },
    });
}

pub mod source {
    wit_bindgen::generate!({
        path: "../../wit/since-v0.1",
        inline: "package tidegate:sdk; world source { export tidegate:plugin/source@0.1.0; }",
        world: "tidegate:sdk/source",
        pub_export_macro: true,
        default_bindings_module: "tidegate_sdk::bindings::source",
        with: {
            "tidegate:plugin/types@0.1.0": crate::bindings::types,
        },
    });
}

pub mod destination {
    wit_bindgen::generate!({
        path: "../../wit/since-v0.1",
        inline: "package tidegate:sdk; world destination { export tidegate:plugin/destination@0.1.0; }",
        world: "tidegate:sdk/destination",
        pub_export_macro: true,
        default_bindings_module: "tidegate_sdk::bindings::destination",
        with: {
            "tidegate:plugin/types@0.1.0": crate::bindings::types,
            "tidegate:plugin/batches@0.1.0": crate::bindings::batches,
        },
    });
}

pub mod check {
    wit_bindgen::generate!({
        path: "../../wit/since-v0.1",
        inline: "package tidegate:sdk; world check { export tidegate:plugin/check@0.1.0; }",
        world: "tidegate:sdk/check",
        pub_export_macro: true,
        default_bindings_module: "tidegate_sdk::bindings::check",
        with: {
            "tidegate:plugin/types@0.1.0": crate::bindings::types,
            "tidegate:plugin/batches@0.1.0": crate::bindings::batches,
        },
    });
}

pub mod sensor {
    wit_bindgen::generate!({
        path: "../../wit/since-v0.1",
        inline: "package tidegate:sdk; world sensor { export tidegate:plugin/sensor@0.1.0; }",
        world: "tidegate:sdk/sensor",
        pub_export_macro: true,
        default_bindings_module: "tidegate_sdk::bindings::sensor",
        with: {
            "tidegate:plugin/types@0.1.0": crate::bindings::types,
        },
    });
}
