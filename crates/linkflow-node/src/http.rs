//! The one HTTP client of all nodes, with its guard.

/// A client that checks every address before it connects.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
}

impl Http {
    /// A client that may connect to loopback and private addresses.
    pub fn for_tests() -> Http {
        Http { client: reqwest::Client::new() }
    }

    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }
}
