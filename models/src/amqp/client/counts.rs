//! What clients of both versions count, each its own.

/// Makes `Counts`, with the totals of a client: those of what it publishes and of what has come stand behind the first and the second list.
macro_rules! counts {
    ($($field:ident)+; $($middle:ident)+; $($last:ident)+) => {
        #[derive(Clone, Copy, Debug, Default)]
        pub(super) struct Counts {
            $(pub(super) $field: u64,)+
            $(pub(super) $middle: u64,)+
            $(pub(super) $last: u64,)+
        }

        impl Counts {
            pub(super) fn totals(&self, messages: &$crate::amqp::client::Messages) -> Vec<$crate::app::Total> {
                let total = |name, value| $crate::app::Total { name, value };
                let mut totals = vec![$(total(stringify!($field), self.$field)),+];
                totals.extend(messages.totals_of_publications());
                totals.extend([$(total(stringify!($middle), self.$middle)),+]);
                totals.extend(messages.totals_of_arrivals());
                totals.extend([$(total(stringify!($last), self.$last)),+]);
                totals
            }
        }
    };
}
pub(in crate::amqp) use counts;
