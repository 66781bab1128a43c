//! The HTTP edge.

pub mod graphiql;
