//! Why results are of a part of an experiment, as `partial_because` of a manifest has it, and back from there.

use super::Selection;

/// How the reason begins that ends runs early; what it says stands in the scenario.
const ENDS: &str = "runs end at ";

impl Selection {
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
