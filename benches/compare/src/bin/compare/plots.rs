//! The two pictures, as SVG with an opaque background, so that they are legible on any page.

use std::error::Error;
use std::fs;
use std::path::Path;

use engineio_client_compare::Failure;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::results::{Results, with_unit};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error + Send + Sync>>;

const WIDTH: u32 = 880;
const INK: RGBColor = RGBColor(31, 35, 40);
const LINES: RGBColor = RGBColor(208, 215, 222);
/// From a palette that people who are colour-blind can tell apart.
const GREY: RGBColor = RGBColor(140, 140, 140);
const BLUE: RGBColor = RGBColor(0, 114, 178);
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const PURPLE: RGBColor = RGBColor(204, 121, 167);

/// Where a text is, seen from its place.
const BELOW: Pos = position(HPos::Center, VPos::Top);
const BEFORE: Pos = position(HPos::Right, VPos::Center);
const AFTER: Pos = position(HPos::Left, VPos::Center);

const fn position(h_pos: HPos, v_pos: VPos) -> Pos {
    Pos { h_pos, v_pos }
}

/// The rows in the picture of messages.
const JOBS: [&str; 5] = [
    "websocket: receive 64 B text",
    "websocket: send 64 B text",
    "websocket: echo 64 B",
    "websocket: receive 1 MB text",
    "websocket: send 1 MB text",
];

/// The clients in it, and their names there.
const CLIENTS: [(Client, &str, RGBColor); 5] = [
    (Client::FastestBare, "fastest bare WebSocket library", GREY),
    (Client::Subject("recv"), "this client", BLUE),
    (Client::Subject("rust_engineio"), "rust_engineio", ORANGE),
    (Client::Subject("node"), "engine.io-client (Node)", GREEN),
    (Client::Subject("python"), "python-engineio", PURPLE),
];

