//! What plugins export, a role at a time. What they import is bound once, beside this.

use wasmtime::Store;
use wasmtime::component::InstancePre;

use crate::sandbox::Sandbox;

/// The exports of a role.
pub(crate) trait Role: Sized + Send {
    /// What manifests call it.
    const NAME: &'static str;
    /// The exports, looked up but not yet in a store.
    type Pre: Send + Sync;
    /// Looks the exports up; an error where one is missing or of another type.
    fn pre(pre: InstancePre<Sandbox>) -> wasmtime::Result<Self::Pre>;
    /// Instantiates the component.
    fn instantiate(
        pre: &Self::Pre,
        store: &mut Store<Sandbox>,
    ) -> impl Future<Output = wasmtime::Result<Self>> + Send;
}

/// The bindings of one role's world.
macro_rules! role {
    ($module:ident, $role:ident, $name:literal, $world:literal, $plugin:ident, $pre:ident) => {
        #[allow(missing_docs, unreachable_pub, dead_code, clippy::all, clippy::pedantic)]
        mod $module {
            wasmtime::component::bindgen!({
                path: "../../wit/since-v0.1",
                world: $world,
                with: {
                    "tidegate:plugin/types": crate::v0_1::types,
                    "tidegate:plugin/batches": crate::v0_1::bindings::tidegate::plugin::batches,
                    "tidegate:plugin/host": crate::v0_1::bindings::tidegate::plugin::host,
                },
                imports: { default: trappable },
                exports: { default: async },
            });
        }

        pub(crate) use $module::$plugin;
        pub(crate) use $module::exports::tidegate::plugin::$role;

        impl Role for $plugin {
            const NAME: &'static str = $name;
            type Pre = $module::$pre<Sandbox>;

            fn pre(pre: InstancePre<Sandbox>) -> wasmtime::Result<Self::Pre> {
                $module::$pre::new(pre)
            }

            async fn instantiate(pre: &Self::Pre, store: &mut Store<Sandbox>) -> wasmtime::Result<Self> {
                pre.instantiate_async(store).await
            }
        }
    };
}

role!(
    transform_world,
    transform,
    "transform",
    "transform-plugin",
    TransformPlugin,
    TransformPluginPre
);
role!(
    source_world,
    source,
    "source",
    "source-plugin",
    SourcePlugin,
    SourcePluginPre
);
role!(
    destination_world,
    destination,
    "destination",
    "destination-plugin",
    DestinationPlugin,
    DestinationPluginPre
);
role!(
    check_world,
    check,
    "check",
    "check-plugin",
    CheckPlugin,
    CheckPluginPre
);
role!(
    sensor_world,
    sensor,
    "sensor",
    "sensor-plugin",
    SensorPlugin,
    SensorPluginPre
);
