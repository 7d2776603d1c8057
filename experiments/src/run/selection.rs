//! Which runs of an experiment are chosen; and why results are of a part of it, as `partial_because` of a manifest has it, and back from there.

use super::Selection;
use crate::scenario::Loaded;

/// How the reason begins that ends runs early; what it says stands in the scenario.
const ENDS: &str = "runs end at ";

impl Selection {
    /// The selected runs of an experiment, by point and replication; where replications are sequential, all that there may be.
    pub fn runs(&self, loaded: &Loaded) -> Vec<(usize, u64)> {
        let replications = 0..loaded.scenario.replications;
        let runs = self.points(loaded).flat_map(|point| replications.clone().map(move |k| (point, k)));
        runs.filter(|run| self.has(loaded, *run)).collect()
    }

    /// Whether a run of a point that is chosen is chosen.
    pub(super) fn has(&self, loaded: &Loaded, run: (usize, u64)) -> bool {
        self.replication.is_none_or(|wanted| wanted == run.1)
            && self.shard.as_ref().is_none_or(|shard| shard.has(run, share_number(loaded, run)))
    }

    /// The points that it leaves, whatever its share is.
    pub(super) fn points<'a>(&'a self, loaded: &'a Loaded) -> impl Iterator<Item = usize> + 'a {
        let of_variant = |point: &usize| self.variant.is_none() || loaded.points[*point].variant == self.variant;
        let wanted = |point: &usize| self.point.is_none_or(|wanted| wanted == *point);
        (0..loaded.points.len()).filter(move |point| wanted(point) && of_variant(point))
    }

    /// What is chosen, each in words; nothing where all is.
    pub fn reasons(&self) -> Vec<String> {
        let reasons = [
            self.point.map(|point| format!("point {point} alone")),
            self.replication.map(|replication| format!("replication {replication} alone")),
            self.variant.as_ref().map(|variant| format!("variant {variant} alone")),
        ];
        reasons.into_iter().flatten().collect()
    }

    /// In words, that runs end at this time.
    pub fn ends_at(until: &str) -> String {
        format!("{ENDS}{until}")
    }

    /// The selection that these reasons tell.
    ///
    /// # Errors
    /// The first of them that tells of no choice, such as an interrupt or a limit.
    pub fn from_reasons(reasons: &[String]) -> Result<Self, String> {
        let mut selection = Self::default();
        for reason in reasons {
            let told = reason.strip_suffix(" alone").and_then(|told| told.split_once(' '));
            match told {
                Some(("point", number)) if number.parse::<usize>().is_ok() => selection.point = number.parse().ok(),
                Some(("replication", number)) if number.parse::<u64>().is_ok() => {
                    selection.replication = number.parse().ok();
                }
                Some(("variant", name)) => selection.variant = Some(name.to_owned()),
                _ if reason.starts_with(ENDS) => {}
                _ => return Err(reason.clone()),
            }
        }
        Ok(selection)
    }
}

/// The number by which a run is dealt to a share of the experiment. Where replications are sequential, one share has all of a point: what
/// comes out of some decides whether there are more.
pub(crate) fn share_number(loaded: &Loaded, (point, replication): (usize, u64)) -> usize {
    match loaded.scenario.sequential {
        Some(_) => point,
        None => point * loaded.scenario.replications as usize + replication as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_read_back_from_its_words() {
        let all =
            Selection { point: Some(3), replication: Some(12), variant: Some("all alone".to_owned()), shard: None };
        let one = Selection { variant: Some("slow".to_owned()), ..Selection::default() };
        for selection in [Selection::default(), all, one] {
            let mut reasons = selection.reasons();
            reasons.push(Selection::ends_at("5 s"));
            assert_eq!(Selection::from_reasons(&reasons), Ok(selection));
        }
        for other in ["interrupted after 1 of 2 runs", "point 1, replication 0: stopped at 1 s", "point x alone"] {
            assert_eq!(Selection::from_reasons(&[other.to_owned()]), Err(other.to_owned()));
        }
    }
}