#[derive(Clone, Copy)]
enum Client {
    FastestBare,
    Subject(&'static str),
}

impl Client {
    fn figure(self, results: &Results, row: &str) -> Option<f64> {
        match self {
            Self::FastestBare => Some(results.fastest_bare(row)?.1),
            Self::Subject(key) => results.median(row, key),
        }
    }
}

/// Draws what a message costs, as bars.
pub(crate) fn messages(folder: &Path, results: &Results) -> Result<(), Failure> {
    const BAR: i32 = 16;
    const GAP: i32 = 18;
    const LEFT: i32 = 130;
    const TOP: i32 = 84;
    let bars = |row| {
        let bar =
            |(client, _, colour): (Client, _, _)| Some((client.figure(results, row)?, colour));
        CLIENTS.into_iter().filter_map(bar).collect::<Vec<_>>()
    };
    let mut jobs = JOBS.map(|row| (row, bars(row))).to_vec();
    jobs.retain(|(_, bars)| !bars.is_empty());
    let height: i32 = jobs
        .iter()
        .map(|(_, bars)| bars.len() as i32 * BAR + GAP)
        .sum();
    let bottom = TOP + height;
    let path = folder.join("messages.svg");
    let area = page(
        &path,
        "CPU time of a message over WebSocket, logarithmic",
        bottom as u32 + 34,
    )?;
    // Only clients that were measured.
    let is_drawn = |colour| {
        let mut bars = jobs.iter().flat_map(|(_, bars)| bars);
        bars.any(|(_, other)| *other == colour)
    };
    let clients = CLIENTS.iter().filter(|(_, _, colour)| is_drawn(*colour));
    let entries: Vec<_> = clients.map(|(_, name, colour)| (*name, *colour)).collect();
    legend(&area, &entries)?;
    let ticks = [
        "10 ns", "100 ns", "1 µs", "10 µs", "100 µs", "1 ms", "10 ms",
    ];
    let scale = (WIDTH as i32 - LEFT - 80) as f64 / (ticks.len() - 1) as f64;
    let x = |figure: f64| LEFT + ((figure.log10() - 1.0) * scale) as i32;
    for (power, tick) in (1..).zip(ticks) {
        let figure = 10_f64.powi(power);
        line(&area, [(x(figure), TOP - GAP / 2), (x(figure), bottom)])?;
        text(&area, tick, (x(figure), bottom + 6), BELOW)?;
    }
    let mut y = TOP;
    for (row, bars) in jobs {
        let name = row
            .trim_start_matches("websocket: ")
            .trim_end_matches(" text");
        let middle = y + bars.len() as i32 * BAR / 2;
        text(&area, name, (LEFT - 10, middle), BEFORE)?;
        for (figure, colour) in bars {
            let corners = [(LEFT, y + 1), (x(figure).max(LEFT), y + BAR - 1)];
            area.draw(&Rectangle::new(corners, colour.filled()))?;
            let end = (corners[1].0 + 5, y + BAR / 2);
            text(&area, &with_unit(figure), end, AFTER)?;
            y += BAR;
        }
        y += GAP;
    }
    area.present()?;
    Ok(())
}

/// Draws what an idle connection costs as their number grows, from a file of comma-separated values.
pub(crate) fn connections(folder: &Path, file: &Path) -> Result<(), Failure> {
    let lines = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut lines = lines.lines();
    if lines.next() != Some("connections,memory_kib,cpu_us_per_second") {
        return Err(format!("{}: unexpected first line", file.display()).into());
    }
    let values = |line: &str| line.split(',').map(|word| word.trim().parse()).collect();
    let values: Vec<Vec<f64>> = lines.map(values).collect::<Result<_, _>>()?;
    let curve = |index: usize| -> Option<Vec<(f64, f64)>> {
        values
            .iter()
            .map(|line| Some((*line.first()?, *line.get(index)?)))
            .collect()
    };
    let (Some(memory), Some(cpu)) = (curve(1), curve(2)) else {
        return Err(format!("{}: expected three values a line", file.display()).into());
    };
    let path = folder.join("connections.svg");
    let area = page(
        &path,
        "What an idle connection costs, as their number grows",
        340,
    )?;
    let (left, right) = area
        .margin(40, 0, 0, 0)
        .split_horizontally(50.percent_width());
    panel(&left, "memory, KiB", &memory, BLUE)?;
    panel(&right, "CPU time, µs per second", &cpu, ORANGE)?;
    area.present()?;
    Ok(())
}

fn panel(area: &Area<'_>, title: &str, points: &[(f64, f64)], colour: RGBColor) -> Drawn {
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(1.0, f64::max);
    let widest = most(&mut points.iter().map(|point| point.0));
    let highest = most(&mut points.iter().map(|point| point.1));
    let first = points.first().map_or(1.0, |point| point.0);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .margin_right(28)
        .x_label_area_size(44)
        .y_label_area_size(44)
        .caption(title, style(15))
        .build_cartesian_2d((first..widest * 1.05).log_scale(), 0.0..highest * 1.2)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(LINES)
        .light_line_style(TRANSPARENT)
        .axis_style(LINES)
        .label_style(style(13))
        .x_label_formatter(&|_| String::new())
        .x_desc("connections")
        .draw()?;
    chart.draw_series(LineSeries::new(points.to_vec(), colour.stroke_width(2)))?;
    let dot = |&point| Circle::new(point, 4, colour.filled());
    chart.draw_series(points.iter().map(dot))?;
    let below = style(13).pos(BELOW);
    let label = |point: &(f64, f64)| {
        let text = Text::new(format!("{}", point.0), (0, 6), below.clone());
        EmptyElement::at((point.0, 0.0)) + text
    };
    chart.draw_series(points.iter().map(label))?;
    Ok(())
}

fn page<'a>(path: &'a Path, title: &str, height: u32) -> Result<Area<'a>, Failure> {
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    area.draw_text(title, &style(18), (16, 12))?;
    Ok(area)
}

fn legend(area: &Area<'_>, entries: &[(&str, RGBColor)]) -> Drawn {
    let mut x = 16;
    for (name, colour) in entries {
        area.draw(&Rectangle::new([(x, 44), (x + 12, 56)], colour.filled()))?;
        text(area, name, (x + 18, 50), AFTER)?;
        x += 46 + name.len() as i32 * 7;
    }
    Ok(())
}

fn line(area: &Area<'_>, ends: [(i32, i32); 2]) -> Drawn {
    Ok(area.draw(&PathElement::new(ends, LINES))?)
}

fn text(area: &Area<'_>, text: &str, place: (i32, i32), position: Pos) -> Drawn {
    Ok(area.draw_text(text, &style(13).pos(position), place)?)
}

fn style(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK)
}
