//! Any call of Tryton's own REST interface, for the company that the key's user works for.

use crate::record::draft::{Passed, Passthrough};
use crate::wms::tryton::Tryton;
use crate::wms::{Error, Pass, pass};

impl Pass for Tryton {
    async fn pass(&self, call: &Passthrough) -> Result<Passed, Error> {
        let request = pass::call(&self.site, call)?;
        let session = self.session().await?;
        let reply = self.ready(request, session.context()).send().await?;
        let request_id = reply.header("x-request-id").map(str::to_owned);
        Ok(pass::passed(&reply, request_id))
    }
}
