//! The document of the API: OpenAPI 3.1, made from the handlers.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, ResponseBuilder};
use utoipa::{OpenApi as _, PartialSchema as _, ToSchema as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::{Problem, ProblemItem};
use crate::router::App;
use crate::{assets, jobs, launch, run};

/// What the scheme of tokens is called in the document.
const SCHEME: &str = "token";

/// What is told of the API as a whole.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Tidegate", description = "Assets, runs and jobs of a Tidegate project."),
    servers((url = "/api/v1")),
    tags((name = "assets"), (name = "jobs"), (name = "runs"))
)]
struct Told;

/// Every operation, with its place in the document.
pub(crate) fn api() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Told::openapi())
        .routes(routes!(assets::list))
        .routes(routes!(assets::get))
        .routes(routes!(assets::materializations))
        .routes(routes!(launch::asset))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::get))
        .routes(routes!(jobs::launch))
        .routes(routes!(run::list::list, launch::run))
        .routes(routes!(run::one::get))
        .routes(routes!(run::one::cancel))
        .routes(routes!(run::one::retry))
        .routes(routes!(run::events::get))
        .routes(routes!(run::logs::get))
}

/// The document that is served: `docs/openapi.json` is a copy, and a test compares.
pub fn document() -> OpenApi {
    finished(api().split_for_parts().1)
}

/// The document with what holds of every operation: it asks for a token, and what is no success is a problem.
pub(crate) fn finished(mut document: OpenApi) -> OpenApi {
    document.info.version = "1".to_owned();
    let components = document.components.get_or_insert_default();
    components
        .schemas
        .insert(Problem::name().into_owned(), Problem::schema());
    components
        .schemas
        .insert(ProblemItem::name().into_owned(), ProblemItem::schema());
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme(SCHEME, SecurityScheme::Http(bearer));
    document.security = Some(vec![utoipa::openapi::SecurityRequirement::new(
        SCHEME,
        Vec::<String>::new(),
    )]);
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(Problem::name())))
        .build();
    let problem = ResponseBuilder::new()
        .description("why it was not met")
        .content("application/problem+json", content)
        .build();
    for path in document.paths.paths.values_mut() {
        for operation in [&mut path.get, &mut path.post].into_iter().flatten() {
            operation
                .responses
                .responses
                .insert("default".into(), problem.clone().into());
        }
    }
    document
}
