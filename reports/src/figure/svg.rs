//! Writes a scene as SVG 1.1, and as PNG by rasterising that SVG with resvg.

use std::fmt::Write as _;

use resvg::{tiny_skia, usvg};

use super::FigureError;
use super::font;
use super::scene::{Colour, Fill, Item, Scene, Segment, Stroke, grid};

/// Longest side of a PNG in pixels.
const LARGEST_SIDE: f32 = 16_384.0;

impl Scene {
    /// The scene as an SVG document. Text is written as outlines, with its words in `aria-label`.
    pub fn to_svg(&self) -> String {
        let (w, h) = (grid(self.width), grid(self.height));
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{w}\" height=\"{h}\" \
             viewBox=\"0 0 {w} {h}\">\n<title>{}</title>\n<desc>{}</desc>\n\
             <path class=\"paper\" fill=\"#ffffff\" d=\"M0 0H{w}V{h}H0Z\"/>\n",
            escape(&self.title),
            escape(&self.description),
        );
        for item in &self.items {
            match item {
                Item::Open { class, label } => {
                    let _ = write!(out, "<g class=\"{class}\" aria-label=\"{}\">", escape(label));
                }
                Item::Close => out.push_str("</g>"),
                Item::Path { class, segments, fill, stroke } => {
                    let _ = write!(out, "<path class=\"{class}\"");
                    paint(&mut out, *fill, stroke.as_ref());
                    let _ = write!(out, " d=\"{}\"/>", path_data(segments));
                }
                Item::Text(text) => {
                    let fill = hex(text.colour);
                    let (label, data) = (escape(&text.content), outline_data(&font::outline(text)));
                    let _ = write!(
                        out,
                        "<path class=\"text\" aria-label=\"{label}\" fill=\"{fill}\" transform=\"scale(.01)\" \
                         d=\"{data}\"/>"
                    );
                }
            }
            out.push('\n');
        }
        out.push_str("</svg>\n");
        out
    }

    /// The largest scale at which its PNG can be made.
    pub fn largest_png_scale(&self) -> f32 {
        // Sides are rounded up.
        (LARGEST_SIDE - 1.0) / self.width.max(self.height) as f32
    }

    /// The scene as a PNG file, `scale` pixels to a user unit.
    ///
    /// # Errors
    /// [`FigureError::Render`] if the image would have no pixels or more than 2^14 on a side.
    pub fn to_png(&self, scale: f32) -> Result<Vec<u8>, FigureError> {
        let refuse = |reason: String| FigureError::Render(reason);
        let tree =
            usvg::Tree::from_str(&self.to_svg(), &usvg::Options::default()).map_err(|e| refuse(e.to_string()))?;
        let (width, height) = ((tree.size().width() * scale).ceil(), (tree.size().height() * scale).ceil());
        let drawable = |side: f32| (1.0..=LARGEST_SIDE).contains(&side);
        if !(drawable(width) && drawable(height)) {
            return Err(refuse(format!("a PNG of {width} by {height} pixels is outside 1 to {LARGEST_SIDE}")));
        }
        let mut pixels = tiny_skia::Pixmap::new(width as u32, height as u32)
            .ok_or_else(|| refuse("the PNG does not fit into memory".to_owned()))?;
        resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixels.as_mut());
        pixels.encode_png().map_err(|e| refuse(e.to_string()))
    }
}

/// Fill and stroke as presentation attributes.
fn paint(out: &mut String, fill: Option<Fill>, stroke: Option<&Stroke>) {
    match fill {
        None => out.push_str(" fill=\"none\""),
        Some(Fill { colour, opacity }) => {
            let _ = write!(out, " fill=\"{}\"", hex(colour));
            if opacity < 1.0 {
                let _ = write!(out, " fill-opacity=\"{opacity}\"");
            }
        }
    }
    let Some(Stroke { colour, width, dashes }) = stroke else { return };
    let _ = write!(out, " stroke=\"{}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"", hex(*colour));
    if !dashes.is_empty() {
        let lengths: Vec<String> = dashes.iter().map(f64::to_string).collect();
        let _ = write!(out, " stroke-dasharray=\"{}\"", lengths.join(" "));
    }
}

fn hex(Colour(r, g, b): Colour) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// The `d` attribute of a path.
fn path_data(segments: &[Segment]) -> String {
    let mut out = String::new();
    for segment in segments {
        let _ = match *segment {
            Segment::Move(x, y) => write!(out, "M{} {}", grid(x), grid(y)),
            Segment::Line(x, y) => write!(out, "L{} {}", grid(x), grid(y)),
            Segment::Quad(cx, cy, x, y) => write!(out, "Q{} {} {} {}", grid(cx), grid(cy), grid(x), grid(y)),
            Segment::Close => write!(out, "Z"),
        };
    }
    out
}

/// The `d` attribute of glyph outlines in hundredths of a user unit, each relative to the one before: a third of the
/// size of `path_data`, and most of an SVG is text.
fn outline_data(segments: &[Segment]) -> String {
    let hundredths = |v: f64| (v * 100.0).round() as i64;
    let mut out = String::new();
    let (mut start, mut here) = ((0, 0), (0, 0));
    for segment in segments {
        let (command, places) = match *segment {
            Segment::Move(x, y) => ('m', vec![(x, y)]),
            Segment::Line(x, y) => ('l', vec![(x, y)]),
            Segment::Quad(cx, cy, x, y) => ('q', vec![(cx, cy), (x, y)]),
            Segment::Close => {
                out.push('z');
                here = start;
                continue;
            }
        };
        out.push(command);
        let mut separator = "";
        let mut end = here;
        for (x, y) in places {
            end = (hundredths(x), hundredths(y));
            let _ = write!(out, "{separator}{} {}", end.0 - here.0, end.1 - here.1);
            separator = " ";
        }
        here = end;
        if command == 'm' {
            start = here;
        }
    }
    out
}

/// Text as XML character data that also fits between double quotes.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
