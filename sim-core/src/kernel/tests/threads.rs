//! The same bytes for any number of threads, and whoever looks.

use super::relay::plan;
use super::*;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_number_of_threads_gives_the_same(plan in plan()) {
        let both = Interests::RESULTS.and(Interests::PACKETS);
        let one = plan.outcome(1, both);
        for threads in [2, 3, 8] {
            prop_assert_eq!(&plan.outcome(threads, both), &one, "{} threads", threads);
        }
        for (threads, interests) in [(1, Interests::NONE), (1, Interests::RESULTS), (2, Interests::PACKETS), (3, Interests::NONE)] {
            let seen = plan.outcome(threads, interests);
            prop_assert_eq!(&seen.stages, &one.stages, "looking must change nothing");
            let kind = |r: &&Reported<relay::Word>| interests.covers(r.report.kind());
            prop_assert_eq!(seen.reports, one.reports.iter().filter(kind).cloned().collect::<Vec<_>>());
        }
    }
}
