//! A router that knows what it serves.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::handler::Handler;
use axum::routing::{MethodRouter, get, post};
use utoipa::openapi::info::{InfoBuilder, LicenseBuilder};
use utoipa::openapi::path::{HttpMethod, Paths};
use utoipa::openapi::{OpenApi, OpenApiBuilder};

use crate::described::Shelf;
use crate::document::Document;
use crate::endpoint::{Endpoint, Parts, Served};
use crate::operation::Operation;

/// Where a service's document is served.
pub const PATH: &str = "/openapi.json";

/// Routes, each with its description.
pub struct Api<S> {
    title: &'static str,
    about: &'static str,
    router: Router<S>,
    paths: Paths,
    shelf: Shelf,
    faults: Vec<String>,
}

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// A service without routes, its name, and what it is.
    #[must_use]
    pub fn new(title: &'static str, about: &'static str) -> Self {
        let (router, paths, shelf) = (Router::new(), Paths::new(), Shelf::default());
        Self { title, about, router, paths, shelf, faults: Vec::new() }
    }

    /// Adds a route for GET.
    #[must_use]
    pub fn get<H, T>(self, path: &str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, S> + Endpoint<T>,
        T: 'static,
    {
        self.add::<H, T>(path, HttpMethod::Get, get(handler), operation)
    }

    /// Adds a route for POST.
    #[must_use]
    pub fn post<H, T>(self, path: &str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, S> + Endpoint<T>,
        T: 'static,
    {
        self.add::<H, T>(path, HttpMethod::Post, post(handler), operation)
    }

    fn add<H: Endpoint<T>, T>(
        mut self,
        path: &str,
        method: HttpMethod,
        route: MethodRouter<S>,
        operation: Operation,
    ) -> Self {
        self.describe::<H, T>(path, method, operation);
        self.router = self.router.route(path, route);
        self
    }

    fn describe<H: Endpoint<T>, T>(&mut self, path: &str, method: HttpMethod, operation: Operation) {
        let mut parts = Parts::default();
        H::describe(&mut self.shelf, &mut parts);
        self.faults.extend(operation.faults(path, &parts).map(|fault| format!("{path}: {fault}")));
        let operation = operation.build(&mut self.shelf, parts);
        self.paths.add_path_operation(path, vec![method], operation);
    }

    /// The router, which serves the document too, and the document.
    pub fn finish(mut self) -> (Router<S>, Document) {
        let operation = Operation::new("describe", "This document.").about("It is the same for everyone.");
        self.describe::<fn(State<S>) -> Answer, ((), State<S>)>(PATH, HttpMethod::Get, operation);
        let document = self.document();
        let served = document.text.clone();
        let router = self.router.route(PATH, get(async move || Served(served)));
        (router, document)
    }

    fn document(&self) -> Document {
        let license = LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0"));
        let info = InfoBuilder::new().title(self.title).version(env!("CARGO_PKG_VERSION"));
        let info = info.description(Some(self.about)).license(Some(license.build()));
        let components = self.shelf.components();
        let document = OpenApiBuilder::new().info(info).paths(self.paths.clone()).components(Some(components)).build();
        Document {
            text: written(&document),
            #[cfg(feature = "conformance")]
            types: self.shelf.named.iter().map(|(name, named)| (*name, named.form)).collect(),
            #[cfg(feature = "conformance")]
            faults: self.faults.clone(),
        }
    }
}

type Answer = std::future::Ready<Served>;

fn written(document: &OpenApi) -> Bytes {
    // Maps with strings for keys always have a JSON form.
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text.into()
}
