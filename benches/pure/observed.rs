//! Everything that is seen of one request, without the request: what instrumentation adds to each.

use std::sync::Arc;

use divan::Bencher;
use fraiseql::error::Stage;
use fraiseql::observe::{Beginning, Metrics, Observer, Transport};

/// A request that is answered, alone and beside another worker's.
#[divan::bench(threads = [1, 2])]
fn observed(bencher: Bencher) {
    let metrics = metrics();
    bencher.with_inputs(String::new).bench_values(|id| {
        let observer = begin(&metrics, id);
        drop(observer.time(Stage::Decode));
        observer.asks("users");
        observer.planned(true);
        drop(observer.time(Stage::Execute));
        let encode = observer.time(Stage::Encode);
        observer.read(100);
        drop(encode);
        observer.answered(200);
        observer.sent(1_000);
    });
}

fn begin(metrics: &Arc<Metrics>, id: String) -> Observer {
    let span = tracing::debug_span!("request");
    let method = http::Method::POST;
    Observer::begin(metrics, Beginning { transport: Transport::Graphql, method, id, span, traceparent: None })
}

fn metrics() -> Arc<Metrics> {
    let metrics = Arc::new(Metrics::default());
    let names: Vec<String> = (0..100).map(|i| format!("query{i}")).collect();
    metrics.serves(names.iter().map(String::as_str).chain(["users"]), ["User"].into_iter());
    metrics
}
