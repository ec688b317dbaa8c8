//! The tables that a run ends with.

use std::fmt::{self, Display, Formatter};

use crate::cases::{Case, Goal};
use crate::rounds::{Compared, Cost, Plan};

/// What was measured so far.
#[derive(Default)]
pub struct Report {
    costs: Vec<[String; 9]>,
    targets: Vec<[String; 4]>,
}

/// One number that has a target of its own.
pub struct Figure {
    name: String,
    value: f64,
    bound: Bound,
    unit: &'static str,
}

enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// Told beside others.
    None,
}

const COST_HEADS: [&str; 9] =
    ["case", "who", "requests/s", "p50 ms", "p99 ms", "server CPU ms", "PostgreSQL CPU ms", "CPU ms", "peak MiB"];
const TARGET_HEADS: [&str; 4] = ["what is measured", "target", "measured", ""];

// === impl Report ===

impl Report {
    pub fn case(&mut self, case: &Case, compared: &Compared) {
        let [ours, other] = &compared.sides;
        let size = size(compared.body_bytes);
        let [name, other_name] = case.sides.each_ref().map(|side| side.who.name());
        let other_name = if name == "fraiseql" { other_name } else { "without" };
        self.costs.push(costs(format!("{}, {size}", case.name), name, &ours.cost));
        self.costs.push(costs(String::new(), other_name, &other.cost));
        if let Some(alone) = &compared.alone {
            self.costs.push(costs(String::new(), "PostgreSQL alone", alone));
        }
        self.costs.push(ratios(format!("{name} / {other_name}"), &ours.cost, &other.cost, compared.cpu_ratio));
        for goal in case.goals {
            let figure =
                |what: &str, value, bound, unit| Figure { name: format!("{}: {what}", case.name), value, bound, unit };
            self.figure(match *goal {
                Goal::Cpu(max) => figure("CPU of server and PostgreSQL", compared.cpu_ratio, Bound::AtMost(max), ""),
                Goal::ServerCpu(max) => figure("CPU of the server", compared.server_cpu_ratio, Bound::AtMost(max), ""),
                Goal::Speed(min) => figure("rows per second", compared.speed_ratio, Bound::AtLeast(min), ""),
                Goal::PeakMib(max) => {
                    figure("peak memory above idle", ours.cost.peak_mib - ours.idle_mib, Bound::AtMost(max), " MiB")
                }
            });
            if matches!(goal, Goal::PeakMib(_)) {
                let above = format!("{:.0} MiB", other.cost.peak_mib - other.idle_mib);
                self.targets.push(["  the same of the baseline".to_owned(), String::new(), above, String::new()]);
            }
        }
    }

    pub fn figure(&mut self, figure: Figure) {
        let Figure { name, value, bound, unit } = figure;
        let measured = format!("{}{unit}", short(value));
        let (target, is_met) = match bound {
            Bound::AtMost(max) => (format!("≤ {max}{unit}"), value <= max),
            Bound::AtLeast(min) => (format!("≥ {min}{unit}"), value >= min),
            Bound::None => return self.targets.push([name, String::new(), measured, String::new()]),
        };
        let verdict = if is_met { "ok" } else { "missed" };
        self.targets.push([name, target, measured, verdict.to_owned()]);
    }

    /// The tables as a page of documentation.
    pub fn document(&self, machine: &str, plan: Plan) -> String {
        format!(
            "# Benchmarks\n\n\
             Written by `make bench`: what an answer costs, next to a hand-written server (axum for GraphQL and REST, \
             with JSON\nmade by SQL; tonic with prost structs for gRPC; prepared statements, no parsing) and to \
             PostgreSQL alone (the\nstatement that fraiseql runs, its rows dropped), all on one database, \
             `examples/shop`. Medians of {} rounds of\n{} ms that alternate between them; CPU time is that of all \
             threads of the server and of all PostgreSQL processes.\nThe load runs on the same machine, so requests \
             per second compare them and nothing else.\n\n{machine}\n\n{self}",
            plan.rounds,
            plan.round.as_millis()
        )
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.costs.is_empty() {
            table(f, COST_HEADS, 2, &self.costs)?;
            writeln!(f)?;
        }
        table(f, TARGET_HEADS, 1, &self.targets)
    }
}

// === impl Figure ===

impl Figure {
    pub fn at_most(name: impl Into<String>, value: f64, max: f64, unit: &'static str) -> Figure {
        Figure { name: name.into(), value, bound: Bound::AtMost(max), unit }
    }

    pub fn shown(name: impl Into<String>, value: f64, unit: &'static str) -> Figure {
        Figure { name: name.into(), value, bound: Bound::None, unit }
    }

    pub fn at_least(name: impl Into<String>, value: f64, min: f64, unit: &'static str) -> Figure {
        Figure { name: name.into(), value, bound: Bound::AtLeast(min), unit }
    }
}

fn costs(case: String, who: &str, cost: &Cost) -> [String; 9] {
    let memory = if cost.peak_mib > 0.0 { format!("{:.0}", cost.peak_mib) } else { String::new() };
    let server = if cost.server_ms > 0.0 { short(cost.server_ms) } else { String::new() };
    [
        case,
        who.to_owned(),
        format!("{:.0}", cost.requests_per_second),
        short(cost.p50_ms),
        short(cost.p99_ms),
        server,
        short(cost.postgres_ms),
        short(cost.cpu_ms()),
        memory,
    ]
}

fn ratios(name: String, ours: &Cost, baseline: &Cost, cpu_ratio: f64) -> [String; 9] {
    let of = |figure: fn(&Cost) -> f64| format!("{:.2}", figure(ours) / figure(baseline));
    [
        String::new(),
        name,
        of(|cost| cost.requests_per_second),
        of(|cost| cost.p50_ms),
        of(|cost| cost.p99_ms),
        of(|cost| cost.server_ms),
        of(|cost| cost.postgres_ms),
        format!("{cpu_ratio:.2}"),
        of(|cost| cost.peak_mib),
    ]
}

/// Three significant digits, more before the point.
fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let before_the_point = value.abs().log10().floor().max(-3.0) as i32 + 1;
    let decimals = usize::try_from(3 - before_the_point).unwrap_or(0);
    format!("{value:.decimals$}")
}

fn size(bytes: usize) -> String {
    match bytes {
        ..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

/// A Markdown table that can also be read as it is; the columns after the first `left` are numbers.
fn table<const N: usize>(f: &mut Formatter<'_>, heads: [&str; N], left: usize, rows: &[[String; N]]) -> fmt::Result {
    let length = |text: &str| text.chars().count();
    let width = |column: usize| {
        rows.iter().map(|row| length(&row[column])).chain([length(heads[column]), 2]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |f: &mut Formatter<'_>, cells: [&str; N]| {
        for (column, cell) in cells.into_iter().enumerate() {
            match column < left {
                true => write!(f, "| {cell:<width$} ", width = widths[column])?,
                false => write!(f, "| {cell:>width$} ", width = widths[column])?,
            }
        }
        writeln!(f, "|")
    };
    line(f, heads)?;
    for (column, width) in widths.iter().enumerate() {
        match column < left {
            true => write!(f, "|{}", "-".repeat(width + 2))?,
            false => write!(f, "|{}:", "-".repeat(width + 1))?,
        }
    }
    writeln!(f, "|")?;
    for row in rows {
        line(f, std::array::from_fn(|column| row[column].as_str()))?;
    }
    Ok(())
}
