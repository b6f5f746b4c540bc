//! What every node kind has to keep to.

mod compliance;
