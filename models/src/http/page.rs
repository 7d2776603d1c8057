//! Pages: what is in one, and how far it is loaded.

use super::PageConfig;
use super::content::sized_target;
use crate::app::Host;
use crate::traffic::{MAX_STREAM_BYTES, Sizes};
use protosim_core::Purpose;
use std::sync::Arc;

/// Draws of how many objects there are.
const COUNT: Purpose = Purpose("http.page.objects");
/// Draws of the sizes of documents and objects.
const SIZE: Purpose = Purpose("http.page.size");

/// Which of a page's parts: the document is the only one at depth 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    pub(super) depth: usize,
    pub(super) index: usize,
}

/// The document, or whatever a client without a page asks for.
pub(super) const DOCUMENT: Place = Place { depth: 0, index: 0 };

/// Sizes of a page's parts by depth \[bytes\].
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Page(Arc<Vec<Vec<u64>>>);

/// Draws pages.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    config: PageConfig,
    document: Sizes,
    levels: Vec<Sizes>,
}

impl Pages {
    pub(super) fn new(config: PageConfig) -> Self {
        let sizes = |sizes| Sizes::of_messages(sizes, 0, SIZE);
        let (document, levels) =
            (sizes(&config.document), config.levels.iter().map(|level| sizes(&level.size)).collect());
        Self { config, document, levels }
    }

    pub(super) fn draw(&self, host: &mut dyn Host) -> Page {
        let mut parts = vec![vec![self.document.draw(host).min(MAX_STREAM_BYTES)]];
        for (level, sizes) in self.config.levels.iter().zip(&self.levels) {
            let count = level.objects.draw(COUNT, host);
            parts.push((0..count).map(|_| sizes.draw(host)).collect());
        }
        Page(Arc::new(parts))
    }
}

impl Page {
    /// What is asked for to get a part.
    pub(super) fn target(&self, place: Place) -> String {
        let size = self.0.get(place.depth).and_then(|level| level.get(place.index)).copied().unwrap_or(0);
        sized_target(size, &format!("{}.{}", place.depth, place.index))
    }

    /// What is found in a part: of the next level each n-th object, where this level has n parts.
    pub(super) fn found_in(&self, place: Place) -> impl Iterator<Item = Place> + use<> {
        let of = |depth: usize| self.0.get(depth).map_or(0, Vec::len);
        let (step, next) = (of(place.depth).max(1), place.depth + 1);
        (place.index..of(next)).step_by(step).map(move |index| Place { depth: next, index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two objects in the document, five in these by turns: the first has three of them.
    #[test]
    fn objects_are_found_by_turns() {
        let page = Page(Arc::new(vec![vec![100], vec![10, 20], vec![1, 2, 3, 4, 5]]));
        let found = |depth, index| page.found_in(Place { depth, index }).map(|place| place.index).collect::<Vec<_>>();
        assert_eq!(
            [found(0, 0), found(1, 0), found(1, 1), found(2, 4)],
            [vec![0, 1], vec![0, 2, 4], vec![1, 3], vec![]]
        );
        assert_eq!(page.target(Place { depth: 1, index: 1 }), "/bytes/20?1.1");
    }
}
