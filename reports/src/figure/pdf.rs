//! Writes a scene as a one-page PDF through krilla: vector paths, and text in an embedded font.

use krilla::color::rgb;
use krilla::geom::{Path, PathBuilder, Point, Transform};
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill as PdfFill, LineJoin, Stroke as PdfStroke, StrokeDash};
use krilla::surface::Surface;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use krilla::{Document, SerializeSettings};

use super::FigureError;
use super::font;
use super::scene::{Colour, Fill, Item, Scene, Segment, Stroke, Text, grid};

/// Points (1/72 inch) to a user unit (1/96 inch).
const POINTS: f32 = 0.75;

impl Scene {
    /// The scene as a PDF file of one page, 3/4 point to a user unit. It carries no date.
    ///
    /// # Errors
    /// [`FigureError::Render`] if the page has no size or krilla refuses.
    pub fn to_pdf(&self) -> Result<Vec<u8>, FigureError> {
        let refuse = |reason: &str| FigureError::Render(reason.to_owned());
        let mut document = Document::new_with(SerializeSettings { xmp_metadata: false, ..Default::default() });
        let metadata = Metadata::new().creator("protosim".to_owned());
        document.set_metadata(metadata.title(self.title.clone()).description(self.description.clone()));
        let font = Font::new(font::DATA.to_vec().into(), 0).ok_or_else(|| refuse("krilla refuses the bundled font"))?;
        let size = PageSettings::from_wh(coordinate(self.width) * POINTS, coordinate(self.height) * POINTS)
            .ok_or_else(|| refuse("the page has no size"))?;
        let mut page = document.start_page_with(size);
        let mut surface = page.surface();
        surface.push_transform(&Transform::from_scale(POINTS, POINTS));
        for item in &self.items {
            match item {
                Item::Open { .. } | Item::Close => {}
                Item::Path { segments, fill, stroke, .. } => draw_path(&mut surface, segments, *fill, stroke.as_ref()),
                Item::Text(text) => draw_text(&mut surface, text, &font),
            }
        }
        surface.pop();
        surface.finish();
        page.finish();
        document.finish().map_err(|e| FigureError::Render(format!("{e:?}")))
    }
}

/// A coordinate as it stands in the SVG.
fn coordinate(value: f64) -> f32 {
    grid(value) as f32
}

fn paint(Colour(r, g, b): Colour) -> krilla::paint::Paint {
    rgb::Color::new(r, g, b).into()
}

fn opaque(colour: Colour) -> PdfFill {
    PdfFill { paint: paint(colour), ..Default::default() }
}

fn draw_path(surface: &mut Surface<'_>, segments: &[Segment], fill: Option<Fill>, stroke: Option<&Stroke>) {
    let Some(path) = path(segments) else { return };
    let fill = fill.map(|f| PdfFill {
        opacity: NormalizedF32::new(f.opacity as f32).unwrap_or(NormalizedF32::ONE),
        ..opaque(f.colour)
    });
    let stroke = stroke.map(|s| PdfStroke {
        paint: paint(s.colour),
        width: s.width as f32,
        line_join: LineJoin::Round,
        dash: (!s.dashes.is_empty())
            .then(|| StrokeDash { array: s.dashes.iter().map(|&d| d as f32).collect(), offset: 0.0 }),
        ..Default::default()
    });
    surface.set_fill(fill);
    surface.set_stroke(stroke);
    surface.draw_path(&path);
}

fn path(segments: &[Segment]) -> Option<Path> {
    let mut path = PathBuilder::new();
    for segment in segments {
        match *segment {
            Segment::Move(x, y) => path.move_to(coordinate(x), coordinate(y)),
            Segment::Line(x, y) => path.line_to(coordinate(x), coordinate(y)),
            Segment::Quad(cx, cy, x, y) => {
                path.quad_to(coordinate(cx), coordinate(cy), coordinate(x), coordinate(y));
            }
            Segment::Close => path.close(),
        }
    }
    path.finish()
}

fn draw_text(surface: &mut Surface<'_>, text: &Text, font: &Font) {
    let glyph = |p: font::Placed| {
        KrillaGlyph::new(GlyphId::new(p.glyph.into()), p.advance as f32, 0.0, 0.0, 0.0, p.bytes, None)
    };
    let glyphs: Vec<KrillaGlyph> = font::glyphs(&text.content).into_iter().map(glyph).collect();
    let (x, y) = (coordinate(text.x), coordinate(text.y));
    // A subtraction, since a negation would make a zero negative.
    let (right, down, up) = (text.along.0 as f32, text.along.1 as f32, (0.0 - text.along.1) as f32);
    surface.push_transform(&Transform::from_row(right, down, up, right, x, y));
    surface.set_stroke(None);
    surface.set_fill(Some(opaque(text.colour)));
    let start = Point::from_xy(-coordinate(font::lead(text)), 0.0);
    surface.draw_glyphs(start, &glyphs, font.clone(), &text.content, text.size as f32, false);
    surface.pop();
}
