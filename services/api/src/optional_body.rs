//! A JSON body that may be left out altogether, for actions whose members all have defaults.

use bytes::Bytes;
use poem::http::header;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::ParseFromJSON;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use server::answer::JSON;
use server::json::{BODY_MAX_BYTES, check_content_type, parse_slice, read_body};
use server::problem::Problem;
use std::marker::PhantomData;

/// A body that was sent, or not.
pub struct OptionalJson<T> {
    bytes: Bytes,
    target: PhantomData<fn() -> T>,
}

impl<T: ParseFromJSON + Default + 'static> OptionalJson<T> {
    /// Reads the body as `T`; no body is `T`'s default.
    pub fn parse(self) -> Result<T, Problem> {
        if self.bytes.is_empty() {
            return Ok(T::default());
        }
        parse_slice(&self.bytes)
    }

    /// The body as it was sent.
    pub fn raw(&self) -> &[u8] {
        &self.bytes
    }
}

impl<'a, T: ParseFromJSON + 'static> ApiExtractor<'a> for OptionalJson<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: false })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let bytes = read_body(body.take()?, BODY_MAX_BYTES).await?;
        if !bytes.is_empty() || request.headers().contains_key(header::CONTENT_TYPE) {
            check_content_type(request.headers())?;
        }
        Ok(Self { bytes, target: PhantomData })
    }
}
