//! The files of the page.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::service::Service;
use hyper::{Request, Response, StatusCode};

#[derive(Clone)]
pub struct Site(Arc<[File; 4]>);

struct File {
    path: &'static str,
    content_type: &'static str,
    content: Bytes,
}

impl Site {
    /// Reads the files that were written, from `page`, and those that were built, from `built`.
    pub fn read(page: &Path, built: &Path) -> io::Result<Self> {
        let file = |path, content_type, file| {
            Ok::<_, io::Error>(File {
                path,
                content_type,
                content: fs::read(file)?.into(),
            })
        };
        let files = [
            file("/", "text/html; charset=utf-8", page.join("index.html"))?,
            file(
                "/style.css",
                "text/css; charset=utf-8",
                page.join("style.css"),
            )?,
            file(
                "/page.js",
                "text/javascript; charset=utf-8",
                built.join("page.js"),
            )?,
            // Browsers compile a module while they receive it, if it has this type.
            file(
                "/page_bg.wasm",
                "application/wasm",
                built.join("page_bg.wasm"),
            )?,
        ];
        Ok(Self(Arc::new(files)))
    }

    fn response(&self, path: &str) -> Response<Full<Bytes>> {
        let Some(file) = self.0.iter().find(|file| file.path == path) else {
            let mut response = Response::new(Full::from("There is no such page.\n"));
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        };
        let mut response = Response::new(Full::from(file.content.clone()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
        // The page may be another one when this program is started again.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

impl<B> Service<Request<B>> for Site {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        ready(Ok(self.response(request.uri().path())))
    }
}
