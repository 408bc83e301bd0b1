//! What the seeds have shown: numbers by which one sees that the interesting things happen.

use serde_json::{Value, json};

macro_rules! figures {
    ($($name:ident)*) => {
        /// Counts of one world, or of many.
        #[derive(Debug, Default, Clone, PartialEq, Eq)]
        pub(crate) struct Figures {
            $(pub(crate) $name: u64,)*
        }

        impl Figures {
            /// Adds the counts of another world.
            pub(crate) fn add(&mut self, other: &Figures) {
                $(self.$name += other.$name;)*
            }

            /// As a JSON object.
            pub(crate) fn to_json(&self) -> Value {
                json!({ $(stringify!($name): self.$name,)* })
            }
        }
    };
}

figures! {
    seeds requests answers_scripted answers_gateway answers_cut unanswered executions uploads early_answers clients_left
    malformed slow_heads idle_closes timeouts retries swaps drains_midway upstream_connections faults_injected
    limited_passed throttled quota_exceeded
    virtual_seconds
}
