//! What happens in a run: a page at a time, or as it happens.
//!
//! The state store gives the events of a run numbers in the order in which they are committed, so that whoever asks for
//! what is behind a number misses none. A stream's `id` is that number: a client that was cut off sends it back as
//! `Last-Event-ID`, as the specification of server-sent events says, and goes on with none lost and none twice.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::sse::{Event as Sse, KeepAlive};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use futures::Stream;
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidegate_core::plan::RunId;
use tidegate_core::port::StoredEvent;
use utoipa::{IntoParams, ToSchema};

use super::named;
use crate::access::Viewer;
use crate::body::Asked;
use crate::problem::Problem;
use crate::router::App;

/// Events of a page, unless told, and at most.
const PAGE_EVENTS: u32 = 200;
const MAX_PAGE_EVENTS: u32 = 1_000;

/// How soon a stream looks again: soon while something happens, and less often while nothing does.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Proxies on the way end what is silent for longer.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// From where.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichEvents {
    /// Only those behind this `sequence`.
    after: Option<i64>,
    /// So many of a page at most: 200 unless told, and no more than 1,000.
    limit: Option<u32>,
}

/// Something that happened in a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventView {
    /// Its place among the events; grows.
    sequence: i64,
    /// The run.
    run: String,
    /// What, such as `run_state`, `attempt_started` or `materialized`.
    kind: &'static str,
    /// To which asset, or step.
    asset: Option<String>,
    /// To which partition.
    partition: Option<String>,
    /// In which attempt.
    attempt: Option<u32>,
    /// The particulars.
    #[schema(value_type = Object)]
    data: Value,
    /// When.
    at: DateTime<Utc>,
}

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventPage {
    /// The events, oldest first.
    events: Vec<EventView>,
    /// The `after` of the next page: also of the last, behind which more may come while the run goes on.
    next: i64,
}

impl From<StoredEvent> for EventView {
    fn from(stored: StoredEvent) -> Self {
        let event = stored.event;
        let partition = event
            .partition
            .filter(|key| key.step().is_none() && !key.is_whole());
        Self {
            sequence: stored.sequence,
            run: event.run.to_string(),
            kind: event.kind.text(),
            asset: event.asset.map(|asset| asset.to_string()),
            partition: partition.map(|key| key.0),
            attempt: event.attempt,
            data: event.data,
            at: event.at,
        }
    }
}

/// What happened in a run; with `Accept: text/event-stream` also what happens, until it has ended.
#[utoipa::path(get, path = "/runs/{id}/events", tag = "runs",
    params(("id" = String, Path), WhichEvents,
        ("Last-Event-ID" = Option<i64>, Header, description = "where a stream was cut off")),
    responses((status = 200, content((EventPage = "application/json"), (String = "text/event-stream")))))]
pub(crate) async fn get(
    State(app): State<App>,
    _: Viewer,
    Path(id): Path<String>,
    headers: HeaderMap,
    Asked(asked): Asked<WhichEvents>,
) -> Result<Response, Problem> {
    let run = named(&app, &id).await?.id;
    let wrong = |message: String| Problem::new(StatusCode::BAD_REQUEST, "api.events", message);
    if accepts_stream(&headers) {
        let last = headers.get("last-event-id").map(|value| {
            let number = value.to_str().ok().and_then(|text| text.parse().ok());
            number.ok_or_else(|| wrong("the Last-Event-ID is no event's".into()))
        });
        let after = last.transpose()?.or(asked.after).unwrap_or_default();
        let keep = KeepAlive::new().interval(KEEP_ALIVE);
        let stream = axum::response::Sse::new(follow(app, run, after)).keep_alive(keep);
        return Ok(stream.into_response());
    }
    let limit = asked.limit.unwrap_or(PAGE_EVENTS);
    if !(1..=MAX_PAGE_EVENTS).contains(&limit) {
        return Err(wrong(format!("`limit`: {limit} is not 1 to {MAX_PAGE_EVENTS}")));
    }
    let after = asked.after.unwrap_or_default();
    let events = app.orchestrator.state.events(run, after, limit).await?;
    let next = events.last().map_or(after, |event| event.sequence);
    let events = events.into_iter().map(EventView::from).collect();
    Ok(Json(EventPage { events, next }).into_response())
}

fn accepts_stream(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT).iter();
    accepted.any(|value| {
        value
            .to_str()
            .is_ok_and(|text| text.contains("text/event-stream"))
    })
}

/// The events of a run behind a number, as they come; ends behind the last of a run that has ended, with an event `end`, and
/// without one where the server stops or the state store fails: the client comes back then.
fn follow(app: App, run: RunId, mut after: i64) -> impl Stream<Item = Result<Sse, axum::Error>> {
    async_stream::stream! {
        let state = app.orchestrator.state.clone();
        let mut pause = FIRST_PAUSE;
        loop {
            // Looked at before the events are: what an ended run did is all there.
            let Ok(record) = state.run(run).await else { return };
            let ended = record.is_none_or(|run| run.state.ended());
            let Ok(events) = state.events(run, after, MAX_PAGE_EVENTS).await else { return };
            let whole = events.len() < MAX_PAGE_EVENTS as usize;
            if !events.is_empty() {
                pause = FIRST_PAUSE;
            }
            for event in events {
                after = event.sequence;
                let view = EventView::from(event);
                yield Sse::default().id(after.to_string()).event(view.kind).json_data(&view);
            }
            if !whole {
                continue;
            }
            if ended {
                yield Ok(Sse::default().event("end").data("{}"));
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = app.stopping.cancelled() => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
