//! Ids. Each noun has a type of its own, so that one cannot be passed for another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Millis;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A UUIDv7 whose time part is `now` and whose rest is `random`.
            pub fn new(now: Millis, random: u128) -> Self {
                $name(uuid_v7(now, random))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(s).map($name)
            }
        }
    )*};
}

ids! {
    /// Who owns workflows, credentials and executions; every query is scoped by it.
    WorkspaceId
    /// A workflow, whatever its versions.
    WorkflowId
    /// One execution. Ids are made in time order, so a range of ids is a range of time.
    ExecutionId
    /// A person who signs in.
    UserId
    /// A key with which a program calls the API.
    ApiKeyId
    /// A stored secret with its kind.
    CredentialId
    /// One schedule trigger of one published workflow.
    ScheduleId
    /// A process that executes, for as long as it is registered.
    WorkerId
    /// A label on workflows.
    TagId
    /// A named value that expressions read as `$vars.name`.
    VariableId
    /// A data table.
    DataTableId
}

fn uuid_v7(now: Millis, random: u128) -> Uuid {
    let ms = (now.0.max(0) as u128) & 0xffff_ffff_ffff;
    let low = random & 0x3fff_ffff_ffff_ffff;
    let rand_a = (random >> 64) & 0xfff;
    Uuid::from_u128((ms << 80) | (0x7 << 76) | (rand_a << 64) | (0b10 << 62) | low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_say_they_are_version_7() {
        let early = ExecutionId::new(Millis(1_000), u128::MAX);
        let late = ExecutionId::new(Millis(1_001), 0);
        assert!(early < late);
        assert_eq!(early.0.get_version_num(), 7);
        assert_eq!(late.0.get_variant(), uuid::Variant::RFC4122);
    }
}
