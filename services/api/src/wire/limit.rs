//! Limits on the wire.

use std::borrow::Cow;

use domain::limit::{LIMIT_MAX, LIMITS_MAX, Limit, WINDOW_MS_MAX, WINDOW_MS_MIN};
use domain::validation::ValidationError;
use poem_openapi::Object;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde_json::Value;

use crate::fields::Fields;

/// How many requests in how long a window.
#[derive(Debug, Clone, Object)]
#[oai(rename = "Limit", deny_unknown_fields)]
pub struct LimitBody {
    /// What answers and headers call it: a lower-case letter and up to 39 letters, digits, `-` or `_`.
    pub name: String,
    /// Requests per window, 1 to 1,000,000,000.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000000")))]
    pub limit: u64,
    /// The window in milliseconds, one second to 31 days.
    #[oai(validator(minimum(value = "1000"), maximum(value = "2678400000")))]
    pub window_ms: u64,
    /// Whether every request is charged 1. If not, only a question that names it is charged, as it says.
    #[oai(default = "yes")]
    pub auto: bool,
}

fn yes() -> bool {
    true
}

impl From<&Limit> for LimitBody {
    fn from(limit: &Limit) -> Self {
        Self { name: limit.name.clone(), limit: limit.limit, window_ms: limit.window_ms, auto: limit.auto }
    }
}

/// A list of at most 10 items, with a name of its own in unions.
#[derive(Debug, Clone)]
pub struct ItemList<T>(pub Vec<T>);

/// A list of limits.
pub type LimitList = ItemList<LimitBody>;

impl<T: Type> Type for ItemList<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        format!("{}List", T::name()).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let mut list = MetaSchema::new("array");
        list.items = Some(Box::new(T::schema_ref()));
        list.max_items = Some(LIMITS_MAX);
        MetaSchemaRef::Inline(Box::new(list))
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<T: ParseFromJSON> ParseFromJSON for ItemList<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        Vec::parse_from_json(value).map(Self).map_err(ParseError::propagate)
    }
}

impl<T: ToJSON> ToJSON for ItemList<T> {
    fn to_json(&self) -> Option<Value> {
        self.0.to_json()
    }
}

/// Reads a list of limits, each with a name of its own.
pub fn read_limits(fields: &mut Fields, pointer: &str, bodies: &[LimitBody]) -> Vec<Limit> {
    if bodies.len() > LIMITS_MAX {
        fields.refuse(pointer, ValidationError::new("too-many", format!("at most {LIMITS_MAX} limits")));
    }
    let limits = fields.take_list(pointer, bodies, read_limit);
    for (index, limit) in limits.iter().enumerate() {
        if limits[..index].iter().any(|earlier| earlier.name == limit.name) {
            let refusal = ValidationError::new("duplicate-name", format!("there are two limits named {}", limit.name));
            fields.refuse(&format!("{pointer}/{index}/name"), refusal);
        }
    }
    limits
}

fn read_limit(body: &LimitBody) -> Result<Limit, ValidationError> {
    Limit::check_name(&body.name)?;
    if !(1..=LIMIT_MAX).contains(&body.limit) {
        return Err(ValidationError::new("range", format!("limit is 1 to {LIMIT_MAX}")));
    }
    if !(WINDOW_MS_MIN..=WINDOW_MS_MAX).contains(&body.window_ms) {
        return Err(ValidationError::new("range", format!("window_ms is {WINDOW_MS_MIN} to {WINDOW_MS_MAX}")));
    }
    Ok(Limit { name: body.name.clone(), limit: body.limit, window_ms: body.window_ms, auto: body.auto })
}
