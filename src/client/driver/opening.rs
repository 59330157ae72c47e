//! Opens links, at the location to which the server has redirected the handshake.

use std::sync::Arc;

use super::super::link_calls::LinkCalls;
use super::super::redirect::follow;
use super::Driver;
use super::target::Target;
use crate::engine::{Call, Input, LinkId};
use crate::error::Error;
use crate::transport::{Activity, OpenRequest};

impl Driver {
    /// Begins to open a link. If `redirect` is given, it is followed first. If it cannot be followed,
    /// returns that failure as the input for the engine.
    pub(super) fn open(
        &mut self,
        link: LinkId,
        transport: &'static str,
        sid: Option<String>,
        redirect: Option<Error>,
    ) -> Option<Input> {
        if let Some(error) = redirect
            && let Err(error) = self.follow(error)
        {
            let call = Call::Redirect;
            return Some(Input::Failed { link, call, error });
        }
        // The target is a request for as long as the engine opens links.
        let Target::Request(request) = &self.target else {
            return None;
        };
        self.log.opens(transport, sid.is_some());
        let mut request = OpenRequest::clone(request);
        let activity = Activity::new(Arc::clone(&self.runtime));
        request.transport = transport.to_owned();
        request.sid = sid;
        request.activity = activity.clone();
        let transports = Arc::clone(&self.transport);
        let runtime = Arc::clone(&self.runtime);
        let open = Box::pin(async move { transports.open(&runtime, request).await });
        let driver = &self.shared.driver;
        // Most sessions have one link most of the time.
        self.links.reserve_exact(1);
        self.links
            .push(LinkCalls::open(link, transport, activity, driver, open));
        None
    }

    /// Moves the session to the location of this redirect.
    fn follow(&mut self, error: Error) -> Result<(), Error> {
        let Target::Request(request) = &mut self.target else {
            return Ok(());
        };
        let location = error.redirect().unwrap_or_default();
        match follow(request, location, &self.transport.schemes()) {
            Ok(followed) => {
                let from = &request.url;
                self.log
                    .redirected(from, &followed.request.url, &followed.left_out);
                **request = followed.request;
                Ok(())
            }
            Err(why) => Err(error.redirect_not_followed(why)),
        }
    }
}
