//! The stages that need no database, each by itself: tokens, decode, plan, write, codec.
//!
//! `cargo bench --features grpc-transport --bench pure`

mod observed;
mod rows;
mod shop;
mod tokens;

use divan::{Bencher, counter};
use fraiseql::auth::Caller;
use fraiseql::codec::{Columns, Trail, json};
use fraiseql::plan::shape::Shape;
use fraiseql::plan::{Limits, plan};
use fraiseql::sql::write;

use crate::rows::ROWS;
use crate::shop::{DOCUMENTS, Shop, document};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

/// A document that was never seen: parsed, bounded, validated, made into forms.
#[divan::bench(args = DOCUMENTS)]
fn decode_cold(bencher: Bencher, name: &str) {
    let document = document(name);
    let shop = Shop::new();
    let mut count = 0;
    bencher
        .with_inputs(|| {
            count += 1;
            format!("{document} # {count}")
        })
        .bench_local_values(|document| shop.intents(&document));
}

/// A document that is known: what is left is to make forms and to read arguments.
#[divan::bench(args = DOCUMENTS)]
fn decode_known(bencher: Bencher, name: &str) {
    let document = document(name);
    let shop = Shop::new();
    shop.intents(document);
    bencher.bench_local(|| shop.intents(document));
}

#[divan::bench(args = DOCUMENTS)]
fn plan_only(bencher: Bencher, name: &str) {
    let document = document(name);
    let shop = Shop::new();
    let intent = shop.intent(document);
    let caller = Caller::anonymous();
    bencher.bench_local(|| plan(&shop.schema, &caller, Limits::default(), &intent));
}

#[divan::bench(args = DOCUMENTS)]
fn write_only(bencher: Bencher, name: &str) {
    let document = document(name);
    let shop = Shop::new();
    bencher.with_inputs(|| shop.plan(document)).bench_local_values(write);
}

/// The statement of a form that was planned before, and its parameters.
#[divan::bench(args = DOCUMENTS)]
fn statement_known(bencher: Bencher, name: &str) {
    let document = document(name);
    let shop = Shop::new();
    let intent = shop.intent(document);
    let caller = Caller::anonymous();
    bencher.bench_local(|| {
        let statement = shop.engine.statement(&caller, &intent).ok()?;
        let fraiseql::intent::Intent::Read(read) = &intent else { panic!("the benches only read") };
        statement.parameters(&read.values).ok()
    });
}

/// Rows of twelve columns in PostgreSQL's binary form → JSON.
#[divan::bench]
fn codec_rows(bencher: Bencher) {
    let shop = Shop::new();
    let statement = write(shop.plan(document("wide")));
    let Shape::Many(object) = statement.shape() else { panic!("{:?}", statement.shape()) };
    let rows = rows::rows();
    let mut out = Vec::with_capacity(1 << 20);
    let mut write_all = || {
        out.clear();
        let mut trail = Trail::default();
        for row in &rows {
            let columns = Columns::from_values(row.iter().map(|value| value.as_deref()));
            json::object(object, &columns, &mut out, &mut trail).unwrap();
        }
        out.len()
    };
    let bytes = write_all();
    bencher.counter(counter::ItemsCount::new(ROWS)).counter(counter::BytesCount::new(bytes)).bench_local(write_all);
}
