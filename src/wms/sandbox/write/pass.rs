//! Any call of the sandbox's own API.

use super::Sandbox;
use crate::record::draft::{Passed, Passthrough};
use crate::wms::{Error, Pass, pass};

impl Pass for Sandbox {
    async fn pass(&self, call: &Passthrough) -> Result<Passed, Error> {
        let reply = pass::call(&self.site, call)?.bearer("Bearer", &self.token).send().await?;
        let request_id = reply.header("x-request-id").map(str::to_owned);
        Ok(pass::passed(&reply, request_id))
    }
}
